import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { writeModel } from '../../formats';
import { randomizeWeights } from '../tensors';
import { invoke, refusal } from './fixtures/invoke';

const folder = mkdtempSync(join(tmpdir(), 'secateur-targets-'));
const file = join(folder, 'tiny', 'model.json');
const bare = join(folder, 'bare', 'model.json');
const quick = ['--backend', 'cpu', '--verify-samples', '2'];
const few = ['--limit-train', '40', '--limit-validation', '20', '--limit-test', '20'];

/** A network for MNIST: two convolutions of 8 filters, with or without BatchNormalization. */
function tiny(isBare: boolean): tf.LayersModel {
  const input = tf.input({ shape: [28, 28, 1] });
  let x: tf.SymbolicTensor = input;
  for (const name of ['a', 'b']) {
    const conv = tf.layers.conv2d({ name, filters: 8, kernelSize: 3, strides: 4 });
    x = conv.apply(x) as tf.SymbolicTensor;
    const norm = tf.layers.batchNormalization({ name: `${name}_bn` });
    if (!isBare) x = norm.apply(x) as tf.SymbolicTensor;
    x = tf.layers.reLU().apply(x) as tf.SymbolicTensor;
  }
  x = tf.layers.globalAveragePooling2d({}).apply(x) as tf.SymbolicTensor;
  const head = tf.layers.dense({ name: 'head', units: 10 });
  return tf.model({ inputs: input, outputs: head.apply(x) as tf.SymbolicTensor });
}

beforeAll(async () => {
  await startEngine('cpu');
  for (const [name, isBare] of [
    ['tiny', false],
    ['bare', true],
  ] as const) {
    const model = tiny(isBare);
    randomizeWeights(model);
    await writeModel(model, join(folder, name));
    model.dispose();
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let next = 0;
const fresh = (): string => join(folder, `out${next++}`);

interface Manifest {
  readonly rate: number;
  readonly macs: { readonly before: number; readonly after: number };
  readonly params: { readonly before: number; readonly after: number };
}

/** What prune says of the network, in JSON and beside it. */
async function pruned(...args: string[]): Promise<Manifest & { readonly notes: string }> {
  const given = ['prune', '--model', file, '--out', fresh(), ...quick, ...args, '--json'];
  const { stdout, notes } = await invoke(given);
  return { ...(JSON.parse(stdout) as Manifest), notes };
}

async function message(...args: string[]): Promise<string> {
  const error = await refusal(['prune', '--model', file, '--out', fresh(), ...quick, ...args]);
  expect(error).toMatchObject({ exitCode: 2 });
  return error.message;
}

describe('prune to a target', () => {
  it('takes a share or a figure, and says what is attainable and attained', async () => {
    const { rate, macs, notes } = await pruned('--target-macs', '50%');
    expect(macs.after).toBeLessThanOrEqual(macs.before / 2);
    expect(notes).toMatch(/attainable: [\d,]+ MACs \(rate 0.999999\) to [\d,]+ MACs \(rate 0\)/);
    expect(notes).toContain(`attained ${macs.after.toLocaleString('en')} MACs`);
    expect(notes).toContain(`at rate ${rate}`);
    // a and b have 8 filters each: rates are eighths, and one filter more would do
    expect(Number.isInteger(rate * 8)).toBe(true);
    const lower = await pruned('--rate', String(rate - 0.125));
    expect(lower.macs.after).toBeGreaterThan(macs.before / 2);
    const figure = await pruned('--target-macs', String(macs.after), '--scope', 'global');
    expect(figure.macs.after).toBeLessThanOrEqual(macs.after);
  });

  it('counts parameters and bytes', async () => {
    const { params } = await pruned('--target-params', '300');
    expect(params.after).toBeLessThanOrEqual(300);
    // 4 bytes for each parameter and each of 2 x 16 averages
    const { params: smaller } = await pruned('--target-bytes', '1.2kB');
    expect(smaller.after * 4).toBeLessThan(1200);
    expect(await message('--target-bytes', '10')).toMatch(
      /cannot be reached; attainable: \d+ bytes/,
    );
  });

  it('refuses a cost that single weights leave as it is', async () => {
    expect(await message('--target-macs', '50%', '--method', 'norm-weight')).toContain(
      'what this method removes leaves that cost as it is',
    );
  });

  it('counts the compressed file where single weights go and it is written', async () => {
    const out = fresh();
    const args = ['--target-bytes', '60%', '--method', 'norm-weight', '--format', 'tfjs,sparse'];
    const { notes } = await invoke([
      'prune',
      '--model',
      file,
      '--out',
      out,
      ...quick,
      ...args,
      '--json',
    ]);
    const attained = /attained ([\d,]+) bytes \(([\d.]+) %\)/.exec(notes)!;
    expect(statSync(join(out, 'weights.sparse')).size).toBe(Number(attained[1]!.replace(',', '')));
    expect(Number(attained[2])).toBeLessThanOrEqual(60);
    expect(await message('--target-bytes', '60%', '--method', 'norm-weight')).toContain(
      'what this method removes leaves that cost as it is',
    );
  });

  it('measures a time, of which any share that fits is enough', async () => {
    expect(await message('--target-latency', '1us')).toMatch(
      /cannot be reached; attainable: [\d.]+ ms/,
    );
  });
});

describe('prune with images', () => {
  it('needs none and looks at none unless something asks for them', async () => {
    expect(await message('--limit-train', '40')).toContain('--limit-train has no effect on prune');
    const { stdout } = await invoke(['prune', '--model', file, '--out', fresh(), ...quick]);
    expect(stdout).toMatch(/accuracy \(top-1\) +\| +n\/a/);
  });

  it('shows the accuracy before and after where a data set is named', async () => {
    const args = ['prune', '--model', file, '--out', fresh(), ...quick, '--dataset', 'mnist'];
    const { stdout, notes } = await invoke([...args, ...few]);
    expect(notes).toContain('40 training, 20 validation');
    expect(stdout).toMatch(/accuracy \(top-1\) +\| +[\d.]+ % \| +[\d.]+ % \|/);
  });

  it('measures BatchNormalization anew and writes it, proven', async () => {
    const outs = [fresh(), fresh()];
    const weights: Buffer[] = [];
    for (const [index, batches] of ['0', '2'].entries()) {
      const args = ['--model', file, '--out', outs[index]!, ...quick, '--dataset', 'mnist', ...few];
      const given = [...args, '--bn-batches', batches, '--batch-size', '8', '--json'];
      const { stdout } = await invoke(['prune', ...given]);
      expect(JSON.parse(stdout)).toMatchObject({ verification: { maxAbsDiff: 0 } });
      weights.push(readFileSync(join(outs[index]!, 'group1-shard1of1.bin')));
    }
    expect(weights[0]!.length).toBe(weights[1]!.length);
    expect(weights[0]!.equals(weights[1]!)).toBe(false);
    const error = await refusal([
      'prune',
      '--model',
      bare,
      '--out',
      fresh(),
      ...quick,
      ...few,
      '--bn-batches',
      '2',
    ]);
    expect(error.message).toContain(
      '--bn-batches has no effect on a network without BatchNormalization',
    );
  });

  it('searches the highest rate by accuracy, and says each that it tried', async () => {
    const search = ['--dataset', 'mnist', ...few, '--batch-size', '10', '--max-drop'];
    // Never 99 points of an untrained network: all but one filter may go.
    const { rate, notes } = await pruned(...search, '99');
    expect(rate).toBe(0.999);
    expect(notes).toMatch(/validation, 20 images: [\d.]+ % before pruning/);
    expect(notes).toMatch(/rate 0.125: [\d.]+ %, -?[\d.]+ points lost, [\d.]+ % of the MACs/);
    const without = ['--model', bare, '--out', fresh(), ...quick, ...search, '99', '--json'];
    await invoke(['prune', ...without]); // 10 batches are a default that needs no BatchNormalization
  });
});

describe('train to a target', () => {
  it.each(['uniform', 'global'])('ends with a network within it: %s', async (scope) => {
    const run = fresh();
    const given = ['--model', file, ...quick, '--limit-train', '40', '--limit-test', '20'];
    const target = ['--target-macs', '50%', '--scope', scope, '--method', 'norm-filter'];
    const args = [...given, ...target, '--batch-size', '10', '--epochs', '2', '--run-dir', run];
    const { stdout, notes } = await invoke(['train', ...args]);
    const manifest = JSON.parse(
      readFileSync(join(run, 'export', 'pruning.json'), 'utf8'),
    ) as Manifest;
    expect(manifest.macs.after).toBeLessThanOrEqual(manifest.macs.before / 2);
    expect(manifest.macs.after).toBeGreaterThan(manifest.macs.before / 4);
    expect(notes).toContain('attainable: ');
    expect(stdout).toContain(`attained ${manifest.macs.after.toLocaleString('en')} MACs`);
    const saved = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as Manifest;
    expect(notes).toContain(`at rate ${saved.rate}\n`); // what a resumed run goes on with
    if (scope === 'uniform') expect(manifest.rate).toBe(saved.rate);
    // Resumed, it is the same run: its rate is not solved on the trained network.
    const resumed = await invoke(['train', '--resume', '--run-dir', run, '--backend', 'cpu']);
    expect(resumed.notes).not.toContain('attainable: ');
    expect(resumed.stdout).toContain(`attained ${manifest.macs.after.toLocaleString('en')} MACs`);
  });
});
