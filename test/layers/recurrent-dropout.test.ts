import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../layers';
import { random } from '../tensors';

const { layers } = tf;
const dropping = { units: 2, dropout: 0.3, recurrentDropout: 0.3, returnSequences: true };

const recurrent: Record<string, () => tf.layers.Layer> = {
  SimpleRNN: () => layers.simpleRNN(dropping),
  GRU: () => layers.gru(dropping),
  LSTM: () => layers.lstm(dropping),
  'an RNN of a cell': () => layers.rnn({ cell: layers.simpleRNNCell(dropping) }),
  'an RNN of stacked cells': () =>
    layers.rnn({ cell: [layers.gruCell(dropping), layers.lstmCell(dropping)] }),
  Bidirectional: () => layers.bidirectional({ layer: layers.lstm(dropping), mergeMode: 'concat' }),
};

describe.each(Object.entries(recurrent))('%s with dropout', (_, make) => {
  const input = tf.input({ shape: [3, 4] });
  const model = tf.model({ inputs: input, outputs: make().apply(input) as tf.SymbolicTensor });

  it('takes batches of any size one after the other and leaves no tensor', () => {
    const [two, five] = [random([2, 3, 4]), random([5, 3, 4])];
    const before = tf.memory().numTensors;
    for (const x of [two, five, two]) tf.tidy(() => void model.predict(x));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('draws anew for each call in training, and not at inference', () => {
    const x = random([2, 3, 4]);
    const said = (training: boolean): string =>
      tf.tidy(() => (model.apply(x, { training }) as tf.Tensor).dataSync().join());
    expect(said(false)).toBe(said(false));
    expect(said(true)).not.toBe(said(true));
  });
});
