import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../formats';
import { readOnnx } from '../formats/onnx/onnx-reader';
import { invoke, refusal } from './fixtures/invoke';

const folder = mkdtempSync(join(tmpdir(), 'secateur-prune-'));
const file = join(folder, 'fresh', 'model.json');
const quick = ['--backend', 'cpu', '--verify-samples', '1'];

/** ResNet-20 for images of 8 x 8, written in all formats. */
beforeAll(async () => {
  await invoke([
    ...['export', '--arch', 'resnet20', '--input-shape', '8,8,3', '--classes', '4'],
    ...['--out', join(folder, 'fresh'), '--format', 'tfjs,typescript,onnx', ...quick],
  ]);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Manifest {
  readonly layerRates?: readonly string[];
  readonly groups: readonly { id: string; channels: number; kept: number[]; producers: string[] }[];
  readonly frozen: readonly { id: string; reason: string }[];
}

let next = 0;
const fresh = (): string => join(folder, `out${next++}`);

async function pruned(...args: string[]): Promise<Manifest> {
  const out = fresh();
  const given = ['prune', '--model', file, '--out', out, ...quick, ...args, '--json'];
  return JSON.parse((await invoke(given)).stdout) as Manifest;
}

async function message(...args: string[]): Promise<string> {
  const error = await refusal(['prune', '--model', file, '--out', fresh(), ...quick, ...args]);
  expect(error).toMatchObject({ exitCode: 2 });
  return error.message;
}

/** Channels kept of each group by id. */
const widths = ({ groups }: Manifest): Record<string, number> =>
  Object.fromEntries(groups.map(({ id, kept }) => [id, kept.length]));

describe('prune: which layers', () => {
  it('takes layers by their role in the file, as the network was built', async () => {
    const inner = await pruned('--only', 'role:block.inner', '--rate', '0.5');
    expect(Object.keys(widths(inner)).sort()).toEqual(
      [1, 2, 3].flatMap((stage) => [0, 1, 2].map((block) => `layer${stage}_${block}_conv1`)),
    );
    const others = inner.frozen.filter(({ id }) => id !== 'fc');
    expect(others.length).toBeGreaterThan(0);
    for (const { reason } of others) expect(reason).toBe('not selected (only)');
  });

  it('names the rule that matches nothing, and what there is', async () => {
    expect(await message('--skip', 'role:block.downsample')).toBe(
      '--skip role:block.downsample matches no layer that has filters; there are block.inner, block.out',
    );
    expect(await message('--skip', 'class:Conv3D')).toContain('there are Conv2D, Dense');
    expect(await message('--layer-rate', 'layer9*=0.5')).toContain(
      '--layer-rate layer9* matches no layer',
    );
  });

  it('gives layers rates of their own, also where --rate is 0', async () => {
    const rates = ['--layer-rate', 'role:block.inner=0.25,layer3_*_conv1=0.5'];
    const result = await pruned('--residual', 'inner', '--rate', '0', ...rates);
    const block = (stage: number, width: number): Record<string, number> =>
      Object.fromEntries([0, 1, 2].map((at) => [`layer${stage}_${at}_conv1`, width]));
    expect(result.layerRates).toEqual(['role:block.inner=0.25', 'layer3_*_conv1=0.5']);
    // 16 - 4, 32 - 8, 64 - 32
    expect(widths(result)).toEqual({ ...block(1, 12), ...block(2, 24), ...block(3, 32) });
  });

  it('refuses two rates for layers that lose channels together', async () => {
    expect(await message('--layer-rate', 'layer1_*_conv2=0.5,conv1=0')).toMatch(
      /^--layer-rate conv1=0 and layer1_\*_conv2=0.5 contradict each other/,
    );
  });

  it('respects a dependency schema from a file', async () => {
    const schemaFile = join(folder, 'schema.json');
    const given = (await invoke(['graph', '--model', file, '--schema'])).stdout;
    const schema = JSON.parse(given) as Record<string, string[]>;
    schema.layer1_0_conv1_out = [];
    writeFileSync(schemaFile, JSON.stringify(schema));
    const result = await pruned('--rate', '0.5', '--schema-file', schemaFile);
    expect(result.frozen).toContainEqual({
      id: 'layer1_0_conv1',
      reason: 'its list in the schema is empty',
    });
    expect(widths(result).layer1_1_conv1).toBe(8);
    writeFileSync(schemaFile, '{"conv9_out": []}');
    expect(await message('--schema-file', schemaFile)).toContain(`--schema-file ${schemaFile}: `);
  });
});

describe('the formats of a network', () => {
  const network = (place: string): string => readFileSync(join(place, 'network.ts'), 'utf8');

  it('lie beside model.json', () => {
    const place = join(folder, 'fresh');
    expect(readdirSync(place).sort()).toEqual([
      'group1-shard1of1.bin',
      'model.json',
      'network.onnx',
      'network.ts',
    ]);
    expect(network(place)).toMatch(/export function build\(\): tf.LayersModel/);
    const { nodes } = readOnnx(readFileSync(join(place, 'network.onnx')));
    expect(nodes.filter(({ operator }) => operator === 'Conv')).toHaveLength(19);
  });

  it('are of the small network after pruning, its blocks as functions', async () => {
    const out = fresh();
    const formats = ['--format', 'tfjs,typescript', '--rate', '0.5'];
    for (let again = 0; again < 2; again++) {
      // an export with these files is one that may be replaced
      await invoke(['prune', '--model', file, '--out', out, ...quick, ...formats]);
    }
    expect(existsSync(join(out, 'network.onnx'))).toBe(false);
    const [whole, small] = [network(join(folder, 'fresh')), network(out)];
    expect(small).not.toBe(whole);
    expect(small).toContain('filters: 8');
    expect(small).toMatch(/function layer1_?0/i);
  });
});

describe('prune --rates', () => {
  it('stores every level with its source, verified, and prints a table', async () => {
    const out = fresh();
    const args = ['--rates', '0.25,0.5', '--dataset', 'cifar10', '--subset', 'animals'];
    const given = ['prune', '--model', file, '--out', out, ...quick, ...args];
    const { stdout } = await invoke(given);
    const place = join(out, 'cifar10', 'animals');
    const names = readdirSync(place).sort();
    expect(names).toHaveLength(4);
    expect(names.map((name) => name.replace(/^.*(?=_\d)/, ''))).toEqual([
      ...['_25', '_25.ts', '_50', '_50.ts'],
    ]);
    for (const name of names.filter((each) => !each.endsWith('.ts'))) {
      const manifest = JSON.parse(readFileSync(join(place, name, 'pruning.json'), 'utf8')) as {
        rate: number;
        macs: { after: number };
        verification: { samples: number; maxAbsDiff: number };
      };
      expect(name.endsWith(`_${manifest.rate * 100}`)).toBe(true);
      expect(manifest.verification).toMatchObject({ samples: 1, maxAbsDiff: 0 });
      const flops = ['flops', '--model', join(place, name, 'model.json'), '--json'];
      const counted = JSON.parse((await invoke(flops)).stdout) as { macs: number };
      expect(counted.macs).toBe(manifest.macs.after);
      expect(stdout).toContain(counted.macs.toLocaleString('en'));
    }
    expect(stdout).toMatch(/whole.*\n.*rate 0.25.*\n.*rate 0.5/);
    const { levels } = JSON.parse((await invoke([...given, '--json'])).stdout) as {
      levels: { rate: number; bytes: number; source: string }[];
    };
    expect(levels.map(({ rate }) => rate)).toEqual([0.25, 0.5]);
    expect(levels[1]!.bytes).toBeLessThan(levels[0]!.bytes);
    for (const { source } of levels) expect(existsSync(source)).toBe(true);
  });

  it('writes nothing when one of them removes nothing or a name is no file name', async () => {
    const [first, second] = [fresh(), fresh()];
    const base = ['prune', '--model', file, ...quick];
    const nothing = await refusal([...base, '--out', first, '--rates', '0.001,0.5']);
    expect(nothing.message).toContain('--rates must remove something');
    const name = ['--out', second, '--rates', '0.5', '--subset', '../up'];
    const escape = await refusal([...base, ...name]);
    expect(escape.message).toContain('subset must be letters');
    expect([first, second].map((out) => existsSync(out))).toEqual([false, false]);
  });
});

describe('prune: layers that only do something in training', () => {
  it('does not hand them over, and says which of them it could not read', async () => {
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.conv2d({ name: 'conv', filters: 4, kernelSize: 3, inputShape: [8, 8, 3] }),
        layers.dropout({ name: 'drop', rate: 0.5 }),
        layers.globalAveragePooling2d({ name: 'pool' }),
        layers.dense({ name: 'fc', units: 2 }),
      ],
    });
    const source = fresh();
    await writeModel(model, source);
    model.dispose();
    const json = join(source, 'model.json');
    const text = readFileSync(json, 'utf8').replace(
      '{"class_name":"Dropout"',
      '{"class_name":"RandomFlip","config":{"name":"flip"}},{"class_name":"Dropout"',
    );
    writeFileSync(json, text);
    const out = fresh();
    const given = ['prune', '--model', source, '--rate', '0.5', '--out', out, ...quick];
    const { notes } = await invoke(given);
    expect(notes).toContain('layer flip (RandomFlip) is left out');
    const written = JSON.parse(readFileSync(join(out, 'model.json'), 'utf8')) as {
      modelTopology: { config: { layers: { config: { name: string } }[] } };
    };
    const names = written.modelTopology.config.layers.map(({ config }) => config.name);
    expect(names).toEqual(['conv', 'pool', 'fc']);
  });
});
