import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SensitivityGroup } from '../../report/sensitivity';
import { invoke, refusal } from './fixtures/invoke';
import { writeTiny } from './fixtures/tiny-network';

const folder = mkdtempSync(join(tmpdir(), 'secateur-sensitivity-'));
const file = join(folder, 'net', 'model.json');
const out = join(folder, 'scan');
const asked = [
  ...['sensitivity', '--model', file, '--dataset', 'mnist', '--limit-validation', '40'],
  ...['--backend', 'cpu', '--rates', '0.25,0.5', '--out'],
];
const read = (name: string, place = out): string => readFileSync(join(place, name), 'utf8');

beforeAll(() => writeTiny(join(folder, 'net')));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Manifest {
  readonly layerRates: readonly string[];
  readonly groups: readonly { readonly id: string; readonly kept: readonly number[] }[];
}

describe('sensitivity', () => {
  it('writes table, JSON and plot, and rates.json under a tolerance', async () => {
    const { code, stdout } = await invoke([...asked, out, '--tolerance', '100']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\| group +\| units \| +0 \| +0.25 \| +0.5 \|/);
    expect(stdout).toMatch(/\| first +\| +4 \|.*\n\| second +\| +8 \|/);
    const { groups, images } = JSON.parse(read('sensitivity.json')) as {
      groups: readonly SensitivityGroup[];
      images: number;
    };
    expect(images).toBe(40);
    expect(groups.map(({ id, points }) => [id, points.map(({ removed }) => removed)])).toEqual([
      ['first', [1, 2]],
      ['second', [2, 4]],
    ]);
    expect(read('sensitivity.csv').trimEnd().split('\n')).toHaveLength(1 + 1 + 4);
    expect(read('sensitivity.svg')).toMatch(/^<svg/);
    expect(JSON.parse(read('rates.json'))).toMatchObject({
      format: 'secateur-rates/1',
      tolerance: 100,
      rates: { first: 0.5, second: 0.5 },
    });
  });

  it('measures nothing twice: more rates and another tolerance go on in the folder', async () => {
    const before = read('sensitivity.jsonl');
    const more = [...asked.slice(0, -2), '0.25,0.5,0.75', '--out', out, '--tolerance', '0'];
    const { notes } = await invoke(more);
    expect(notes).toContain('going on after 5 measurements');
    expect(read('sensitivity.jsonl').startsWith(before)).toBe(true);
    expect(read('sensitivity.jsonl').split('\n')).toHaveLength(1 + 5 + 2 + 1);
    expect(read('sensitivity.csv').trimEnd().split('\n')).toHaveLength(1 + 1 + 6);
  });

  it('refuses a folder of other options, naming what differs', async () => {
    const error = await refusal([...asked, out, '--seed', '2']);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toMatch(/holds a scan of something else: /);
  });

  it('refuses options that could have no effect', async () => {
    const message = async (...args: string[]): Promise<string> =>
      (await refusal([...asked, join(folder, 'never'), ...args])).message;
    expect(await message('--method', 'none')).toContain('none would prune nothing');
    expect(await message('--layer-rate', 'first=0.5')).toContain('is not an option of sensitivity');
    expect(await message('--norm', 'l1')).toContain('has no effect without --method norm-filter');
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});

describe('--layer-rate-file', () => {
  const given = ['prune', '--model', file, '--backend', 'cpu', '--verify-samples', '1', '--json'];
  const rates = join(folder, 'rates.json');
  let next = 0;
  const place = (): string[] => ['--out', join(folder, `small${next++}`)];
  const write = (content: unknown): void => {
    writeFileSync(rates, JSON.stringify(content));
  };

  it('feeds prune; a --layer-rate counts after it', async () => {
    write({ format: 'secateur-rates/1', rates: { first: 0.25, second: 0.5 } });
    const pruned = async (...args: string[]): Promise<Manifest> =>
      JSON.parse(
        (await invoke([...given, ...place(), '--layer-rate-file', rates, ...args])).stdout,
      ) as Manifest;
    const manifest = await pruned();
    expect(manifest.layerRates).toEqual(['first=0.25', 'second=0.5']);
    expect(manifest.groups.map(({ id, kept }) => [id, kept.length])).toEqual([
      ['first', 3], // 4 - 1
      ['second', 4], // 8 - 4
    ]);
    const changed = await pruned('--layer-rate', 'second=0.75');
    expect(changed.groups.map(({ kept }) => kept.length)).toEqual([3, 2]);
  });

  it('becomes the rates of a training run, which resumes without the file but not with other rates', async () => {
    write({ format: 'secateur-rates/1', rates: { second: 0.5 } });
    const runDir = ['--run-dir', join(folder, 'run'), '--layer-rate', 'first=0.25', '--json'];
    const train = [
      ...['train', '--model', file, '--rate', '0', '--layer-rate-file', rates, ...runDir],
      ...['--limit-train', '20', '--limit-test', '20', '--validation-fraction', '0.001'],
      ...['--epochs', '1', '--verify-samples', '1', '--backend', 'cpu'],
    ];
    await invoke(train);
    const saved = JSON.parse(read('config.json', join(folder, 'run'))) as object;
    expect(saved).toMatchObject({ layerRate: ['second=0.5', 'first=0.25'] });
    expect(saved).not.toHaveProperty('layerRateFile');
    const resume = ['train', '--resume', '--run-dir', join(folder, 'run'), '--json'];
    expect(await invoke(resume)).toMatchObject({ code: 0 });
    expect(await invoke([...train, '--resume'])).toMatchObject({ code: 0 });
    write({ format: 'secateur-rates/1', rates: { second: 0.75 } });
    const error = await refusal([...train, '--resume']);
    expect(error.message).toMatch(/^--layer-rate must be what the run .* began with/);
  });

  it.each([
    [{ rates: { first: 0.5 } }, 'it must hold {"format": "secateur-rates/1"'],
    [{ format: 'secateur-rates/1', rates: { first: 1 } }, 'the rate of first must be in [0, 1)'],
    [{ format: 'secateur-rates/1', rates: { third: 0.5 } }, 'third matches no layer'],
  ])('is refused where it is not right: %j', async (content, reason) => {
    write(content);
    const error = await refusal([...given, ...place(), '--layer-rate-file', rates]);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toContain(reason);
  });
});
