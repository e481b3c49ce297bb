import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { parse } from '../../config/parse';
import { readModel, readSparse, writeModel } from '../../formats';
import { disposeWeights } from '../../layers/build-model';
import { weightBits } from '../formats/tfjs/model-folders';
import { weightValues } from '../graph/networks';
import { randomizeWeights } from '../tensors';
import { invoke } from './fixtures/invoke';

const folder = mkdtempSync(join(tmpdir(), 'secateur-pattern-'));
const file = join(folder, 'fresh', 'model.json');
const quick = ['--backend', 'cpu', '--verify-samples', '1'];
const weights = ['--method', 'norm-weight'];

/** Two convolutions of 8 filters and a head, on images of 4 x 4 x 3. */
beforeAll(async () => {
  await startEngine('cpu');
  const conv = { filters: 8, kernelSize: 3, useBias: false } as const;
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ ...conv, name: 'c1', padding: 'same', inputShape: [4, 4, 3] }),
      tf.layers.conv2d({ ...conv, name: 'c2' }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ name: 'fc', units: 4 }),
    ],
  });
  randomizeWeights(model);
  await writeModel(model, join(folder, 'fresh'));
  model.dispose();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let next = 0;

interface Pruned {
  readonly out: string;
  readonly stdout: string;
  readonly model: tf.LayersModel;
}

async function pruned(...args: string[]): Promise<Pruned> {
  const out = join(folder, `out${next++}`);
  const given = ['prune', '--model', file, '--out', out, ...quick, ...weights, ...args];
  const { stdout } = await invoke(given);
  return { out, stdout, model: await readModel(join(out, 'model.json')) };
}

interface Manifest {
  readonly rate: number;
  readonly pattern?: string;
}

const manifestOf = ({ out }: Pruned): Manifest =>
  JSON.parse(readFileSync(join(out, 'pruning.json'), 'utf8')) as Manifest;

const zeros = (values: Iterable<number>): number => [...values].filter((one) => one === 0).length;

describe('prune --pattern', () => {
  it('2:4 leaves two of each four inputs, at the rate of the pattern', async () => {
    const result = await pruned('--pattern', '2:4');
    expect(manifestOf(result)).toMatchObject({ rate: 0.5, pattern: '2:4' });
    const values = weightValues(result.model);
    expect(zeros(values.get('c1/kernel')!)).toBe((9 * 3 * 8) / 3); // of 3 inputs ceil(2 * 3 / 4) = 2 stay
    for (const [name, filters] of Object.entries({ 'c2/kernel': 8, 'fc/kernel': 4 })) {
      const kernel = values.get(name)!;
      expect(zeros(kernel)).toBe(kernel.length / 2);
      for (let at = 0; at < kernel.length; at += 4 * filters) {
        expect(zeros([0, 1, 2, 3].map((input) => kernel[at + input * filters]!))).toBe(2);
      }
    }
    disposeWeights(result.model);
  });

  it('RxC removes whole blocks at --rate', async () => {
    const result = await pruned('--pattern', '4x4', '--rate', '0.75', '--skip', 'c1');
    expect(manifestOf(result)).toMatchObject({ rate: 0.75, pattern: '4x4' });
    const kernel = weightValues(result.model).get('c2/kernel')!; // [3, 3, 8, 8]: 36 blocks
    expect(zeros(kernel)).toBe(27 * 16);
    disposeWeights(result.model);
  });
});

describe('--format sparse', () => {
  it('writes what is read back bit for bit, and is smaller than gzip', async () => {
    const result = await pruned('--rate', '0.9', '--format', 'tfjs,sparse');
    expect(readdirSync(result.out).sort()).toEqual([
      ...['group1-shard1of1.bin', 'model.json', 'pruning.json', 'weights.sparse'],
    ]);
    expect(manifestOf(result).pattern).toBeUndefined();
    const bytes = readFileSync(join(result.out, 'weights.sparse'));
    const read = await readSparse(bytes, readFileSync(join(result.out, 'model.json')));
    expect(weightBits(read)).toEqual(weightBits(result.model));
    expect(bytes.length).toBeLessThan(0.2 * 4 * result.model.countParams()); // a tenth, and the bitmap
    const rows = /as stock models have them.*\n.*gzipped.*\n.*format sparse .*\n/;
    expect(result.stdout).toMatch(rows);
    expect(result.stdout).toContain('a browser gains bytes, not time');
    disposeWeights(read);
    disposeWeights(result.model);
  });

  it('is of any network, and says nothing of single weights where filters go', async () => {
    const out = join(folder, 'filters');
    const formats = ['--method', 'norm-filter', '--rate', '0.5', '--format', 'tfjs,sparse'];
    const { stdout } = await invoke(['prune', '--model', file, '--out', out, ...quick, ...formats]);
    expect(existsSync(join(out, 'weights.sparse'))).toBe(true);
    expect(stdout).not.toContain('single weights');
  });
});

describe('the option --pattern', () => {
  const base = ['prune', '--model', 'a/model.json', '--out', 'b'];
  const refusal = (...args: string[]): string => {
    try {
      parse([...base, ...args], {});
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error(`accepted ${args.join(' ')}`);
  };
  const rateOf = (...args: string[]): unknown =>
    (parse([...base, ...args], {}) as unknown as { config: { rate: number } }).config.rate;

  it('of N:M sets the rate to 1 - N/M, whatever file repeats the default', () => {
    expect(rateOf(...weights, '--pattern', '2:4')).toBe(0.5);
    expect(rateOf(...weights, '--pattern', '1:3', '--rate', String(2 / 3))).toBe(2 / 3);
    expect(rateOf(...weights, '--pattern', '4x1')).toBe(0.3);
    const saved = join(folder, 'saved.json');
    writeFileSync(saved, '{"rate":0.3}');
    expect(rateOf(...weights, '--pattern', '1:4', '--config', saved)).toBe(0.75);
    writeFileSync(saved, '{"rate":0.4}');
    expect(refusal(...weights, '--pattern', '1:4', '--config', saved)).toContain('must be 0.75');
  });

  it.each([
    ['--rate must be 0.5 with --pattern 2:4, or left out', [...weights, '--pattern', '2:4', '--rate', '0.4']], // prettier-ignore
    ['--pattern is of single weights', ['--pattern', '2:4']],
    ['--pattern must be none, N:M with 1 <= N < M (2:4), or a block RxC', [...weights, '--pattern', '4:2']], // prettier-ignore
    ['cannot go with --rates', [...weights, '--pattern', '2:4', '--rates', '0.1,0.2']],
    ['leave layers whole with --skip', [...weights, '--pattern', '2:4', '--layer-rate', 'fc=0.1']],
    ['which is --scope uniform', [...weights, '--pattern', '2:4', '--scope', 'global']],
  ])('is refused: %s', (message, args) => {
    expect(refusal(...args)).toContain(message);
  });
});
