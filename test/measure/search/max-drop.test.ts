import * as tf from '@tensorflow/tfjs';
import { StoppedError } from '../../../errors';
import { expect, it } from 'vitest';
import { harden } from '../../../surgery';
import { Network, removedUnits } from '../../../graph';
import {
  chooseUnits,
  completePolicy,
  NormFilter,
  proposeByRate,
  scoreKernels,
} from '../../../methods';
import { highestRate } from '../../../measure/search/max-drop';
import type { JudgedRate } from '../../../measure/search/max-drop';
import { PrunedCopy } from '../../../measure/pruned-copy';
import { evaluate } from '../../../measure/accuracy';
import { describeOn } from '../../engines';
import { scratchFolder, toyData, toyModel, toyTrainer } from '../../trainer/fixtures/toy-run';

describeOn(['cpu'], 'highestRate on a trained network', () => {
  it('judges each candidate as export would leave it, and answers within the drop', async () => {
    const data = toyData(32, 30);
    const toy = await toyTrainer(`${scratchFolder()}/run`, {
      ...{ method: null, epochs: 8, data, augment: false },
      learningRate: () => 0.05,
    });
    await toy.trainer.train();
    const { model, graph } = toy;
    const whole = (await evaluate(model, data.validation, data, 10)).top1;
    expect(whole).toBeGreaterThan(0.8); // of 3 classes: it has learnt
    using copy = new PrunedCopy({ model, graph }, 'filter', {
      data,
      batchSize: 8,
      seed: 1,
      bnBatches: 4,
    });
    const tried: JudgedRate[] = [];
    const scores = scoreKernels(new NormFilter(), Network.of(model));
    const best = await highestRate({
      propose: proposeByRate(graph, scores, completePolicy({ rate: 0.5 })),
      judge: (keep) => copy.accuracyOf(keep),
      whole,
      maxDrop: 10,
      onCandidate: (candidate) => tried.push(candidate),
    });
    expect(best.drop).toBeLessThanOrEqual(10);
    expect(removedUnits(best.keep)).toBeGreaterThan(0);
    const worse = tried.filter(({ rate }) => rate > best.rate);
    expect(worse.every(({ drop }) => drop > 10)).toBe(true);
    await copy.settle(best.keep);
    const hard = harden({ model: copy.model, graph }, best.keep);
    expect((await evaluate(hard, data.validation, data, 10)).top1).toBe(best.accuracy);
    hard.dispose();
    toy.dispose();
  });

  it('leaves a copy as it was when it is asked to stop', async () => {
    const model = toyModel();
    const network = Network.of(model);
    const stop = new AbortController();
    const how = { data: toyData(), batchSize: 4, seed: 1, bnBatches: 2, signal: stop.signal };
    using copy = new PrunedCopy(network, 'filter', how);
    const valuesOf = (): unknown => copy.model.getWeights().map((one) => one.dataSync().slice());
    const before = valuesOf();
    const tensors = tf.memory().numTensors;
    const keep = chooseUnits(network, new NormFilter(), { rate: 0.5 });
    stop.abort(new StoppedError('SIGTERM'));
    await expect(copy.accuracyOf(keep)).rejects.toThrow(new StoppedError('SIGTERM'));
    expect(valuesOf()).toEqual(before); // masks and averages too
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });
});
