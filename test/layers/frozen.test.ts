import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { dataSets } from '../../data';
import type { LabelledBatch } from '../../data';
import { Network } from '../../graph';
import { prepareTraining, trainAndPrune } from '../../jobs';
import { noteFrozen, traceNetwork } from '../../jobs/choose-method';
import { BatchStatistics, frozenLayers, prunable, weightsByName } from '../../layers';
import { reestimate } from '../../measure/batch-statistics';
import { EagerStep } from '../../trainer/step/eager-step';
import { Sgd } from '../../trainer/step/optimizer';
import { describeOn } from '../engines';
import { random, randomizeWeights } from '../tensors';
import {
  scratchFolder,
  StopWhen,
  toyData,
  toyModel,
  toyTrainer,
  train,
} from '../trainer/fixtures/toy-run';

const { layers } = tf;
const isAverage = /\/moving_(mean|variance)$/;

/** An image network: a trained part, and a frozen one by its own flag or by that of models around it. */
function network(how: 'flag' | 'nested' | 'nested twice', scale = true): tf.LayersModel {
  const trainable = how !== 'flag';
  const frozen = tf.sequential({ name: 'base' });
  frozen.add(
    layers.conv2d({ name: 'c0', filters: 4, kernelSize: 3, inputShape: [5, 5, 1], trainable }),
  );
  frozen.add(layers.batchNormalization({ name: 'b0', trainable, scale, center: scale }));
  let inner: tf.Sequential = frozen;
  if (how === 'nested twice') {
    inner = tf.sequential({ name: 'around' });
    inner.add(layers.zeroPadding2d({ name: 'pad', padding: 1, inputShape: [3, 3, 1] }));
    inner.add(frozen);
  }
  const input = tf.input({ shape: how === 'nested twice' ? [3, 3, 1] : [5, 5, 1] });
  let x = inner.apply(input) as tf.SymbolicTensor;
  for (const layer of [
    layers.conv2d({ name: 'c1', filters: 4, kernelSize: 1 }),
    layers.batchNormalization({ name: 'b1' }),
    layers.flatten(),
    layers.dense({ name: 'head', units: 3 }),
  ]) {
    x = layer.apply(x) as tf.SymbolicTensor;
  }
  const model = tf.model({ inputs: input, outputs: x });
  randomizeWeights(model);
  if (how !== 'flag') inner.trainable = false;
  return model;
}

function batchFor(model: tf.LayersModel): LabelledBatch {
  const images = random([6, ...(model.inputs[0]!.shape.slice(1) as number[])]) as tf.Tensor4D;
  return { images, labels: tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32') };
}

/** The weights whose names match, as numbers. */
function valuesIn(model: tf.LayersModel, names: RegExp): Map<string, number[]> {
  const weights = [...weightsByName(model)].filter(([name]) => names.test(name));
  return new Map(weights.map(([name, weight]) => [name, [...weight.read().dataSync()]]));
}

describeOn(['cpu', 'tensorflow', 'wasm'], 'a frozen BatchNormalization', () => {
  it.each([
    ['flag', true],
    ['flag', false],
    ['nested', true],
    ['nested', false],
    ['nested twice', true],
    ['nested twice', false],
  ] as const)('keeps its averages in 5 steps, frozen by %s, scale %s', (how, scale) => {
    const stock = network(how, scale);
    const model = prunable(stock);
    const batch = batchFor(model);
    const before = valuesIn(model, /./);
    const optimizer = new Sgd({ momentum: 0.9 });
    const step = new EagerStep(model, optimizer);
    for (let index = 0; index < 5; index++) step.run(batch, 0.1).dispose();
    const after = valuesIn(model, /./);
    for (const [name, values] of after) {
      const isFrozen = /(c0|b0)\//.test(name);
      if (isFrozen) expect([name, values]).toEqual([name, before.get(name)]);
      else if (/kernel|b1\/(?!mask)/.test(name)) expect(values).not.toEqual(before.get(name));
    }
    optimizer.dispose();
    tf.dispose([batch.images, batch.labels]);
    model.dispose();
    stock.dispose();
  });

  it.each(['wrapper', 'inner', 'model', 'not'] as const)(
    'keeps its averages within TimeDistributed too, where one is frozen: %s',
    (frozen) => {
      const bare = frozen === 'model' ? { scale: false, center: false } : {}; // no weight says it
      const inner = layers.batchNormalization({
        name: 'b0',
        trainable: frozen !== 'inner',
        ...bare,
      });
      const wrapper = layers.timeDistributed({ name: 'each', layer: inner, inputShape: [2, 3] });
      if (frozen === 'wrapper') wrapper.trainable = false;
      const base = tf.sequential({ name: 'base', layers: [wrapper] });
      const stock = tf.sequential();
      stock.add(base);
      stock.add(layers.flatten());
      stock.add(layers.dense({ name: 'head', units: 3 }));
      if (frozen === 'model') base.trainable = false;
      const model = prunable(stock);
      const input = random([4, 2, 3]);
      const before = valuesIn(model, isAverage);
      expect(before.size).toBe(2);
      tf.tidy(() => void model.apply(input, { training: true }));
      const kept = [...valuesIn(model, isAverage)].every(
        ([name, values]) => String(values) === String(before.get(name)),
      );
      expect(kept).toBe(frozen !== 'not');
      tf.dispose(input);
      model.dispose();
      stock.dispose();
    },
  );

  it('normalizes by its averages in training, and so do its gradients', () => {
    const input = tf.input({ shape: [2] });
    const layer = layers.batchNormalization({ trainable: false, epsilon: 0 });
    const stock = tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor });
    layer.setWeights(
      [
        [2, 3],
        [1, 0],
        [5, 0],
        [4, 9],
      ].map((values) => tf.tensor1d(values)),
    );
    const model = prunable(stock);
    const apply = (x: tf.Tensor): tf.Tensor => model.apply(x, { training: true }) as tf.Tensor;
    const [y, slope] = tf.tidy(() => {
      const x = tf.tensor2d([
        [7, 3],
        [5, -3],
      ]);
      return [apply(x), tf.grad(apply)(x)].map((tensor) => [...tensor.dataSync()]);
    });
    [3, 3, 1, -3].forEach((value, at) => {
      expect(y![at]).toBeCloseTo(value, 5); // (7 - 5) / 2 * 2 + 1, (3 - 0) / 3 * 3
    });
    [1, 1, 1, 1].forEach((value, at) => {
      expect(slope![at]).toBeCloseTo(value, 5); // gamma / deviation
    });
    model.dispose();
    stock.dispose();
  });

  it('is left alone where averages are measured anew', async () => {
    const stock = network('nested');
    const model = prunable(stock);
    const batch = batchFor(model);
    const before = valuesIn(model, isAverage);
    expect(new BatchStatistics(model).count).toBe(1); // b1
    const batches = (async function* () {
      yield await Promise.resolve(batch);
    })();
    await reestimate(Network.of(model), { groups: new Map(), weights: new Map() }, batches);
    const after = valuesIn(model, isAverage);
    expect(after.get('base/b0/moving_mean')).toEqual(before.get('base/b0/moving_mean'));
    expect(after.get('base/b0/moving_variance')).toEqual(before.get('base/b0/moving_variance'));
    expect(after.get('b1/moving_mean')).not.toEqual(before.get('b1/moving_mean'));
    tf.dispose([batch.images, batch.labels]);
    model.dispose();
    stock.dispose();
  });
});

describeOn(['cpu'], 'a run with frozen layers', () => {
  const frozenToy = (): tf.LayersModel => {
    const model = toyModel();
    for (const name of ['conv0', 'bn0']) model.getLayer(name).trainable = false;
    return model;
  };

  it('keeps them to the bit, and so does the run that resumes', async () => {
    const hashes = [];
    for (const stops of [[], [5]]) {
      const folder = scratchFolder();
      for (const [attempt, at] of [...stops, null].entries()) {
        const stop = at === null ? undefined : new StopWhen(({ trainer }) => trainer.steps === at);
        const model = frozenToy();
        const before = valuesIn(model, /^(conv0|bn0)\//);
        const toy = await toyTrainer(folder, { model, stop, method: null }, attempt > 0);
        if (attempt > 0) expect(await toy.trainer.tryResume()).toBe(true);
        expect(await train(toy.trainer)).toBe(stop ? 'stopped' : 'finished');
        expect(toy.trainer.steps).toBe(at ?? 8);
        expect(valuesIn(model, /^(conv0|bn0)\//)).toEqual(before);
        if (!stop) hashes.push(toy.hash());
        toy.dispose();
      }
    }
    expect(hashes[1]).toBe(hashes[0]);
  });
});

describe('frozen layers', () => {
  it.each([
    ['flag', 'base/c0', 'base/b0'],
    ['nested', 'base/c0', 'base/b0'],
    ['nested twice', 'around/base/c0', 'around/base/b0'],
  ] as const)('are found, frozen by %s, in a copy with masks too', (how, ...paths) => {
    const stock = network(how);
    const model = prunable(stock);
    for (const one of [stock, model])
      expect([...frozenLayers(one)].sort()).toEqual(paths.toSorted());
    model.dispose();
    stock.dispose();
  });

  it('lose no filters, for which there is a reason, until it is asked for', () => {
    const model = network('flag');
    const notes: string[] = [];
    const whole = traceNetwork(model, {});
    noteFrozen(whole, (words) => notes.push(words));
    expect(whole.graph.prunable.map(({ id }) => id)).toEqual(['c1']);
    expect(whole.graph.groupById.get('base/c0')).toMatchObject({
      frozen: 'base/c0 is frozen in the network (trainable: false)',
      excluded: true,
    });
    expect(whole.graph.kernels).not.toContain('base/c0/kernel'); // no single weights either
    const asked = traceNetwork(model, { pruneFrozen: true });
    noteFrozen(asked, (words) => notes.push(words));
    expect(asked.graph.prunable.map(({ id }) => id)).toEqual(['base/c0', 'c1']);
    expect(notes).toEqual(['1 layer is left whole, frozen in the network (trainable: false)']);
    model.dispose();
  });

  it('leave nothing to train where all are, which is said before a folder is made', async () => {
    const model = network('flag');
    model.trainable = false;
    const data = { ...toyData(), recipe: dataSets.mnist.recipe };
    const refusal = {
      option: 'model',
      problem: expect.stringContaining('nothing to train') as string,
    };
    await expect(prepareTraining({ model, data, batchSize: 4 })).rejects.toMatchObject(refusal);
    const runDir = `${scratchFolder()}/run`;
    await expect(trainAndPrune({ model, data, runDir, batchSize: 4 })).rejects.toMatchObject(
      refusal,
    );
    expect(existsSync(runDir)).toBe(false);
    model.dispose();
  });
});
