import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Network } from '../../../graph';
import { prunable, weightsByName } from '../../../layers';
import { Methodology } from '../../../methods';
import type { Gathering, Observes } from '../../../methods';
import { StoppedError } from '../../../errors';
import { observationBatches, withEvidence } from '../../../measure/observe/evidence';
import { firstBatches, gatherEvidence } from '../../../measure/observe/observation';
import { startEngine } from '../../../backend/engine';
import { toyData } from '../../trainer/fixtures/toy-run';
import { describeOn } from '../../engines';
import { expectClose, random, randomizeWeights } from '../../tensors';
import type { LabelledBatch } from '../../../data';

type Symbolic = tf.SymbolicTensor;

/** Keeps what it is shown as it is. */
class Witness extends Methodology {
  constructor(
    override readonly observes: Observes,
    override readonly gathers: Gathering = 'mean',
  ) {
    super();
  }

  protected override score(kernel: tf.Tensor): tf.Tensor {
    return tf.clone(kernel);
  }
}

const labels = [0, 1, 2, 1];

function batchOf(seed: number, samples = 4): LabelledBatch {
  return {
    images: random([samples, 4, 4, 2], seed),
    labels: tf.tensor1d(labels.slice(0, samples), 'int32'),
  };
}

/** What the method saw of the batches, as values by kernel. */
async function seenBy(
  model: tf.LayersModel,
  method: Methodology,
  batches: readonly LabelledBatch[],
  classWeights?: readonly number[],
): Promise<Map<string, { shape: number[]; values: Float32Array }>> {
  const network = { model, graph: Network.of(model).graph, classWeights };
  using gathered = await gatherEvidence(network, method, batches);
  const seen = [...gathered.evidence!].map(([name, tensor]) => {
    const values = tensor.dataSync<'float32'>().slice();
    return [name, { shape: tensor.shape, values }] as const;
  });
  for (const { images, labels: classes } of batches) tf.dispose([images, classes]);
  return new Map(seen);
}

/** conv, bn, relu; a transposed convolution in a nested model; pooling, dense. */
function toyModel(): tf.LayersModel {
  const nested = tf.sequential({
    name: 'nested',
    layers: [
      tf.layers.conv2dTranspose({ name: 'up', filters: 2, kernelSize: 2, inputShape: [4, 4, 3] }),
      tf.layers.activation({ name: 'tanh', activation: 'tanh' }),
    ],
  });
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ name: 'conv', filters: 3, kernelSize: 3, padding: 'same', inputShape: [4, 4, 2] }),
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.reLU({ name: 'relu' }),
      nested,
      tf.layers.globalAveragePooling2d({ name: 'pool' }),
      tf.layers.dropout({ name: 'drop', rate: 0.9 }),
      tf.layers.dense({ name: 'head', units: 3 }),
    ],
  }); // prettier-ignore
  randomizeWeights(model, 5);
  return model;
}

/** Mean cross entropy of the batch, from the definition: -log of the softmax at the label. */
function lossOf(model: tf.LayersModel, { images, labels: classes }: LabelledBatch): number {
  return tf.tidy(() => {
    const logits = (model.predict(images) as tf.Tensor2D).arraySync();
    const indices = classes.arraySync();
    const losses = logits.map(
      (row, image) =>
        Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[indices[image]!]!,
    );
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  });
}

describeOn(['cpu', 'tensorflow'], 'the gradients that a method observes', () => {
  it('are those of the mean loss by central differences, filters along the last axis', async () => {
    const model = toyModel();
    const seen = await seenBy(model, new Witness('gradients'), [batchOf(1)]);
    const batch = batchOf(1);
    expect([...seen.keys()].sort()).toEqual(['conv/kernel', 'head/kernel', 'nested/up/kernel']);
    expect(seen.get('nested/up/kernel')!.shape).toEqual([2, 2, 3, 2]); // stored as [2, 2, out 2, in 3]
    const step = 1e-2;
    for (const [name, { shape, values }] of seen) {
      const weight = weightsByName(model).get(name)!;
      const own = weight.read().dataSync<'float32'>().slice();
      for (const index of [0, 3, own.length - 1]) {
        const [low, high] = [-step, step].map((shift) => {
          const moved = tf.tensor(
            own.map((value, at) => (at === index ? value + shift : value)),
            weight.shape as number[],
          );
          weight.write(moved);
          moved.dispose();
          return lossOf(model, batch);
        });
        const back = tf.tensor(own, weight.shape as number[]);
        weight.write(back);
        back.dispose();
        // [kh, kw, out, in] to [kh, kw, in, out]: index = position * 6 + out * 3 + in
        const place =
          name === 'nested/up/kernel'
            ? Math.floor(index / 6) * 6 + (index % 3) * 2 + Math.floor((index % 6) / 3)
            : index;
        expect(values).toHaveLength(tf.util.sizeFromShape(shape));
        expect(values[place]).toBeCloseTo((high! - low!) / (2 * step), 3);
      }
    }
  });

  it('are of the loss as the training weighs its classes', async () => {
    const model = toyModel();
    const seen = async (weights?: number[]): Promise<Float32Array> =>
      (await seenBy(model, new Witness('gradients'), [batchOf(1)], weights)).get('conv/kernel')!
        .values;
    const [plain, double] = [await seen(), await seen([2, 1, 1])];
    expect(plain.some((own, at) => Math.abs(own - double[at]!) > 1e-4)).toBe(true);
    const expected = plain.map((own, at) => own + 2.5 * (double[at]! - own));
    expectClose(await seen([3.5, 1, 1]), expected);
    model.dispose();
  });

  it('are averaged over the batches, and those of layers that are not trained are among them', async () => {
    const model = toyModel();
    const once = await Promise.all(
      [1, 2].map((seed) => seenBy(model, new Witness('gradients'), [batchOf(seed)])),
    );
    model.getLayer('conv').trainable = false;
    const both = await seenBy(model, new Witness('gradients'), [batchOf(1), batchOf(2)]);
    for (const [name, { values }] of both) {
      const [one, other] = once.map((seen) => seen.get(name)!.values);
      expectClose(values, one!.map((value, index) => (value + other![index]!) / 2)); // prettier-ignore
    }
    expect(both.get('conv/kernel')!.values.some((value) => value !== 0)).toBe(true);
  });
});

describe('the activations that a method observes', () => {
  beforeAll(async () => {
    await startEngine('cpu');
  });

  const activations = (): Witness => new Witness('activations', 'concat');

  /** What the layer `name` of the model, or a nested one, puts out. */
  function outputOf(
    model: tf.LayersModel,
    layer: tf.layers.Layer,
    images: tf.Tensor,
  ): Float32Array {
    return tf.tidy(() => {
      const part = tf.model({
        inputs: model.inputs,
        outputs: layer.getOutputAt(layer.inboundNodes.length - 1),
      });
      return (part.predict(images) as tf.Tensor).dataSync<'float32'>().slice();
    });
  }

  it.each([
    ['a stock network', (): tf.LayersModel => toyModel()],
    ['a prunable network', (): tf.LayersModel => prunable(toyModel())],
  ])('are those behind each kernel of %s, in nested models too', async (_name, make) => {
    const model = make();
    const seen = await seenBy(model, activations(), [batchOf(1)]);
    const { images } = batchOf(1);
    expectClose(seen.get('conv/kernel')!.values, outputOf(model, model.getLayer('relu'), images));
    const up = seen.get('nested/up/kernel')!;
    expect(up.shape).toEqual([4, 5, 5, 2]);
    expectClose(up.values, outputOf(model, model.getLayer('nested'), images)); // which tanh ends
    expectClose(seen.get('head/kernel')!.values, outputOf(model, model.getLayer('head'), images));
  });

  it('are strung together over the batches, or averaged', async () => {
    const model = toyModel();
    const strung = await seenBy(model, activations(), [batchOf(1), batchOf(2, 3)]);
    expect(strung.get('head/kernel')!.shape).toEqual([7, 3]);
    const mean = await seenBy(model, new Witness('activations'), [batchOf(1), batchOf(1)]);
    const once = await seenBy(model, new Witness('activations'), [batchOf(1)]);
    expectClose(mean.get('head/kernel')!.values, once.get('head/kernel')!.values);
  });

  it('of a layer that is called twice are averaged over its calls', async () => {
    // shared(x) and shared(relu1(shared(x))): both read through one ReLU layer
    const shared = tf.layers.conv2d({ name: 'shared', filters: 2, kernelSize: 1 });
    const relu = tf.layers.reLU({ name: 'relu' });
    const input = tf.input({ shape: [4, 4, 2] });
    const first = relu.apply(shared.apply(input)) as Symbolic;
    const second = relu.apply(shared.apply(first)) as Symbolic;
    const pooled = tf.layers.globalAveragePooling2d({ name: 'pool' }).apply(second);
    const outputs = tf.layers.dense({ name: 'head', units: 3 }).apply(pooled) as Symbolic;
    const model = tf.model({ inputs: input, outputs });
    randomizeWeights(model, 2);
    const seen = await seenBy(model, new Witness('activations'), [batchOf(1)]);
    const { images } = batchOf(1);
    const calls = tf.tidy(() =>
      [first, second].map((tensor) =>
        (tf.model({ inputs: input, outputs: tensor }).predict(images) as tf.Tensor)
          .dataSync<'float32'>()
          .slice(),
      ),
    );
    const mean = calls[0]!.map((value, index) => (value + calls[1]![index]!) / 2);
    expectClose(seen.get('shared/kernel')!.values, mean);
  });

  it('of a nested model that is called twice are averaged over its calls', async () => {
    const nested = tf.sequential({
      name: 'nested',
      layers: [
        tf.layers.conv2d({ name: 'inner', filters: 2, kernelSize: 1, inputShape: [4, 4, 2] }),
        tf.layers.reLU({ name: 'relu' }),
      ],
    });
    const input = tf.input({ shape: [4, 4, 2] });
    const first = nested.apply(input) as Symbolic;
    const padded = tf.layers.activation({ name: 'tanh', activation: 'tanh' }).apply(first);
    const second = nested.apply(padded) as Symbolic;
    const pooled = tf.layers.globalAveragePooling2d({ name: 'pool' }).apply(second);
    const outputs = tf.layers.dense({ name: 'head', units: 3 }).apply(pooled) as Symbolic;
    const model = tf.model({ inputs: input, outputs });
    randomizeWeights(model, 2);
    const seen = await seenBy(model, new Witness('activations'), [batchOf(1)]);
    const { images } = batchOf(1);
    // The first call is read by tanh and so seen behind it; the second ends in its own ReLU.
    const calls = tf.tidy(() =>
      [padded as Symbolic, second].map((tensor) =>
        (tf.model({ inputs: input, outputs: tensor }).predict(images) as tf.Tensor)
          .dataSync<'float32'>()
          .slice(),
      ),
    );
    const mean = calls[0]!.map((value, index) => (value + calls[1]![index]!) / 2);
    expectClose(seen.get('nested/inner/kernel')!.values, mean);
  });
});

describe('observing', () => {
  beforeAll(async () => {
    await startEngine('cpu');
  });

  it.each(['gradients', 'activations'] as const)(
    'leaves no tensor behind but what it gives, and the network as it was: %s',
    async (observes) => {
      const model = toyModel();
      const network = Network.of(model);
      const batches = [batchOf(1), batchOf(2)];
      const weights = model.getWeights().map((weight) => weight.dataSync().slice());
      for (const gathers of ['mean', 'concat'] as const) {
        const before = tf.memory().numTensors;
        {
          using gathered = await gatherEvidence(network, new Witness(observes, gathers), batches);
          expect(tf.memory().numTensors).toBe(before + gathered.evidence!.size);
        }
        expect(tf.memory().numTensors).toBe(before);
      }
      expect(model.getWeights().map((weight) => weight.dataSync().slice())).toEqual(weights);
      expect(Object.hasOwn(model.getLayer('conv'), 'apply')).toBe(false);
    },
  );

  it('frees what it has gathered when a batch fails', async () => {
    const model = toyModel();
    const network = Network.of(model);
    const batches = [batchOf(1)];
    function* failing(): Generator<LabelledBatch> {
      yield batches[0]!;
      throw new Error('no more');
    }
    const before = tf.memory().numTensors;
    const witness = new Witness('activations');
    await expect(gatherEvidence(network, witness, failing())).rejects.toThrow('no more');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('asks for no batch where the method observes nothing, and for one where it does', async () => {
    const model = toyModel();
    const network = Network.of(model);
    using nothing = await gatherEvidence(network, new Witness('nothing'), []);
    expect(nothing.evidence).toBeNull();
    await expect(gatherEvidence(network, new Witness('gradients'), [])).rejects.toThrow(
      'batches must be at least one, got 0',
    );
  });

  it('takes the first batches of a feed and frees each', async () => {
    const freed: number[] = [];
    async function* feed() {
      for (let index = 0; index < 5; index++) {
        await Promise.resolve();
        yield { ...batchOf(index), index, dispose: () => freed.push(index) } as never;
      }
    }
    let taken = 0;
    for await (const batch of firstBatches(feed(), 3)) {
      taken++;
      expect(freed).toHaveLength(taken - 1);
      tf.dispose([batch.images, batch.labels]);
    }
    expect(taken).toBe(3);
    expect(freed).toEqual([0, 1, 2]);
  });

  it('is fed no more batches once it is asked to stop', async () => {
    const stop = new AbortController();
    const order = { seed: 1, epoch: 0, batchSize: 4 };
    const before = tf.memory().numTensors;
    const feed = async (): Promise<void> => {
      for await (const batch of observationBatches(toyData(), order, 3, stop.signal)) {
        expect(batch.images.shape[0]).toBe(4);
        stop.abort(new StoppedError('SIGTERM'));
      }
    };
    await expect(feed()).rejects.toThrow(new StoppedError('SIGTERM'));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('lends its evidence for the time of one act', async () => {
    const network = Network.of(toyModel());
    const batches = [batchOf(1)];
    const before = tf.memory().numTensors;
    const feed = () => observationBatches(toyData(), { seed: 1, epoch: 0, batchSize: 4 }, 1);
    const lent = await withEvidence(network, new Witness('nothing'), feed, (evidence) => evidence);
    expect(lent).toBeNull();
    async function* one(): AsyncGenerator<LabelledBatch> {
      yield await Promise.resolve(batches[0]!);
    }
    const acting = withEvidence(network, new Witness('activations'), one, (evidence) => {
      expect(evidence!.get('head/kernel')!.isDisposed).toBe(false);
      throw new Error('act failed');
    });
    await expect(acting).rejects.toThrow('act failed');
    expect(tf.memory().numTensors).toBe(before);
  });
});
