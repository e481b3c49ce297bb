import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataSets } from '../../data';
import { writeGreyLevels, writeNearest } from './fixtures/grey-levels';
import { invoke, refusal } from './fixtures/invoke';

const folder = mkdtempSync(join(tmpdir(), 'secateur-scale-'));
const data = [
  ...['--dataset', 'mnist', '--data-dir', join(folder, 'data'), '--validation-fraction', '0.12'],
  ...['--backend', 'cpu', '--batch-size', '50'],
];
const all = ['--limit-train', '200', '--limit-test', '0'];
const modelOf = (name: string): string => join(folder, name, 'model.json');
let next = 0;
const fresh = (): string => join(folder, `out${next++}`);

const [mean, deviation] = [dataSets.mnist.mean[0]!, dataSets.mnist.deviation[0]!];
const standard = { mean, deviation };
const unit = { mean: 0, deviation: 1 };

beforeAll(async () => {
  writeGreyLevels(join(folder, 'data'));
  await writeNearest(join(folder, 'standard'), standard);
  await writeNearest(join(folder, 'unit'), unit);
  await writeNearest(join(folder, 'tf'), { mean: 0.5, deviation: 0.5 });
  await writeNearest(join(folder, 'raw'), { mean: 0, deviation: 1 / 255 });
  await writeNearest(join(folder, 'other'), { mean: 0.4, deviation: 0.2 });
  await writeNearest(join(folder, 'rescaling'), unit, true);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Measured {
  readonly top1: number;
  readonly inputScale: { readonly mean: number[]; readonly deviation: number[] };
}

async function evaluated(file: string, ...args: string[]): Promise<Measured & { notes: string }> {
  const given = ['evaluate', '--model', file, ...data, ...all, ...args, '--json'];
  const { stdout, notes } = await invoke(given);
  return { ...(JSON.parse(stdout) as Measured), notes };
}

function objectIn(...names: string[]): Record<string, unknown> {
  return JSON.parse(readFileSync(join(...names), 'utf8')) as Record<string, unknown>;
}

describe('evaluate', () => {
  it.each([
    ['standard', 'auto', null],
    ['standard', 'standard', null],
    ['standard', `${mean}/${deviation}`, null],
    ['unit', 'unit', 'images go in as unit (pixel / 255), as asked for'],
    ['tf', 'tf', 'images go in as tf (pixel / 127.5 - 1), as asked for'],
    ['raw', 'raw', 'images go in as raw (pixels of 0 to 255), as asked for'],
    ['other', '0.4/0.2', 'images go in as (pixel / 255 - 0.4) / 0.2, as asked for'],
    ['rescaling', 'auto', 'images go in as raw (pixels of 0 to 255), which scaling of the network'],
  ])('feeds %s with --input-scale %s what it takes, and says it', async (name, scale, said) => {
    const { top1, notes } = await evaluated(modelOf(name), '--input-scale', scale);
    expect(top1).toBe(1);
    if (said === null) expect(notes).not.toContain('images go in');
    else expect(notes).toContain(said);
    expect(notes).not.toContain('chance level');
  });

  it('warns of an accuracy at chance level, with the likely causes', async () => {
    const { top1, inputScale, notes } = await evaluated(modelOf('raw'));
    expect(top1).toBe(0.1); // all are far below the second grey
    expect(inputScale).toEqual({ mean: [standard.mean], deviation: [standard.deviation] });
    expect(notes).toMatch(
      /10\.00 % of 200 images right, which is chance level.*--input-scale.*order/,
    );
    const few = ['evaluate', '--model', modelOf('raw'), ...data, '--limit-test', '50'];
    expect((await invoke([...few, '--limit-train', '0'])).notes).not.toContain('chance level');
  });

  it.each([
    ['half', '--input-scale must be auto, standard, unit, tf, raw or MEAN/DEVIATION'],
    ['123.7/58.4', 'in units of pixel / 255'],
    ['0.1,0.2,0.3/0.5', '--input-scale must have one number or 1, for each channel of mnist'],
  ])('refuses --input-scale %s', async (scale, told) => {
    const given = ['evaluate', '--model', modelOf('unit'), ...data, ...all];
    const error = await refusal([...given, '--input-scale', scale]);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toContain(told);
  });
});

describe('prune', () => {
  const given = (name: string, out: string, ...args: string[]): string[] => [
    ...['prune', '--model', modelOf(name), ...data, ...all, '--out', out],
    ...['--verify-samples', '2', ...args],
  ];

  it('measures on what the network takes, and its export says how it is fed, for whoever reads it', async () => {
    const out = fresh();
    const args = ['--rate', '0.25', '--input-scale', 'unit', '--format', 'tfjs,typescript'];
    const { stdout } = await invoke(given('unit', out, ...args));
    expect(stdout).toMatch(/accuracy \(top-1\) \| +100\.00 %/);
    const { usage, files } = objectIn(out, 'pruning.json') as {
      usage: Record<string, unknown> & { accuracy: { top1: number; images: number } };
      files: object;
    };
    const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    expect(usage).toMatchObject({ size: [4, 4, 1], layout: 'channelsLast', classes: digits });
    expect(usage).toMatchObject({ mean: [0], deviation: [1] });
    expect(Object.keys(files)).toEqual(['group1-shard1of1.bin', 'model.json', 'network.ts']);
    const { userDefinedMetadata } = objectIn(out, 'model.json');
    const { lines, ...said } = usage;
    expect(userDefinedMetadata).toEqual({ secateurUsage: said });
    expect(lines).toContain('const input = tf.div(tf.sub(tf.div(image, 255), 0), 1);');
    const { top1, inputScale, notes } = await evaluated(join(out, 'model.json'));
    expect(notes).toContain('images go in as unit (pixel / 255), as the network says in its file');
    expect(inputScale).toEqual({ mean: [0], deviation: [1] });
    expect(usage.accuracy).toEqual({ top1, images: 200, dataSet: 'mnist (test)' });
  });

  it('hands on without images what the network said, its accuracy aside; export hands on all', async () => {
    const first = fresh();
    await invoke(given('unit', first, '--rate', '0.25', '--input-scale', 'unit'));
    const [again, copy] = [fresh(), fresh()];
    const quick = ['--backend', 'cpu', '--verify-samples', '2'];
    await invoke(['prune', '--model', first, '--rate', '0.34', '--out', again, ...quick]);
    await invoke(['export', '--model', first, '--out', copy, ...quick]);
    const usages = [first, again, copy].map(
      (out) => objectIn(out, 'pruning.json').usage as Record<string, unknown>,
    );
    const { accuracy, weightsSha256, ...lasting } = usages[0]!;
    expect(accuracy).toBeDefined();
    expect(usages[1]).toEqual({ ...lasting, weightsSha256: expect.any(String) as string });
    expect(usages[1]!.weightsSha256).not.toBe(weightsSha256);
    expect(usages[2]).toEqual(usages[0]);
    expect((await evaluated(join(copy, 'model.json'))).inputScale.mean).toEqual([0]);
  });

  it('says nothing of the use of a network of which nothing is known', async () => {
    const out = fresh();
    const quick = ['--backend', 'cpu', '--verify-samples', '2'];
    await invoke(['prune', '--model', modelOf('unit'), '--rate', '0.25', '--out', out, ...quick]);
    expect(Object.keys(objectIn(out, 'pruning.json').usage as object)).toEqual(['weightsSha256']);
  });

  it('decides nothing by an accuracy at chance level, and else warns', async () => {
    const out = fresh();
    const error = await refusal(given('raw', out, '--max-drop', '1'));
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toMatch(/^--max-drop has nothing to judge by: .*--input-scale/);
    expect(existsSync(out)).toBe(false);
    expect((await invoke(given('raw', out, '--rate', '0.25'))).notes).toContain('chance level');
    const args = ['--max-drop', '99', '--input-scale', 'raw'];
    expect((await invoke(given('raw', fresh(), ...args))).stdout).toContain('of 100.00 %');
  });

  it('refuses a scale where it looks at no images', async () => {
    const args = ['--model', modelOf('unit'), '--out', fresh(), '--input-scale', 'unit'];
    const error = await refusal(['prune', ...args, '--backend', 'cpu']);
    expect(error.message).toContain('--input-scale has no effect on prune');
  });
});

describe('sensitivity', () => {
  it('refuses an accuracy at chance level before there is a file, and goes on once it is told the scale', async () => {
    const out = fresh();
    const given = [
      'sensitivity',
      '--model',
      modelOf('raw'),
      ...data,
      '--rates',
      '0.5',
      '--out',
      out,
    ];
    const error = await refusal(given);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toMatch(/^--model has nothing to judge by: .*--input-scale/);
    expect(existsSync(join(out, 'sensitivity.jsonl'))).toBe(false);
    await invoke([...given, '--input-scale', 'raw']);
    expect(objectIn(out, 'sensitivity.json')).toMatchObject({ whole: { accuracy: 1 } });
    const again = await invoke([...given, '--input-scale', `0/${1 / 255}`]); // said otherwise
    expect(again.notes).toContain('going on after 2 measurements');
    const other = await refusal([...given, '--input-scale', '0/0.004']); // 250 in place of 255
    expect(other.message).toContain('holds a scan of something else: inputScale was');
  });
});

describe('train', () => {
  const given = (name: string, ...args: string[]): string[] => [
    ...['train', '--model', modelOf(name), ...data, ...all, '--epochs', '1'],
    ...['--learning-rate', '1e-6', '--verify-samples', '2', '--json', ...args],
  ];

  it('learns, prunes and measures on what the network takes, and its export says so', async () => {
    const run = fresh();
    const { notes } = await invoke(given('rescaling', '--rate', '0.25', '--run-dir', run));
    expect(notes).toContain('images go in as raw');
    expect(notes).not.toContain('chance level');
    expect(objectIn(run, 'export', 'pruning.json').usage).toMatchObject({
      ...{ mean: [0], deviation: [1 / 255], accuracy: { images: 200 } },
    });
    expect(objectIn(run, 'config.json')).toMatchObject({ inputScale: 'auto' });
    const other = await refusal(['--resume', '--run-dir', run, '--input-scale', 'standard']);
    expect(other).toMatchObject({ exitCode: 2 });
    expect(other.message).toContain('inputScale');
  });

  it('warns where a network that is given does no better than chance after the first epoch', async () => {
    const { notes } = await invoke(given('raw', '--method', 'none', '--run-dir', fresh()));
    expect(notes).toContain('chance level');
  });
});
