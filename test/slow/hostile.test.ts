import * as path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { writeModel } from '../../formats';
import { disposeWeights } from '../../layers/build-model';
import {
  functionalModel,
  nestedModel,
  readLoose,
  scratchFolder,
  sequentialModel,
} from '../formats/tfjs/model-folders';
import type { LooseModel } from '../formats/tfjs/model-folders';
import { fuzzReader } from '../formats/tfjs/mutations';

const scratch = scratchFolder();
const bases: LooseModel[] = [];
/** Bytes by which the process may grow: tfjs remembers the name of every weight it ever made. */
const growthLimit = 512 * 2 ** 20;

beforeAll(async () => {
  await startEngine('cpu');
  for (const [index, make] of [functionalModel, nestedModel, sequentialModel].entries()) {
    const model = make();
    const folder = path.join(scratch, `base${index}`);
    await writeModel(model, folder);
    disposeWeights(model);
    bases.push(readLoose(folder));
  }
});

describe('a mutated model', () => {
  it('is loaded or refused, 100,000 times, in bounded memory', async () => {
    const folder = path.join(scratch, 'fuzz');
    await fuzzReader(folder, bases, 1_000, 1); // what is allocated once
    const before = process.memoryUsage().rss;
    let [loaded, refused] = [0, 0];
    for (let part = 0; part < 10; part++) {
      const count = await fuzzReader(folder, bases, 10_000, 100 + part);
      loaded += count.loaded;
      refused += count.refused;
    }
    expect(loaded + refused).toBe(100_000);
    expect(Math.min(loaded, refused)).toBeGreaterThan(5_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(growthLimit);
  });
});
