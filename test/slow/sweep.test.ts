import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { countEqual, faults, outcomeTable } from '../commands/sweep/outcomes';
import { sweep } from '../commands/sweep/sweep';
import type { Prune } from '../commands/sweep/sweep';
import { withoutRuntime } from '../formats/onnx/runtime';

/** How many networks there are, and the number of the first: SWEEP_COUNT, SWEEP_FIRST. */
const count = Number(process.env.SWEEP_COUNT ?? 520);
const first = Number(process.env.SWEEP_FIRST ?? 1000);
/** As many of them once more by the program itself. */
const SPAWNED = 20;
const PART = 130;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-sweep-'));
const project = path.resolve(__dirname, '../..');

beforeAll(async () => {
  await tf.setBackend('cpu');
  vi.spyOn(console, 'warn').mockImplementation(() => undefined); // of options that change nothing
});

afterAll(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** An empty folder of its own. */
function folderOf(name: string): string {
  const own = path.join(folder, name);
  fs.mkdirSync(own);
  return own;
}

/** Calls the program as a person does. */
const spawnProgram: Prune = (args) =>
  new Promise((resolve) => {
    const register = path.join(project, 'node_modules/ts-node/register/transpile-only');
    const child = spawn(process.execPath, ['-r', register, path.join(project, 'run.ts'), ...args, '--quiet']); // prettier-ignore
    let text = '';
    child.stderr.on('data', (part: Buffer) => (text += part.toString()));
    child.stdout.resume();
    child.on('close', (code) => {
      resolve({ code: code ?? -1, text });
    });
  });

describe('random networks that prune writes', () => {
  it(`compute in every form what the masked ones do, or are refused by name, ${count} times`, async () => {
    const swept = [];
    for (let done = 0; done < count; done += PART) {
      const part = { first: first + done, count: Math.min(PART, count - done) };
      swept.push(...(await sweep(folderOf(`${done}`), part)));
    }
    process.stdout.write(`${outcomeTable(swept)}\n`);
    expect(faults(swept)).toEqual([]);
    expect(countEqual(swept, 'tfjs')).toBeGreaterThan(0.85 * count);
    expect(countEqual(swept, 'typescript')).toBeGreaterThan(0.8 * count);
    if (withoutRuntime === '') expect(countEqual(swept, 'onnx')).toBeGreaterThan(0.6 * count);
  }, 3_600_000); // prettier-ignore

  it(`are those that the program writes as a process of its own, ${SPAWNED} times`, async () => {
    const swept = await sweep(folderOf('spawned'), { first, count: SPAWNED, prune: spawnProgram });
    expect(faults(swept)).toEqual([]);
    expect(countEqual(swept, 'tfjs')).toBeGreaterThan(0.8 * SPAWNED);
  }, 3_600_000);
});
