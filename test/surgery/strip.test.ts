import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { mask, strip } from '../../surgery';
import { readModel, writeModel } from '../../formats';
import { disposeWeights } from '../../layers/build-model';
import { ChannelGraph, projectLayers } from '../../graph';
import { prunable, setMasks, stock } from '../../layers';
import { outputsOf, randomInputs, randomKeep, weightValues } from '../graph/networks';
import { invoke } from '../commands/fixtures/invoke';
import { scratchFolder } from '../formats/tfjs/model-folders';
import { mobileNetV2Like, residualBlock, separableNet } from './pruned-models';

const scratch = scratchFolder();

beforeAll(async () => {
  await startEngine('cpu');
});

/** A prunable copy with the masks of a random keep set, single weights of the first kernel too. */
function masked(make: () => tf.LayersModel): {
  model: tf.LayersModel;
  expected: tf.LayersModel;
} {
  const whole = make();
  const graph = ChannelGraph.of(whole);
  const [first] = graph.kernels;
  const size = tf.util.sizeFromShape([...graph.weightShapes.get(first!)!]);
  const flags = Uint8Array.from({ length: size }, (_, at) => (at % 3 === 0 ? 0 : 1));
  const keep = { groups: randomKeep(graph, 4).groups, weights: new Map([[first!, flags]]) };
  const model = prunable(whole);
  setMasks(model, projectLayers(graph, keep));
  const expected = mask({ model: whole, graph }, keep);
  whole.dispose();
  return { model, expected };
}

/** -0 and 0 alike. */
const plus = (values: readonly number[]): number[] => values.map((value) => value + 0);

describe('strip', () => {
  it.each(Object.entries({ residualBlock, separableNet, mobileNetV2Like }))(
    'applies the masks of %s to the weights and drops them',
    (_, make) => {
      const { model, expected } = masked(make);
      const tensors = tf.memory().numTensors;
      const plain = strip(model);
      expect(weightValues(plain)).toEqual(weightValues(expected));
      expect(JSON.stringify(plain.toJSON(null, false))).not.toContain('Prunable');
      const inputs = randomInputs(model, 2);
      expect(plus(outputsOf(plain, inputs))).toEqual(plus(outputsOf(model, inputs)));
      tf.dispose(inputs);
      plain.dispose();
      expect(tf.memory().numTensors).toBe(tensors);
      model.dispose();
      expected.dispose();
    },
  );

  it('leaves 0, never -0, where a mask removes', () => {
    const { model } = masked(residualBlock);
    const plain = strip(model);
    const values = [...weightValues(plain).values()].flatMap((each) => [...each]);
    expect(values.filter((value) => value === 0).length).toBeGreaterThan(10);
    expect(values.some((value) => Object.is(value, -0))).toBe(false);
    plain.dispose();
    model.dispose();
  });

  it('copies a model without masks as it is', () => {
    const model = residualBlock();
    const plain = strip(model);
    expect(weightValues(plain)).toEqual(weightValues(model));
    plain.dispose();
    model.dispose();
  });
});

describe('export', () => {
  it('strips the masks of a masked network in a file', async () => {
    const { model, expected } = masked(residualBlock);
    const [from, out] = ['masked', 'stripped'].map((name) => path.join(scratch, name));
    await writeModel(model, from!);
    const unmasked = stock(model);
    expect(weightValues(unmasked)).not.toEqual(weightValues(expected)); // the masks alone remove
    const file = path.join(from!, 'model.json');
    await invoke(['export', '--model', file, '--out', out!, '--backend', 'cpu']);
    const read = await readModel(path.join(out!, 'model.json'));
    expect(weightValues(read)).toEqual(weightValues(expected));
    disposeWeights(read);
    for (const each of [model, expected, unmasked]) each.dispose();
  });
});
