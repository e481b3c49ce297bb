import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { countEqual, faults } from './sweep/outcomes';
import { sweep } from './sweep/sweep';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-sweep-'));

beforeAll(async () => {
  await tf.setBackend('cpu');
  vi.spyOn(console, 'warn').mockImplementation(() => undefined); // of options that change nothing
});

afterAll(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true, force: true });
});

describe('random networks that prune writes', () => {
  it('compute in every form what the masked ones do, in programs that are not ours, or are refused by name', async () => {
    const swept = await sweep(folder, { first: 0, count: 16 });
    expect(faults(swept)).toEqual([]);
    expect(countEqual(swept, 'tfjs')).toBeGreaterThan(12);
    expect(countEqual(swept, 'typescript')).toBeGreaterThan(12);
  }, 120_000); // prettier-ignore
});
