import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quickest } from '../engines';
import { commandLine } from '../trainer/fixtures/command-line';
import { invoke, refusal } from './fixtures/invoke';

/** ResNet-20 on images of 28 x 28 x 1, as the digits of MNIST are. */
const digits = ['--arch', 'resnet20', '--input-shape', '28,28,1', '--classes', '10'];
/** WASM where the native engine is not set up: plain JavaScript would take minutes. */
const engine = quickest === 'tensorflow' ? 'tensorflow' : 'wasm';
const backend = ['--backend', engine];

/** Runs the command line with --json; its stdout must be one JSON document and nothing else. */
async function json(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await commandLine([...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('the commands on a network, one after the other', () => {
  const folder = mkdtempSync(join(tmpdir(), 'secateur-network-'));
  const [fresh, small] = [join(folder, 'fresh'), join(folder, 'small')];
  const [freshFile, smallFile] = [join(fresh, 'model.json'), join(small, 'model.json')];
  let counted: Record<string, unknown>;
  let pruned: Record<string, unknown>;

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  beforeAll(async () => {
    const written = await json(['export', ...digits, '--seed', '3', '--out', fresh, ...backend]);
    expect(written).toMatchObject({ source: 'resnet20', out: fresh });
    counted = await json(['flops', '--model', freshFile]);
    expect(counted.macs).toBe(written.macs);
    pruned = await json([
      'prune',
      '--model',
      freshFile,
      '--rate',
      '0.5',
      '--out',
      small,
      ...backend,
    ]);
  });

  it('export writes a stock model that flops and graph read', async () => {
    expect(readdirSync(fresh).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
    expect(JSON.parse((await invoke(['flops', ...digits, '--json'])).stdout)).toEqual(counted);
    // 10 classes of 64 features, and a 3 x 3 stem of 16 filters on one channel, 28 x 28 times
    const layers = counted.layers as { name: string; macs: number; params: number }[];
    expect(layers.find(({ name }) => name === 'fc')).toMatchObject({ macs: 640, params: 650 });
    expect(layers.find(({ name }) => name === 'conv1')).toMatchObject({
      macs: 28 * 28 * 9 * 16,
      params: 144,
    });
    expect(counted.flops).toBe(2 * (counted.macs as number));
    const sum = layers.reduce((macs, layer) => macs + layer.macs, 0);
    expect(sum).toBe(counted.macs);
  });

  it('graph lists the groups of the file', async () => {
    const listed = JSON.parse((await invoke(['graph', '--model', freshFile, '--json'])).stdout) as {
      source: string;
      residual: string;
      groups: { id: string; channels: number; frozen: string | null }[];
    };
    expect(listed).toMatchObject({ source: freshFile, residual: 'coupled' });
    const inBlocks = listed.groups.filter(({ id }) => /^layer\d_\d_conv1$/.test(id));
    expect(inBlocks.map(({ channels }) => channels)).toEqual([16, 16, 16, 32, 32, 32, 64, 64, 64]);
    expect(listed.groups.find(({ id }) => id === 'fc')!.frozen).not.toBeNull();
  });

  it('prune --json prints what pruning.json holds', () => {
    expect(JSON.parse(readFileSync(join(small, 'pruning.json'), 'utf8'))).toEqual(pruned);
    expect(pruned).toMatchObject({
      format: 'secateur-pruning/1',
      method: 'fpgm',
      rate: 0.5,
      source: freshFile,
      macs: { before: counted.macs },
      verification: { samples: 64, backend: engine },
    });
    for (const group of pruned.groups as { channels: number; kept: number[] }[]) {
      expect(group.kept).toHaveLength(group.channels / 2);
    }
  });

  it('flops of the pruned file is what the manifest says', async () => {
    const after = JSON.parse((await invoke(['flops', '--model', smallFile, '--json'])).stdout) as {
      macs: number;
      params: number;
    };
    const { macs, params } = pruned as Record<string, { after: number }>;
    expect(after).toMatchObject({ macs: macs!.after, params: params!.after });
    expect(after.macs).toBeLessThan((counted.macs as number) / 3);
  });

  it('export copies a pruned network with its manifest', async () => {
    const copy = join(folder, 'copy');
    await invoke(['export', '--model', smallFile, '--out', copy, ...backend]);
    for (const name of readdirSync(small)) {
      const [one, other] = [small, copy].map((place) => readFileSync(join(place, name)));
      expect(other!.equals(one!), name).toBe(true);
    }
  });

  it('evaluate measures the pruned file on both splits', async () => {
    const few = ['--limit-test', '30', '--limit-train', '100', '--validation-fraction', '0.001'];
    const result = await json(['evaluate', '--model', smallFile, ...few, ...backend]);
    expect(result).toMatchObject({ model: smallFile, split: 'test', images: 30 });
    expect(Object.keys(result).sort()).toEqual(
      ['model', 'split', 'inputScale', 'loss', 'top1', 'top5', 'images'].sort(),
    );
    const held = await invoke([
      'evaluate',
      '--model',
      smallFile,
      '--split',
      'validation',
      ...few,
      ...backend,
      '--json',
    ]);
    // round(0.001 * the size of each class) of 5421 to 6742 digits: 5 to 7 of each
    const { images } = JSON.parse(held.stdout) as { images: number };
    expect(images).toBeGreaterThanOrEqual(50);
    expect(images).toBeLessThanOrEqual(70);
  });

  it('evaluate and train refuse a network that does not fit the data set', async () => {
    const other = join(folder, 'other');
    await invoke(['export', '--arch', 'resnet20', '--classes', '7', '--out', other, ...backend]);
    const file = join(other, 'model.json');
    const run = join(folder, 'run');
    for (const args of [['evaluate'], ['train', '--run-dir', run]]) {
      const error = await refusal([...args, '--model', file, '--limit-train', '100', ...backend]);
      expect(error).toMatchObject({ exitCode: 2 });
      expect(error.message).toContain(
        `--model must take images of 28 x 28 x 1 and answer 10 classes; ${file} takes 32 x 32 x 3`,
      );
    }
    expect(readdirSync(folder)).not.toContain('run');
  });

  it('print tables for people without --json', async () => {
    const texts = [
      await invoke(['flops', '--model', smallFile]),
      await invoke(['graph', '--model', smallFile]),
      await invoke(['prune', '--model', freshFile, '--out', join(folder, 'again'), ...backend]),
    ].map(({ stdout }) => stdout);
    expect(texts[0]).toMatch(/FLOPs = 2 x MACs = [\d,]+, for one image/);
    expect(texts[1]).toContain('"conv1_out"'); // the schema; the table goes to stderr
    expect(texts[2]).toContain(`written to ${join(folder, 'again')}`);
    expect(texts[2]).toMatch(/verified on 64 random inputs/);
  });

  it('doctor --json tells about the engines', async () => {
    const { code, stdout } = await invoke(['doctor', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
  });
});
