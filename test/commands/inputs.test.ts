import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../formats';
import { askPlainTensorFlow, folderWithTensorFlow } from '../formats/plain-tfjs';
import type { PlainRequest } from '../formats/plain-tfjs';
import { randomizeWeights } from '../tensors';
import { invoke, refusal } from './fixtures/invoke';
import { freeUnet, freeValid, siamese, textConvolution, twoHeads } from './fixtures/other-inputs';

const folder = mkdtempSync(join(tmpdir(), 'secateur-inputs-'));
const quick = ['--backend', 'cpu', '--verify-samples', '3'];
const few = ['--limit-train', '8', '--limit-test', '4', '--batch-size', '4'];
const fileOf = (name: string): string => join(folder, name, 'model.json');

const networks: Record<string, () => tf.LayersModel> = {
  siamese,
  twoHeads: () => twoHeads(),
  freeUnet,
  freeValid: () => freeValid(),
  freeDigits: () => freeValid(10),
  text: () => textConvolution(12),
  freeText: () => textConvolution(null),
  digits: () => twoHeads(28),
};

beforeAll(async () => {
  await tf.setBackend('cpu');
  folderWithTensorFlow(join(folder, 'plain'));
  for (const [name, make] of Object.entries(networks)) {
    const model = make();
    randomizeWeights(model);
    await writeModel(model, join(folder, name));
    model.dispose();
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Manifest {
  readonly inputShapes?: number[][];
  readonly macs: { readonly before: number; readonly after: number };
  readonly verification: { readonly samples: number; readonly maxAbsDiff: number };
}

let next = 0;

/** Prunes a network by the command. */
async function prune(
  name: string,
  ...args: string[]
): Promise<{ out: string; notes: string; manifest: Manifest }> {
  const out = join(folder, `out${next++}`);
  const given = ['prune', '--model', fileOf(name), '--out', out, '--rate', '0.5', ...quick];
  const { stdout, notes } = await invoke([...given, ...args, '--json']);
  return { out, notes, manifest: JSON.parse(stdout) as Manifest };
}

async function refuse(name: string, ...args: string[]): Promise<string> {
  const out = join(folder, `out${next++}`);
  const given = ['prune', '--model', fileOf(name), '--out', out, ...quick];
  const { message, exitCode } = await refusal([...given, ...args]);
  expect(exitCode).toBe(2);
  expect(existsSync(out)).toBe(false);
  return message;
}

describe('prune of a network', () => {
  it.each<[string, string, Pick<PlainRequest, 'free' | 'integersBelow'>]>([
    ['of two images and one tower', 'siamese', {}],
    ['with two heads', 'twoHeads', {}],
    ['of free size that joins scales', 'freeUnet', { free: 20 }],
    ['of free size without padding', 'freeValid', { free: 33 }],
    ['of words', 'text', { integersBelow: 30 }],
    ['of texts of any length', 'freeText', { free: 9, integersBelow: 30 }],
  ])('%s writes what plain tfjs computes as the masked one', async (_, name, request) => {
    const tensors = tf.memory().numTensors;
    const { out, manifest } = await prune(name);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(manifest.verification).toMatchObject({ samples: 3, maxAbsDiff: 0 });
    const { answers } = askPlainTensorFlow(join(folder, 'plain'), [
      { folder: join(folder, name), manifest: join(out, 'pruning.json'), ...request },
      { folder: out, ...request },
    ]);
    const [masked, hard] = answers;
    expect(hard!.output).toEqual(masked!.output);
    expect(new Set(hard!.output).size).toBeGreaterThan(1);
  });

  it('of free size is counted, proven and timed at 64, or at the size that is named', async () => {
    const { manifest, notes } = await prune('freeValid');
    expect(manifest.inputShapes).toEqual([[64, 64, 1]]);
    expect(notes).toContain('size free: counted, proven and timed at 64 x 64 x 1');
    // 64 -> 31 -> 15 -> 7: 31^2 * 9 * 4 + 15^2 * 9 * 4 * 6 + 7^2 * 9 * 6 * 6 + 6 * 3
    expect(manifest.macs.before).toBe(34596 + 48600 + 15876 + 18);
    const small = await prune('freeValid', '--input-shape', '15,31,1');
    expect(small.manifest.inputShapes).toEqual([[15, 31, 1]]);
    // 7 x 15, 3 x 7, 1 x 3
    expect(small.manifest.macs.before).toBe(105 * 36 + 21 * 216 + 3 * 324 + 18);
    expect((await prune('freeText', '--input-shape', '5')).manifest.inputShapes).toEqual([[5]]);
    expect((await prune('twoHeads', '--input-shape', '8,8,1')).manifest).not.toHaveProperty(
      'inputShapes',
    );
  });

  it('of free size takes that of the data set', async () => {
    const { manifest, notes } = await prune('freeDigits', '--dataset', 'mnist', ...few);
    expect(manifest.inputShapes).toEqual([[28, 28, 1]]);
    expect(notes).not.toContain('accuracy is not measured');
  });

  it('with two heads looks at images where it measures no accuracy, and says so', async () => {
    for (const asks of [
      ['--bn-batches', '1'],
      ['--method', 'apoz', '--observe-batches', '1'],
    ]) {
      const tensors = tf.memory().numTensors;
      const { manifest, notes } = await prune('digits', '--dataset', 'mnist', ...few, ...asks);
      expect(notes).toContain(
        'accuracy is not measured: the network has no single output of classes',
      );
      expect(manifest.verification.maxAbsDiff).toBe(0);
      expect(tf.memory().numTensors).toBe(tensors);
    }
    for (const asks of [
      ['--max-drop', '1'],
      ['--method', 'taylor-filter'],
    ]) {
      expect(await refuse('digits', '--dataset', 'mnist', ...few, ...asks)).toContain(
        'must take images of 28 x 28 x 1 and answer 10 classes in one output',
      );
    }
    expect(await refuse('siamese', '--dataset', 'mnist', ...few)).toContain(
      'must take images of 28 x 28 x 1 at one input and answer 10 classes; ',
    );
  });

  it('refuses a size that it cannot be computed at, and writes nothing', async () => {
    expect(await refuse('freeValid', '--input-shape', '8,8,1')).toMatch(
      /^--input-shape must be a size that the network can be computed at: .* got "?8 x 8 x 1/,
    );
    expect(await refuse('freeUnet', '--input-shape', '9,9,3')).toMatch(
      /^--input-shape must be a size that the network can be computed at: .* got "?9 x 9 x 3/,
    );
  });

  it('refuses a size that it does not have', async () => {
    expect(await refuse('twoHeads', '--input-shape', '9,9,1')).toMatch(
      /^--input-shape must fit the input \S+ of the network, 8 x 8 x 1, got "?9,9,1/,
    );
    expect(await refuse('text', '--input-shape', '9,9,1')).toMatch(
      /^--input-shape must fit the input words of the network, 12, got/,
    );
  });

  it('is timed with several inputs, several outputs and free sizes', async () => {
    for (const name of ['siamese', 'twoHeads', 'freeText']) {
      expect(await refuse(name, '--target-latency', '20s')).toMatch(
        /--target-latency 20s asks for nothing: the whole network costs [\d.]+ ms/,
      );
    }
  });
});

describe('training', () => {
  it('says that it wants one output, and what the network has', async () => {
    const { message } = await refusal([
      'train',
      '--model',
      fileOf('digits'),
      '--run-dir',
      join(folder, 'run'),
      '--backend',
      'cpu',
    ]);
    expect(message).toContain(
      `must take images of 28 x 28 x 1 and answer 10 classes in one output; ${fileOf('digits')} takes 28 x 28 x 1 and answers [4] and [2]`,
    );
  });
});

describe('flops, graph and export of a free size', () => {
  it('count at the size that they name', async () => {
    const total = 34596 + 48600 + 15876 + 18; // as above, at 64 x 64
    const flops = ['flops', '--model', fileOf('freeValid')];
    expect((await invoke(flops)).stdout).toContain(
      `FLOPs = 2 x MACs = ${(2 * total).toLocaleString('en')}, for one input of 64 x 64 x 1: ` +
        'the network leaves its size free (--input-shape)',
    );
    expect(JSON.parse((await invoke([...flops, '--json'])).stdout)).toMatchObject({
      macs: total,
      inputShapes: [[64, 64, 1]],
    });
    const { stdout } = await invoke([...flops, '--input-shape', '15,31,1']);
    expect(stdout).toContain('for one input of 15 x 31 x 1');
    expect((await invoke(['flops', '--model', fileOf('siamese')])).stdout).toContain(
      'for one image',
    );
    const graph = ['graph', '--model', fileOf('freeValid')];
    expect((await invoke(graph)).notes).toContain('MACs at 64 x 64 x 1');
    const out = join(folder, 'exported');
    const exported = ['export', '--model', fileOf('freeValid'), '--out', out, '--backend', 'cpu'];
    expect(JSON.parse((await invoke([...exported, '--json'])).stdout)).toMatchObject({
      macs: total,
    });
    expect(readFileSync(join(out, 'model.json'), 'utf8')).toContain('null,null,1');
  });

  it('export writes nothing at a size that the network cannot have', async () => {
    const out = join(folder, 'refused');
    const given = [
      'export',
      '--model',
      fileOf('freeValid'),
      '--out',
      out,
      '--input-shape',
      '4,4,1',
    ];
    const { message } = await refusal([...given, '--backend', 'cpu']);
    expect(message).toContain('--input-shape must be a size');
    expect(existsSync(out)).toBe(false);
  });
});

describe('a file', () => {
  /** The two heads with something else in the file. */
  function edited(from: string, to: string): string {
    const copy = join(folder, `edited${next++}`);
    cpSync(join(folder, 'twoHeads'), copy, { recursive: true });
    const file = join(copy, 'model.json');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(from);
    writeFileSync(file, text.replace(from, to));
    return file;
  }

  it('may hold its outputs by name, or in lists and records of one another', async () => {
    const [age, gender] = ['["age",0,0]', '["gender",0,0]'];
    const count = async (file: string): Promise<string> =>
      (await invoke(['flops', '--model', file, '--json'])).stdout;
    const counted = await count(fileOf('twoHeads'));
    for (const outputs of [
      `{"first":${age},"second":${gender}}`,
      `[[${age}],[${gender}]]`,
      `{"a":[${age}],"b":{"c":${gender}}}`,
    ]) {
      const file = edited(`"output_layers":[${age},${gender}]`, `"output_layers":${outputs}`);
      expect(await count(file)).toBe(counted);
    }
  });

  it('is refused by the name of an input whose rank it does not tell', async () => {
    const file = edited('"batch_input_shape":[null,8,8,1]', '"batch_input_shape":null');
    const { message } = await refusal(['flops', '--model', file]);
    expect(message).toMatch(
      /: layer input\d+ must say the shape of the input, null for what is free in it$/,
    );
  });
});
