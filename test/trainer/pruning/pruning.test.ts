import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { ChannelGraph, keepAll, keepToJson, Network } from '../../../graph';
import { listMaskedWeights, prunable, weightsByName } from '../../../layers';
import type { MaskExtent } from '../../../layers';
import { NormFilter, schedules, startingAt } from '../../../methods';
import type { PolicyOptions, RateSchedule } from '../../../methods';
import { Adam, Sgd } from '../../../trainer/step/optimizer';
import type { Optimizer } from '../../../trainer/step/optimizer';
import { Pruning } from '../../../trainer/pruning/pruning';
import type { PruningState } from '../../../trainer/pruning/pruning';
import { EagerStep } from '../../../trainer/step/eager-step';
import { Timetable } from '../../../trainer/pruning/timetable';
import type { PruningTimes } from '../../../trainer/pruning/timetable';
import { describeOn } from '../../engines';
import { expectNoLeak, random } from '../../tensors';
import {
  CLASSES,
  scratchFolder,
  SIZE,
  toyData,
  toyPruning,
  toyMethods,
  toyModel,
  toyTrainer,
} from '../fixtures/toy-run';
import type { ToyPruning } from '../fixtures/toy-run';

const always: PruningTimes = { from: 0, every: 1, atStart: false };
const constant = startingAt(schedules.constant);

/** An event after each of many epochs. */
const endless = new Timetable(always, 1000);

interface Parts {
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  readonly optimizer: Optimizer;
  readonly pruning: Pruning;
  /** Takes `count` steps on random images. */
  train(count: number): void;
  dispose(): void;
}

function partsOf(
  { method, policy }: ToyPruning,
  {
    extent = 'unit',
    optimizer = decayingSgd(),
    timetable = endless,
    schedule = constant,
  }: {
    extent?: MaskExtent;
    optimizer?: Optimizer;
    timetable?: Timetable;
    schedule?: RateSchedule;
  } = {},
): Parts {
  const model = toyModel();
  const graph = ChannelGraph.of(model);
  const step = new EagerStep(model, optimizer);
  let taken = 0;
  return {
    model,
    graph,
    optimizer,
    pruning: new Pruning({
      network: new Network(model, graph),
      ...{ method, policy, optimizer, timetable, schedule, extent },
    }),
    train: (count) => {
      for (let end = taken + count; taken < end; taken++) {
        const images = random([4, SIZE, SIZE, 1], 100 + taken);
        const labels = tf.tensor1d([0, 1, 2, taken % CLASSES], 'int32');
        tf.dispose([step.run({ images, labels }, 0.05), images, labels]);
      }
    },
    dispose: () => {
      optimizer.dispose();
      model.dispose();
    },
  };
}

function normFilter(policy: PolicyOptions): ToyPruning {
  return { method: new NormFilter(), policy };
}

function decayingSgd(): Sgd {
  return new Sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.01 });
}

/** Values of a weight; a variable's data may be used in place, so this is a copy. */
function valuesIn(model: tf.LayersModel, name: string): Float32Array {
  return Float32Array.from(weightsByName(model).get(name)!.read().dataSync());
}

/** The largest magnitude of each last-axis channel. */
function channelMagnitudes(values: Float32Array, channels: number): number[] {
  const largest = new Array<number>(channels).fill(0);
  values.forEach((value, index) => {
    largest[index % channels] = Math.max(largest[index % channels]!, Math.abs(value));
  });
  return largest;
}

/** The channels of a toy layer that were removed; `none` before the first choice. */
function removedIn(pruning: Pruning, layer: string, none?: number[]): number[] {
  const kept = pruning.keep.groups.get(layer);
  return kept ? zerosOf(kept) : none!;
}

/** Those of them that may no longer return. */
function heldIn(pruning: Pruning, layer: string): number[] {
  return zerosOf(pruning.held.groups.get(layer)!);
}

function zerosOf(kept: Uint8Array): number[] {
  return [...kept.keys()].filter((channel) => !kept[channel]);
}

function areMasksFull(model: tf.LayersModel): boolean {
  return listMaskedWeights(model).every(({ mask }) =>
    mask
      .read()
      .dataSync()
      .every((flag) => flag === 1),
  );
}

/** What belongs to the filters of each toy convolution; a removed filter silences all of it. */
const belongings = {
  conv0: ['conv0/kernel', 'bn0/gamma', 'bn0/beta', 'bn0/moving_mean'],
  conv1: ['conv1/kernel', 'conv1/bias', 'bn1/gamma', 'bn1/beta', 'bn1/moving_mean'],
} as const;
const widths = { conv0: 4, conv1: 6 } as const;

describeOn(['cpu'], 'pruning during training', () => {
  it('soft: zeroes the kernels alone, lifts the masks, and lets the filters grow again', () => {
    const parts = partsOf(toyPruning('norm-filter', 'soft'));
    const { model, pruning } = parts;
    parts.train(3);
    const before = ['conv1/bias', 'bn0/gamma', 'bn0/beta', 'bn1/moving_mean'].map((name) =>
      valuesIn(model, name),
    );
    pruning.event(0);
    // floor(4 * 0.4) = 1 of conv0, floor(6 * 0.4) = 2 of conv1
    expect([removedIn(pruning, 'conv0').length, removedIn(pruning, 'conv1').length]).toEqual([
      1, 2,
    ]);
    for (const [layer, width] of Object.entries(widths)) {
      const magnitudes = channelMagnitudes(valuesIn(model, `${layer}/kernel`), width);
      const gone = removedIn(pruning, layer);
      magnitudes.forEach((magnitude, channel) => {
        expect(magnitude === 0).toBe(gone.includes(channel));
      });
    }
    expect(areMasksFull(model)).toBe(true);
    expect(
      ['conv1/bias', 'bn0/gamma', 'bn0/beta', 'bn1/moving_mean'].map((name) =>
        valuesIn(model, name),
      ),
    ).toEqual(before);
    parts.train(1);
    for (const [layer, width] of Object.entries(widths)) {
      const magnitudes = channelMagnitudes(valuesIn(model, `${layer}/kernel`), width);
      for (const channel of removedIn(pruning, layer))
        expect(magnitudes[channel]).toBeGreaterThan(0);
    }
    parts.dispose();
  });

  const optimizers = {
    sgd: decayingSgd,
    adam: () => new Adam({ weightDecay: 0.01 }),
  } as const;

  it.each(Object.keys(optimizers) as (keyof typeof optimizers)[])(
    'hard: keeps everything of a removed filter at exactly 0 for 20 steps of %s',
    (id) => {
      const optimizer = optimizers[id]();
      const parts = partsOf(toyPruning('fpgm', 'hard'), { optimizer });
      const { model, pruning } = parts;
      parts.train(3); // velocities are under way
      const slotsOf = (weight: string): [string, tf.Tensor][] =>
        [...optimizer.slots].filter(([name]) => name.slice(name.indexOf('/') + 1) === weight);
      expect(slotsOf('conv0/kernel').length).toBeGreaterThan(0);
      pruning.event(0);
      for (let step = 0; step <= 20; step++) {
        for (const layer of ['conv0', 'conv1'] as const) {
          for (const name of belongings[layer]) {
            const values = [
              valuesIn(model, name),
              ...slotsOf(name).map(([, slot]) => slot.dataSync<'float32'>()),
            ];
            for (const found of values) {
              const magnitudes = channelMagnitudes(Float32Array.from(found), widths[layer]);
              const silent = removedIn(pruning, layer).map((channel) => magnitudes[channel]);
              expect(silent, `${name} after ${step} steps`).toEqual(silent.map(() => 0));
            }
          }
        }
        parts.train(1);
      }
      // and the others live
      const kernel = channelMagnitudes(valuesIn(model, 'conv1/kernel'), 6);
      expect(kernel.filter((magnitude) => magnitude > 0)).toHaveLength(4);
      parts.dispose();
    },
  );

  it('hard: keeps single weights at exactly 0, in the classifier too', () => {
    const parts = partsOf(toyPruning('norm-weight', 'hard'));
    const { model, optimizer, pruning } = parts;
    parts.train(2);
    pruning.event(0);
    expect([...pruning.keep.weights.keys()]).toEqual([
      'conv0/kernel',
      'conv1/kernel',
      'head/kernel',
    ]);
    for (let step = 0; step < 20; step++) {
      parts.train(1);
      for (const [name, kept] of pruning.keep.weights) {
        const slot = optimizer.slots.get(`velocity/${name}`)!.dataSync();
        const values = valuesIn(model, name);
        kept.forEach((stays, index) => {
          if (!stays) expect([Math.abs(values[index]!), Math.abs(slot[index]!)]).toEqual([0, 0]);
        });
      }
    }
    parts.dispose();
  });

  it("the extent 'kernel' touches kernels only", () => {
    const parts = partsOf(toyPruning('norm-filter', 'hard'), { extent: 'kernel' });
    const { model, pruning } = parts;
    parts.train(3);
    const others = [...weightsByName(model).keys()].filter(
      (name) => !name.endsWith('/kernel') && !name.endsWith('mask'),
    );
    const before = others.map((name) => valuesIn(model, name));
    pruning.event(0);
    expect(others.map((name) => valuesIn(model, name))).toEqual(before);
    const isKernelMask = new Map(
      listMaskedWeights(model).map(({ mask, isKernel }) => [mask, isKernel] as const),
    );
    for (const [mask, isKernel] of isKernelMask) {
      if (!isKernel) expect(mask.read().dataSync().includes(0)).toBe(false);
    }
    parts.train(5);
    const kernel = channelMagnitudes(valuesIn(model, 'conv1/kernel'), 6);
    for (const channel of removedIn(pruning, 'conv1')) expect(kernel[channel]).toBe(0);
    // gamma and beta of a removed filter go on by their weight decay and gradients, as published
    const gamma = valuesIn(model, 'bn1/beta');
    for (const channel of removedIn(pruning, 'conv1')) expect(gamma[channel]).not.toBe(0);
    parts.dispose();
  });

  it.each([
    ['soft', 'unit'],
    ['hard', 'unit'],
    ['hard', 'kernel'],
  ] as const)(
    'whileMasked silences whole units and restores the masks: %s, %s',
    async (regrowth, extent) => {
      const parts = partsOf(toyPruning('norm-filter', regrowth), { extent });
      const { model, pruning } = parts;
      parts.train(2);
      pruning.event(0);
      parts.train(2);
      const all = (): Float32Array[] =>
        [...weightsByName(model).keys()].map((name) => valuesIn(model, name));
      const before = all();
      const images = random([2, SIZE, SIZE, 1], 9);
      const outputOf = (name: string): tf.Tensor => {
        const part = tf.model({
          inputs: model.inputs,
          outputs: model.getLayer(name).output,
        });
        return part.predict(images) as tf.Tensor;
      };
      const answer = await pruning.whileMasked(() => {
        const after = tf.tidy(() =>
          channelMagnitudes(Float32Array.from(outputOf('bn1').dataSync()), 6),
        );
        for (const channel of removedIn(pruning, 'conv1')) expect(after[channel]).toBe(0);
        return Promise.resolve('measured');
      });
      expect(answer).toBe('measured');
      expect(all()).toEqual(before);
      const failing = pruning.whileMasked(() => Promise.reject(new Error('no')));
      await expect(failing).rejects.toThrow('no');
      expect(all()).toEqual(before);
      images.dispose();
      parts.dispose();
    },
  );

  it.each(['soft', 'hard'] as const)('%s: tells how much the choice changed', (regrowth) => {
    const input = tf.input({ shape: [2, 2, 1] });
    const conv = tf.layers.conv2d({ name: 'conv', filters: 4, kernelSize: 1, useBias: false });
    const pool = tf.layers.globalAveragePooling2d({ name: 'pool' });
    const head = tf.layers.dense({ name: 'head', units: 2 });
    const outputs = head.apply(pool.apply(conv.apply(input))) as tf.SymbolicTensor;
    const model = prunable(tf.model({ inputs: input, outputs }));
    const graph = ChannelGraph.of(model);
    const pruning = new Pruning({
      ...{ method: new NormFilter(), policy: { rate: 0.5, regrowth } },
      ...{ network: new Network(model, graph), optimizer: decayingSgd() },
      ...{ timetable: endless, schedule: constant, extent: 'unit' },
    });
    const setFilters = (values: number[]): void => {
      const kernel = tf.tensor(values, [1, 1, 1, 4]);
      weightsByName(model).get('conv/kernel')!.write(kernel);
      kernel.dispose();
    };
    expect(pruning.keep).toBe(keepAll);
    setFilters([1, 2, 3, 4]);
    const spread = { min: 1, mean: 2.5, max: 4, deviation: Math.sqrt(1.25) };
    // {} -> {0, 1}: nothing in common, 1 - 0/2
    expect(pruning.event(0)).toEqual({
      removed: 2,
      units: 4,
      churn: 1,
      rate: 0.5,
      held: regrowth === 'soft' ? 0 : 2,
      kept: 'conv:2/4',
      // |1|, |2|, |3|, |4|: mean 2.5, deviation sqrt((2.25 + 0.25) * 2 / 4) = sqrt(1.25)
      norms: {
        ...spread,
        relativeDeviation: Math.sqrt(1.25) / 2.5,
        relativeMin: 0.4,
        kernels: { 'conv/kernel': spread },
      },
    });
    expect(valuesIn(model, 'conv/kernel')).toEqual(Float32Array.of(0, 0, 3, 4));
    // the same again: 1 - 2/2
    expect(pruning.event(1)).toMatchObject({ removed: 2, units: 4, churn: 0 });
    setFilters([9, 2, 1, 4]);
    // soft {0, 1} -> {1, 2}: one of three in common, 1 - 1/3; hard stays with what is gone
    const { churn } = pruning.event(2);
    expect(churn).toBeCloseTo(regrowth === 'soft' ? 2 / 3 : 0, 12);
    expect(removedIn(pruning, 'conv')).toEqual(regrowth === 'soft' ? [1, 2] : [0, 1]);
    model.dispose();
  });

  it.each(Object.keys(toyMethods) as (keyof typeof toyMethods)[])(
    'puts the masks of a restored keep set in place: %s',
    (id) => {
      const parts = partsOf(toyPruning(id, 'hard'));
      parts.train(1);
      parts.pruning.event(0);
      const { keep } = parts.pruning.state();
      const masks = listMaskedWeights(parts.model).map(({ mask }) =>
        Float32Array.from(mask.read().dataSync()),
      );
      parts.pruning.restore({ keep: keepToJson(keepAll), held: keepToJson(keepAll) });
      expect(areMasksFull(parts.model)).toBe(true);
      parts.pruning.restore({ keep }); // as an earlier version saved it
      expect(
        listMaskedWeights(parts.model).map(({ mask }) => Float32Array.from(mask.read().dataSync())),
      ).toEqual(masks);
      parts.dispose();
    },
  );

  it('goes on from its state as JSON: what was held stays held', () => {
    const gradual = normFilter({ rate: 0.5, regrowth: 'gradual' });
    const timetable = new Timetable(always, 5);
    const [parts, resumed] = [partsOf(gradual, { timetable }), partsOf(gradual, { timetable })];
    parts.train(1);
    parts.pruning.event(2); // half of what is removed is held
    const saved = JSON.stringify(parts.pruning.state());
    expect(Object.keys(JSON.parse(saved) as object)).toEqual(['keep', 'held']);
    resumed.pruning.restore(JSON.parse(saved) as PruningState);
    expect(JSON.stringify(resumed.pruning.state())).toBe(saved);
    expect([resumed.pruning.keep, resumed.pruning.held]).toEqual([
      parts.pruning.keep,
      parts.pruning.held,
    ]);
    expect(resumed.pruning.event(3).kept).toBe(parts.pruning.event(3).kept);
    parts.dispose();
    resumed.dispose();
  });

  it('gradual: holds a part that grows, which never returns, and lets the rest learn', () => {
    const gradual = normFilter({ rate: 0.5, regrowth: 'gradual' });
    const timetable = new Timetable(always, 5); // progress 0, 1/4, 1/2, 3/4, 1
    const parts = partsOf(gradual, { timetable });
    const { model, pruning, optimizer } = parts;
    const gone = new Map([
      ['conv0', new Set<number>()],
      ['conv1', new Set<number>()],
    ]);
    let returned = 0;
    for (let epoch = 0; epoch < 5; epoch++) {
      const before = new Map(
        [...gone.keys()].map((layer) => [layer, removedIn(pruning, layer, [])]),
      );
      parts.train(3);
      const { removed, held } = pruning.event(epoch);
      // of 4 and 6 filters floor(4 / 2) + floor(6 / 2) = 5 go; held floor(4 p / 2) + floor(6 p / 2)
      expect([removed, held]).toEqual([5, [0, 0, 2, 3, 5][epoch]]);
      for (const [layer, earlier] of gone) {
        const heldNow = heldIn(pruning, layer);
        expect(heldNow).toEqual(expect.arrayContaining([...earlier]));
        expect(removedIn(pruning, layer)).toEqual(expect.arrayContaining(heldNow));
        for (const channel of heldNow) earlier.add(channel);
        returned += before
          .get(layer)!
          .filter((one) => !removedIn(pruning, layer).includes(one)).length;
      }
      parts.train(2);
      for (const [layer, width] of Object.entries(widths) as ['conv0' | 'conv1', number][]) {
        const magnitudes = channelMagnitudes(valuesIn(model, `${layer}/kernel`), width);
        const silent = [...gone.get(layer)!].sort((a, b) => a - b);
        // what is held is zero with all that belongs to it, its velocity too; the rest has grown
        expect([...magnitudes.keys()].filter((channel) => magnitudes[channel] === 0)).toEqual(
          silent,
        );
        for (const name of belongings[layer]) {
          const slot = optimizer.slots.get(`velocity/${name}`);
          const found = [valuesIn(model, name), ...(slot ? [slot.dataSync<'float32'>()] : [])];
          for (const values of found) {
            const sizes = channelMagnitudes(Float32Array.from(values), width);
            expect(silent.map((channel) => sizes[channel])).toEqual(silent.map(() => 0));
          }
        }
      }
    }
    expect(returned).toBeGreaterThan(0); // some of what was only zeroed came back
    expect(pruning.isSilenced).toBe(true);
    parts.dispose();
  });

  it('soft: the last event holds what it removes', () => {
    const timetable = new Timetable({ ...always, until: 1 }, 4);
    const parts = partsOf(toyPruning('norm-filter', 'soft'), { timetable });
    const { model, pruning } = parts;
    parts.train(2);
    expect(pruning.event(0)).toMatchObject({ removed: 3, held: 0 });
    parts.train(2);
    expect(pruning.event(1)).toMatchObject({ removed: 3, held: 3 });
    parts.train(3);
    const magnitudes = channelMagnitudes(valuesIn(model, 'conv1/kernel'), 6);
    for (const channel of removedIn(pruning, 'conv1')) expect(magnitudes[channel]).toBe(0);
    parts.dispose();
  });

  it('removes what the schedule asks for, at the last event all of it', () => {
    const timetable = new Timetable(always, 5);
    const schedule = startingAt(schedules.linear);
    const rates = normFilter({ rate: 0.5, layerRates: [{ pattern: 'conv0', rate: 0.25 }] });
    const parts = partsOf(rates, { timetable, schedule });
    parts.train(1);
    const events = [0, 1, 2, 3, 4].map((epoch) => parts.pruning.event(epoch));
    // progress 0, 1/4 .. 1: conv1 loses floor(6 * p / 2), conv0 floor(4 * p / 4)
    expect(events.map(({ removed }) => removed)).toEqual([0, 0, 1, 2, 4]);
    expect(events.map(({ rate }) => rate)).toEqual([0, 0.125, 0.25, 0.375, 0.5]);
    expect(events.map(({ kept }) => kept)).toEqual([
      'conv0:4/4;conv1:6/6',
      'conv0:4/4;conv1:6/6',
      'conv0:4/4;conv1:5/6',
      'conv0:4/4;conv1:4/6',
      'conv0:3/4;conv1:3/6',
    ]);
    expect([0, 1, 2, 3, 4].map((epoch) => parts.pruning.hasReachedRate(epoch))).toEqual([
      ...[false, false, false, false],
      true,
    ]);
    parts.dispose();
  });

  it('asks for a least rate only as far as the schedule is', () => {
    const timetable = new Timetable(always, 5);
    const schedule = startingAt(schedules.linear);
    const common = normFilter({ rate: 0.5, scope: 'global', minRate: 0.4 });
    const parts = partsOf(common, { timetable, schedule });
    parts.train(1);
    const removed = [0, 1, 2, 3, 4].map((epoch) => parts.pruning.event(epoch).removed);
    expect(removed).toEqual([0, 1, 2, 3, 5]); // floor(10 * p / 2)
    // floor(4 * 0.4) = 1 and floor(6 * 0.4) = 2 at least
    expect(removedIn(parts.pruning, 'conv0').length).toBeGreaterThanOrEqual(1);
    expect(removedIn(parts.pruning, 'conv1').length).toBeGreaterThanOrEqual(2);
    parts.dispose();
  });

  it('refuses an event that removes nothing once the rate is reached, and names the options', () => {
    const parts = partsOf(normFilter({ rate: 0.4, minKeep: 10 }));
    expect(() => parts.pruning.event(0)).toThrow(
      /^rate 0.4 is reached .* removed nothing \(rate, layerRates, minKeep 10, roundTo 1\)$/,
    );
    parts.dispose();
  });

  it.each([
    ['falls', (rate: number, progress: number) => rate * (progress === 1 ? 1 : 1 - progress)],
    ['never reaches the rate', (rate: number, progress: number) => (rate * progress) / 2],
    ['goes beyond the rate', (rate: number, progress: number) => rate * (1 + progress)],
    ['is no number', () => NaN],
  ])('refuses a schedule that %s', (_what, schedule) => {
    expect(() => partsOf(toyPruning('fpgm', 'hard'), { schedule })).toThrow(/^schedule must /);
  });

  it('refuses several events of a one-shot schedule', () => {
    const schedule = startingAt(schedules['one-shot']);
    const build = (): unknown => partsOf(toyPruning('fpgm', 'hard'), { schedule });
    expect(build).toThrow('schedule one-shot has a single event');
  });

  it.each(['soft', 'hard', 'gradual'] as const)('%s: leaves no tensor behind', (regrowth) => {
    const parts = partsOf(toyPruning('fpgm', regrowth));
    parts.train(1);
    expectNoLeak(() => {
      parts.pruning.event(0);
    });
    parts.dispose();
  });

  it('prunes as published: before the first epoch and after each, validated on both sides', async () => {
    const method = new NormFilter();
    const toy = await toyTrainer(scratchFolder(), {
      method,
      policy: { rate: 0.4, regrowth: 'soft', counting: 'paper' },
      data: toyData(8),
      extent: 'kernel',
      pruneAt: { from: 0, every: 1, atStart: true },
    });
    const paperCount = method.paperCount.bind(method);
    method.paperCount = (...given) => {
      const phase = `event after ${toy.trainer.steps} steps`; // of the first group
      if (toy.progress.phases.at(-1) !== phase) toy.progress.phases.push(phase);
      return paperCount(...given);
    };
    await toy.trainer.train();
    expect(toy.progress.phases).toEqual([
      'event after 0 steps',
      'epoch 1/2',
      'validate',
      'event after 2 steps',
      'validate masked',
      'epoch 2/2',
      'validate',
      'event after 4 steps',
      'validate masked',
    ]);
    toy.dispose();
  });
});
