import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEngine } from '../../backend/engine';
import { typescriptSource } from '../../formats/typescript/typescript-source';
import { RandomStream } from '../../random/seeds';
import { allCasesOf, drawnCase, layerClasses } from '../formats/layer-options';
import type { LayerCase } from '../formats/layer-options';
import { compiled } from '../formats/typescript/compiled-source';
import {
  areEqual,
  failures,
  onnxFate,
  refusalOf,
  valuesOf,
  writtenLayers,
} from '../formats/written-layers';
import type { Tried } from '../formats/written-layers';
import { randomInputs, randomize, runs } from '../graph/fixtures/law';
import { build, plans } from '../graph/fixtures/random-graph';

beforeAll(async () => {
  await startEngine('cpu');
  vi.spyOn(console, 'warn').mockImplementation(() => undefined); // of options that change nothing
});

afterEach(() => {
  tf.disposeVariables();
});

const DRAWS = 60;

/** Tries some cases of each class; answers how many were compared as ONNX and as network.ts. */
async function expectWritten(
  casesOf: (layerClass: (typeof layerClasses)[number], index: number) => LayerCase[],
): Promise<{ onnx: number; source: number }> {
  const groups = new Map(layerClasses.map((one, index) => [one.className, casesOf(one, index)]));
  const tried = await writtenLayers(groups);
  expect(failures(tried)).toEqual([]);
  const equal = (format: 'onnx' | 'source'): Tried[] =>
    tried.filter((one) => one[format].fate === 'equal');
  return { onnx: equal('onnx').length, source: equal('source').length };
}

describe('every layer class is written and computes the same, or is refused by name', () => {
  it('with each value of each option on each rank, of free lengths too', async () => {
    const { onnx, source } = await expectWritten(allCasesOf);
    expect(onnx).toBeGreaterThan(400);
    expect(source).toBeGreaterThan(1500);
  }, 1_800_000);

  it.each([1, 2, 3])('with options drawn at random, round %d', async (round) => {
    const { onnx, source } = await expectWritten((layerClass, index) => {
      const random = new RandomStream(1000 * round + index);
      return Array.from({ length: DRAWS }, () => drawnCase(layerClass, random));
    });
    expect(onnx).toBeGreaterThan(500);
    expect(source).toBeGreaterThan(1500);
  }, 1_800_000); // prettier-ignore
});

describe('random networks', () => {
  it('are written and compute the same, or are refused by name, 400 times', async () => {
    const models = fc.sample(plans, { numRuns: 400, seed: 8 }).map((plan) => {
      const model = build(plan);
      randomize(model, plan.seed);
      return model;
    });
    const sources = new Map<string, string>();
    const fates: string[] = [];
    const runnable = models.filter(runs);
    for (const [index, model] of runnable.entries()) {
      const inputs = randomInputs(model, index);
      const onnx = await onnxFate(model, inputs, valuesOf(model, inputs));
      fates.push(onnx.fate === 'wrong' ? `ONNX of ${index}: ${onnx.reason}` : onnx.fate);
      const refusal = refusalOf(() => {
        sources.set(`network${index}`, typescriptSource(model));
      });
      if (refusal?.fate === 'wrong') fates.push(`network${index}.ts: ${refusal.reason}`);
      tf.dispose(inputs);
    }
    const { messages, modules } = compiled(sources);
    expect(messages).toEqual([]);
    for (const [index, model] of runnable.entries()) {
      const made = modules.get(`network${index}`);
      if (!made) continue;
      const bytes = model.weights.map((weight) => Buffer.from(weight.read().dataSync().buffer));
      const rebuilt = made.loadWeights(made.build(), Buffer.concat(bytes));
      const inputs = randomInputs(model, index);
      const isSame = areEqual(valuesOf(rebuilt, inputs), valuesOf(model, inputs));
      if (!isSame) fates.push(`network${index}.ts computes something else`);
      tf.dispose(inputs);
      rebuilt.dispose();
    }
    expect(fates.filter((fate) => fate !== 'equal' && fate !== 'refused')).toEqual([]);
    expect(fates.filter((fate) => fate === 'equal').length).toBeGreaterThan(40);
    expect(sources.size).toBeGreaterThan(200);
  }, 1_800_000);
});
