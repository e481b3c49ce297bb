import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { harden, pruningManifest } from '../../surgery';
import { composeKeep, inflate, pruningOf } from '../../surgery/inflate';
import type { JsonObject } from '../../files';
import { ChannelGraph } from '../../graph';
import type { KeepSet, Residual } from '../../graph';
import { prunable } from '../../layers';
import { keepWithout, outputsOf, randomInputs, randomize, randomKeep, weightValues } from '../graph/networks'; // prettier-ignore
import { mobileNetV2Like, residualBlock, separableNet } from './pruned-models';

const nets = { residualBlock, mobileNetV2Like, separableNet };
const cases = Object.entries(nets).flatMap(([name, make]) =>
  (['coupled', 'inner', 'stream'] as const).map((residual) => [name, residual, make] as const),
);

const facts = {
  method: 'none',
  rate: 0.4,
  seed: 1,
  source: 'test',
  verification: { samples: 1, maxAbsDiff: 0, maxAbsOutput: 1, backend: 'cpu' },
};

function expectSameOutputs(a: tf.LayersModel, b: tf.LayersModel): void {
  const inputs = randomInputs(a, 2);
  expect(outputsOf(a, inputs)).toEqual(outputsOf(b, inputs).map((value) => value + 0));
  tf.dispose(inputs);
}

/** A conv of four filters, BN, PReLU and a Dense layer, every weight told apart. */
function tiny(): tf.LayersModel {
  return randomize(
    tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'conv', filters: 4, kernelSize: 1, inputShape: [2, 2, 2] }),
        tf.layers.batchNormalization({ name: 'bn' }),
        tf.layers.globalAveragePooling2d({ name: 'pool' }),
        tf.layers.prelu({ name: 'slope' }),
        tf.layers.dense({ name: 'head', units: 2 }),
      ],
    }),
  );
}

beforeAll(async () => {
  await startEngine('cpu');
});

describe('inflate', () => {
  it.each(cases)(
    'computes what the small %s (%s) computes, and hardens to it again',
    (_, residual, make) => {
      const model = make();
      const graph = ChannelGraph.of(model, { residual });
      const keep = randomKeep(graph, 5);
      const hard = harden({ model, graph }, keep);
      const tensors = tf.memory().numTensors;
      const wide = inflate(hard, { graph, keep }, model);
      expect(wide.countParams()).toBe(model.countParams());
      expectSameOutputs(wide, hard);
      const again = harden({ model: wide, graph }, keep);
      expect(weightValues(again)).toEqual(weightValues(hard));
      again.dispose();
      wide.dispose();
      expect(tf.memory().numTensors).toBe(tensors);
      hard.dispose();
      model.dispose();
    },
  );

  it('puts zeros where channels went, keeps the variance and slopes of the original', () => {
    const model = tiny();
    const graph = ChannelGraph.of(model);
    const keep = keepWithout(graph, { conv: [1, 2] });
    const hard = harden({ model, graph }, keep);
    const [before, after] = [
      weightValues(model),
      weightValues(inflate(hard, { graph, keep }, model)),
    ];
    const silenced = (name: string, period: number, removed: number[]): number[] =>
      [...before.get(name)!].map((value, at) => (removed.includes(at % period) ? 0 : value));
    expect([...after.get('conv/kernel')!]).toEqual(silenced('conv/kernel', 4, [1, 2]));
    expect([...after.get('bn/gamma')!]).toEqual(silenced('bn/gamma', 4, [1, 2]));
    // rows 1 and 2 of [4, 2]
    expect([...after.get('head/kernel')!]).toEqual(silenced('head/kernel', 8, [2, 3, 4, 5]));
    expect(after.get('bn/moving_variance')).toEqual(before.get('bn/moving_variance'));
    expect(after.get('slope/alpha')).toEqual(before.get('slope/alpha'));
  });

  it('takes the weights of the small network, however it was trained on', () => {
    const model = tiny();
    const graph = ChannelGraph.of(model);
    const keep = keepWithout(graph, { conv: [0] });
    const hard = randomize(harden({ model, graph }, keep), 77);
    expectSameOutputs(inflate(hard, { graph, keep }, model), hard);
    expectSameOutputs(inflate(hard, { graph, keep }, prunable(model)), hard);
  });

  it.each(cases)('reads the pruning.json of %s (%s)', (_, residual, make) => {
    const model = make();
    const graph = ChannelGraph.of(model, { residual });
    const keep = randomKeep(graph, 6);
    const hard = harden({ model, graph }, keep);
    const json = JSON.parse(JSON.stringify(pruningManifest(graph, keep, facts))) as JsonObject;
    const [direct, read] = [inflate(hard, { graph, keep }, model), inflate(hard, json, model)];
    expect(weightValues(read)).toEqual(weightValues(direct));
    expect(pruningOf(json, model).graph.residual).toBe(residual);
    for (const made of [direct, read, hard, model]) made.dispose();
  });

  it('refuses a network or a file that does not fit', () => {
    const model = tiny();
    const graph = ChannelGraph.of(model);
    const keep = keepWithout(graph, { conv: [0] });
    const hard = harden({ model, graph }, keep);
    const other = keepWithout(graph, { conv: [0, 1] });
    const tensors = tf.memory().numTensors;
    expect(() => inflate(hard, { graph, keep: other }, model)).toThrow(
      'small must have a conv/kernel of shape [1,1,2,2], got [1,1,2,3]',
    );
    expect(tf.memory().numTensors).toBe(tensors);
    const group = { id: 'conv', channels: 4, kept: [1, 2, 3] };
    const file = { format: 'secateur-pruning/1', residual: 'coupled', groups: [group] };
    const reading = (changed: JsonObject): (() => unknown) => () => pruningOf({ ...file, ...changed }, model); // prettier-ignore
    expect(reading({})()).toMatchObject({ keep: { groups: new Map([['conv', Uint8Array.of(0, 1, 1, 1)]]) } }); // prettier-ignore
    expect(reading({ format: 'x' })).toThrow('must have the format secateur-pruning/1');
    expect(reading({ groups: [{ ...group, kept: [2, 1] }] })).toThrow('pruning must list ascending channels kept in group conv'); // prettier-ignore
    expect(reading({ groups: [{ ...group, kept: [4] }] })).toThrow('must list ascending');
    expect(reading({ groups: [{ ...group, id: 'x' }] })).toThrow(
      'group must be one of the graph, got x',
    );
    expect(reading({ groups: [{ ...group, channels: 5 }] })).toThrow('must have 4 channels, got 5');
    expect(reading({ groups: [{ ...group, kept: [] }] })).toThrow('at least one channel');
  });
});

describe('composeKeep', () => {
  it('refers to the channels of the very first network', () => {
    const model = tiny();
    const first = { graph: ChannelGraph.of(model), keep: keepWithout(ChannelGraph.of(model), { conv: [1] }) }; // prettier-ignore
    const hard = harden({ model, graph: first.graph }, first.keep);
    const graph = ChannelGraph.of(hard);
    // 0, 2, 3 were left; without the second of them 0 and 3 are
    const keep = composeKeep(first, { graph, keep: keepWithout(graph, { conv: [1] }) });
    expect([...keep.groups.get('conv')!]).toEqual([1, 0, 0, 1]);
    expect(pruningManifest(first.graph, keep, facts)).toMatchObject({
      layers: { conv: { outputs: 4, kept: [0, 3] }, bn: { outputs: 4, kept: [0, 3] } },
    });
  });

  it.each(cases)(
    'makes of two prunings of %s (%s) one with the same result',
    (_, residual, make) => {
      const model = make();
      const graph = ChannelGraph.of(model, { residual });
      const keep = randomKeep(graph, 8, 0.3);
      const once = harden({ model, graph }, keep);
      const second = secondPruning(once, residual);
      const twice = harden({ model: once, graph: second.graph }, second.keep);
      const composed = composeKeep({ graph, keep }, second);
      const direct = harden({ model, graph }, composed);
      if (residual !== 'stream') expect(weightValues(direct)).toEqual(weightValues(twice));
      expectSameOutputs(direct, twice);
      expectSameOutputs(inflate(direct, { graph, keep: composed }, model), twice);
      for (const made of [model, once, twice, direct]) made.dispose();
    },
  );

  function secondPruning(
    hard: tf.LayersModel,
    residual: Residual,
  ): { graph: ChannelGraph; keep: KeepSet } {
    // prettier-ignore
    // The scatters of `stream` produce the full stream, which the first graph calls frozen.
    const graph = ChannelGraph.of(hard, residual === 'stream' ? { residual: 'inner' } : { residual });
    return { graph, keep: randomKeep(graph, 9, 0.3) };
  }

  it('carries single weights back to their places', () => {
    const model = tiny();
    const graph = ChannelGraph.of(model);
    const ones = new Uint8Array(8).fill(1);
    const first = {
      graph,
      keep: { ...keepWithout(graph, { conv: [1] }), weights: new Map([['conv/kernel', ones.with(0, 0)]]) }, // prettier-ignore
    };
    const hard = harden({ model, graph }, first.keep);
    const second = {
      graph: ChannelGraph.of(hard),
      // place 4 of [1, 1, 2, 3] is row 1, column 1: column 2 of four, place 6
      keep: { groups: new Map(), weights: new Map([['conv/kernel', Uint8Array.of(1, 1, 1, 1, 0, 1)]]) }, // prettier-ignore
    };
    const composed = composeKeep(first, second);
    expect([...composed.weights.get('conv/kernel')!]).toEqual([0, 1, 1, 1, 1, 1, 0, 1]);
    const twice = harden({ model: hard, graph: second.graph }, second.keep);
    expect(weightValues(harden({ model, graph }, composed))).toEqual(weightValues(twice));
  });

  it('refuses what the first network cannot tell', () => {
    const model = mobileNetV2Like();
    const graph = ChannelGraph.of(model);
    const hard = harden({ model, graph }, { groups: new Map(), weights: new Map() });
    const apart = ChannelGraph.of(hard, { residual: 'stream' });
    const keep = keepWithout(apart, { b_project_conv: [0] });
    const first = { graph, keep: { groups: new Map(), weights: new Map() } };
    expect(() => composeKeep(first, { graph: apart, keep })).toThrow(
      'second leaves a_project_conv/kernel a channel that a_project_conv couples to one which is removed',
    );
    const whole = ChannelGraph.of(model, { residual: 'inner' });
    const second = { graph, keep: keepWithout(graph, { a_project_conv: [0] }) };
    expect(() => composeKeep({ ...first, graph: whole }, second)).toThrow(
      'is frozen: residual stream',
    );
  });
});
