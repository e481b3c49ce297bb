import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { harden, pruningManifest } from '../../surgery';
import { readModel, writeModel } from '../../formats';
import type { ManifestFacts } from '../../surgery';
import { ChannelGraph, countMacs, countParams } from '../../graph';
import type { KeepSet, Residual } from '../../graph';
import { forEachLayer } from '../../layers';
import { mobileNetV2Like, residualBlock, separableNet } from './pruned-models';
import { randomKeep } from '../graph/networks';
import { outputOf, scratchFolder } from '../formats/tfjs/model-folders';
import { askPlainTensorFlow, folderWithTensorFlow } from '../formats/plain-tfjs';

const scratch = scratchFolder();
/** Stock `cpu` sums products in blocks of 48, whose borders move with the channels that go. */
const blockSumTolerance = 1e-6;

const facts: ManifestFacts = {
  method: 'fpgm',
  rate: 0.3,
  seed: 1,
  source: 'resnet20',
  verification: { samples: 64, maxAbsDiff: 0, maxAbsOutput: 1.5, backend: 'cpu' },
};

const nothing = { groups: new Map(), weights: new Map() } satisfies KeepSet;

beforeAll(async () => {
  await startEngine('cpu');
});

/** pruning.json as its readers type it. */
interface Manifest {
  readonly format: string;
  readonly groups: readonly {
    readonly id: string;
    readonly channels: number;
    readonly kept: readonly number[];
    readonly producers: readonly string[];
    readonly followers: readonly string[];
    readonly consumers: readonly string[];
  }[];
  readonly layers: Readonly<Record<string, { readonly outputs: number; readonly kept: number[] }>>;
  readonly weights: Readonly<
    Record<string, { readonly weights: number; readonly removed: number }>
  >;
  readonly frozen: readonly { readonly id: string; readonly reason: string }[];
  readonly macs: { readonly before: number; readonly after: number };
  readonly params: { readonly before: number; readonly after: number };
}

/** The manifest as it comes back from its file. */
function manifestOf(graph: ChannelGraph, keep: KeepSet): Manifest {
  return JSON.parse(JSON.stringify(pruningManifest(graph, keep, facts))) as Manifest;
}

function isAscending(kept: readonly number[], below: number): boolean {
  return kept.every(
    (index, at) => Number.isInteger(index) && index > (kept[at - 1] ?? -1) && index < below,
  );
}

/** Checks the format field by field; `model` is the original network. */
function checkManifest(manifest: Manifest, model: tf.LayersModel): void {
  const paths: string[] = [];
  forEachLayer(model, (_, at) => paths.push(at));
  expect(Object.keys(manifest)).toEqual([
    'format',
    'method',
    'rate',
    'seed',
    'source',
    'residual',
    'groups',
    'layers',
    'weights',
    'frozen',
    'macs',
    'params',
    'verification',
  ]);
  expect(manifest).toMatchObject({ ...facts, format: 'secateur-pruning/1' });
  expect(new Set(manifest.groups.map(({ id }) => id)).size).toBe(manifest.groups.length);
  for (const group of manifest.groups) {
    expect(Object.keys(group)).toEqual([
      'id',
      'channels',
      'kept',
      'producers',
      'followers',
      'consumers',
    ]);
    expect(group.channels).toBeGreaterThan(0);
    expect(group.kept.length).toBeGreaterThan(0);
    expect(isAscending(group.kept, group.channels)).toBe(true);
    expect(group.producers.length).toBeGreaterThan(0);
    const named = [...group.producers, ...group.followers, ...group.consumers];
    expect(named.filter((name) => !paths.includes(name))).toEqual([]);
  }
  for (const [name, { outputs, kept, ...rest }] of Object.entries(manifest.layers)) {
    expect(paths).toContain(name);
    expect(kept.length).toBeLessThan(outputs);
    expect(isAscending(kept, outputs)).toBe(true);
    expect(rest).toEqual({});
  }
  for (const frozen of manifest.frozen) {
    expect(Object.keys(frozen)).toEqual(['id', 'reason']);
    expect(frozen.id + frozen.reason).toMatch(/\S/);
  }
  for (const count of [manifest.macs, manifest.params]) {
    expect(Object.keys(count)).toEqual(['before', 'after']);
    expect(Number.isSafeInteger(count.before) && Number.isSafeInteger(count.after)).toBe(true);
    expect(count.after).toBeLessThanOrEqual(count.before);
  }
}

/** Layers with weights by path: their width, the last length of the output's shape. */
function widths(model: tf.LayersModel): Map<string, number> {
  const found = new Map<string, number>();
  forEachLayer(model, (layer, at) => {
    const shape = layer.getOutputAt(0) as tf.SymbolicTensor;
    if (layer.weights.length > 0) found.set(at, shape.shape.at(-1)!);
  });
  return found;
}

const makers = {
  'a residual network, coupled': [residualBlock, 'coupled'],
  'a residual network, inner': [residualBlock, 'inner'],
  'a residual network, stream': [residualBlock, 'stream'],
  'depthwise convolutions': [separableNet, 'coupled'],
  'inverted residuals': [mobileNetV2Like, 'coupled'],
} as const satisfies Record<string, readonly [() => tf.LayersModel, Residual]>;

describe.each(Object.entries(makers))('pruning.json of %s', (name, [make, residual]) => {
  const folder = path.join(scratch, name.replaceAll(/\W+/g, '-'));
  let model: tf.LayersModel;
  let graph: ChannelGraph;
  let keep: KeepSet;
  let manifest: ReturnType<typeof manifestOf>;

  beforeAll(() => {
    model = make();
    graph = ChannelGraph.of(model, { residual });
    keep = randomKeep(graph, 5);
    manifest = manifestOf(graph, keep);
  });

  it('has the fields of the format, and no others', () => {
    checkManifest(manifest, model);
    expect(manifest.groups.some(({ channels, kept }) => kept.length < channels)).toBe(true);
  });

  it('names exactly the layers with weights whose output lost channels', () => {
    const [before, after] = [widths(model), widths(harden({ model, graph }, keep))];
    const narrowed = [...before].filter(([at, width]) => after.get(at) !== width);
    // A layer is silenced even where a scatter gives its consumers the full width again.
    expect(Object.keys(manifest.layers).sort()).toEqual(narrowed.map(([at]) => at).sort());
    for (const [at, { outputs, kept }] of Object.entries(manifest.layers)) {
      expect([outputs, kept.length]).toEqual([before.get(at), after.get(at)]);
    }
  });

  it('counts what the exported file holds, recounted from scratch', async () => {
    await writeModel(harden({ model, graph }, keep), path.join(folder, 'hard'));
    const read = ChannelGraph.of(await readModel(path.join(folder, 'hard', 'model.json')));
    const full = ChannelGraph.of(model);
    expect(manifest.macs).toEqual({ before: countMacs(full), after: countMacs(read) });
    expect(manifest.params).toEqual({ before: countParams(full), after: countParams(read) });
  });

  it('is enough for anyone with plain tfjs to silence the original into the small network', async () => {
    await writeModel(model, path.join(folder, 'original'));
    await writeModel(harden({ model, graph }, keep), path.join(folder, 'small'));
    const file = path.join(folder, 'pruning.json');
    fs.writeFileSync(file, JSON.stringify(manifest));
    const home = folderWithTensorFlow(path.join(folder, 'plain'));
    const { answers, modules } = askPlainTensorFlow(home, [
      { folder: path.join(folder, 'original') },
      { folder: path.join(folder, 'original'), manifest: file },
      { folder: path.join(folder, 'small') },
    ]);
    expect(modules.filter((module) => !module.includes('node_modules'))).toHaveLength(1);
    const [original, silenced, small] = answers.map(({ output }) => output);
    expect(original).toEqual(outputOf(model));
    const largest = Math.max(...silenced!.map(Math.abs));
    expect(largest).toBeGreaterThan(1e-3);
    const gap = (other: number[]): number =>
      Math.max(...silenced!.map((value, index) => Math.abs(value - other[index]!)));
    expect(gap(small!)).toBeLessThanOrEqual(blockSumTolerance * Math.max(1, largest));
    expect(gap(original!)).toBeGreaterThan(1e-3); // silencing did something
  });
});

describe('pruning.json', () => {
  it('of a network that lost nothing names every group whole and no layer', () => {
    const model = residualBlock();
    const manifest = manifestOf(ChannelGraph.of(model), nothing);
    checkManifest(manifest, model);
    expect(manifest.groups.every(({ channels, kept }) => kept.length === channels)).toBe(true);
    expect(manifest.layers).toEqual({});
    expect(manifest.macs.after).toBe(manifest.macs.before);
  });

  it('counts single weights that are gone', () => {
    const model = residualBlock();
    const [name] = ChannelGraph.of(model).kernels;
    const size = tf.util.sizeFromShape(model.weights[0]!.shape as number[]);
    const kept = new Uint8Array(size).fill(1).fill(0, 0, 5);
    const keep = { groups: new Map(), weights: new Map([[name!, kept]]) };
    const manifest = manifestOf(ChannelGraph.of(model), keep);
    checkManifest(manifest, model);
    expect(manifest.weights).toEqual({ [name!]: { weights: size, removed: 5 } });
  });

  it('names what may not be pruned, and why', () => {
    const model = residualBlock();
    const { frozen } = manifestOf(ChannelGraph.of(model), nothing);
    expect(frozen.find(({ id }) => id === 'fc')?.reason).toContain('output');
  });
});
