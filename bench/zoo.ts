/**
 * Prunes every network of the zoo by half and writes what came out as docs/zoo.md.
 *
 *     npm run bench:zoo -- [--only resnet50,vgg16] [--missing] [--out docs/zoo.md]
 *
 * A row is written as soon as it is measured, and the rows of other networks stay as they are: `--only`
 * measures some again, `--missing` those that have no row yet. Works on native TensorFlow only.
 */
import fs from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { describeEngine, startEngine } from '../backend/engine';
import { RandomStream, seedOf } from '../random/seeds';
import { verify } from '../surgery';
import { buildHard, planHard } from '../surgery/harden';
import { ChannelGraph, countMacs, countParams } from '../graph';
import type { KeepSet } from '../graph';
import { weightReader } from '../layers';
import { chooseUnits, NormFilter } from '../methods';
import { architectures, publishedSize } from '../models';
import type { ArchitectureId } from '../models';
import { formatCount, formatMilliseconds } from '../report/table';
import { fillWithNoise } from './noise';

const RATE = 0.5;
const ATTEMPTS = 3;
/** Seconds that the batch of 32 may take for one of the two networks. */
const LONGEST = 60;
const SKIPPED = `> ${LONGEST} s`;

/** A column of the table: its head, and the sentence below the table. */
const columns: readonly (readonly [head: string, meaning: string])[] = [
  ['network', 'The name in `--arch`, at the image size that it was published for.'],
  ['params', 'Weights without moving statistics, before and after.'],
  ['MACs', 'Multiply-adds of one image, before and after; FLOPs are twice as many.'],
  ['difference', 'Largest |hard - masked| over the largest |output|, on two random images.'],
  ['batch 1', 'Median time to predict one image, before and after.'],
  ['batch 32', `The same for 32 images; "${SKIPPED}" where one network would need longer.`],
  ['trace', `\`ChannelGraph.of\`, best of ${ATTEMPTS}.`],
  ['choose', `Scores and choice by \`NormFilter\`, best of ${ATTEMPTS}.`],
  ['plan + slice', `All of \`harden\` but the building of the model, best of ${ATTEMPTS}.`],
  ['trace + plan + slice', 'The sum of these two columns.'],
  [
    'build',
    `tfjs builds the model object and is given its weights, best of ${ATTEMPTS}; the engine takes them over at the first prediction.`,
  ],
];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      missing: { type: 'boolean', default: false },
      out: { type: 'string', default: 'docs/zoo.md' },
    },
  });
  const engine = await startEngine('tensorflow');
  const all = Object.keys(architectures) as ArchitectureId[];
  const wanted = chooseNetworks(all, values.only);
  const rows = readRows(values.out);
  for (const id of wanted) {
    if (values.missing && rows.has(id)) continue;
    process.stderr.write(`${id} ...`);
    rows.set(id, await measure(id));
    const ordered = all.flatMap((name) => rows.get(name) ?? []);
    fs.writeFileSync(values.out, page(ordered, describeEngine(engine)));
    process.stderr.write(` ${rows.get(id)!}\n`);
  }
}

function chooseNetworks(all: readonly ArchitectureId[], only?: string): readonly ArchitectureId[] {
  if (only === undefined) return all;
  const names = only.split(',') as ArchitectureId[];
  const unknown = names.find((name) => !all.includes(name));
  if (unknown === undefined) return names;
  throw new RangeError(`--only must name networks of ${all.join(', ')}; got ${unknown}`);
}

/** The rows of an earlier run by network; a table of other columns is given up. */
function readRows(file: string): Map<string, string> {
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [];
  const table = lines.filter((line) => line.startsWith('|'));
  if (table[0] !== row(columns.map(([head]) => head))) return new Map();
  return new Map(table.slice(2).map((line) => [line.split('|')[1]!.trim(), line]));
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** The whole document; prettier leaves the table unaligned. */
function page(rows: readonly string[], engine: string): string {
  const rule = row(columns.map((_, index) => (index === 0 ? '---' : '--:')));
  return [
    `# The zoo, pruned by half`,
    '',
    `Written by \`npm run bench:zoo\` on ${os.availableParallelism()} cores, ${engine}. Random weights and statistics;`,
    `\`NormFilter\` at rate ${RATE}, uniform, \`--residual coupled\`. Times on a shared machine are good to a factor of two.`,
    '',
    '<!-- prettier-ignore -->',
    row(columns.map(([head]) => head)),
    rule,
    ...rows,
    '',
    ...columns.map(([head, meaning]) => `- **${head}**: ${meaning}`),
    '',
  ].join('\n');
}

async function measure(id: ArchitectureId): Promise<string> {
  const model = architectures[id]({ ...publishedSize(id), seed: null });
  fillWithNoise(model, seedOf('zoo', 'weights'));
  const trace = best(() => ChannelGraph.of(model));
  const graph = trace.result;
  const choose = best(() =>
    chooseUnits({ graph, kernel: weightReader(model) }, new NormFilter(), { rate: RATE }),
  );
  const keep = choose.result;
  const plan = best(() => planHard({ model, graph }, keep));
  const build = bestBuild(model, graph, keep);
  const hard = build.result;
  const difference = await relativeDifference(model, graph, keep, hard);
  const cells = [
    id,
    change(countParams(graph), countParams(graph, keep), formatCount),
    change(countMacs(graph), countMacs(graph, keep), formatCount),
    difference === 0 ? '0' : difference.toExponential(1),
    latencies(model, hard, 1),
    latencies(model, hard, 32),
    ...[trace.ms, choose.ms, plan.ms, trace.ms + plan.ms, build.ms].map(formatMilliseconds),
  ];
  model.dispose();
  hard.dispose();
  return row(cells);
}

function change(before: number, after: number, format: (value: number) => string): string {
  return `${format(before)} → ${format(after)}`;
}

/** Milliseconds of the fastest attempt, and what the last one returned. */
interface Best<Result> {
  readonly ms: number;
  readonly result: Result;
}

function best<Result>(work: () => Result): Best<Result> {
  let fastest: Best<Result> | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [result, ms] = timed(work);
    fastest = { ms: Math.min(ms, fastest?.ms ?? Infinity), result };
  }
  return fastest!;
}

/** Each attempt needs a plan of its own, which is not timed. */
function bestBuild(
  model: tf.LayersModel,
  graph: ChannelGraph,
  keep: KeepSet,
): Best<tf.LayersModel> {
  let fastest: Best<tf.LayersModel> | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    fastest?.result.dispose();
    const plan = planHard({ model, graph }, keep);
    const [result, ms] = timed(() => buildHard(plan, model));
    fastest = { ms: Math.min(ms, fastest?.ms ?? Infinity), result };
  }
  return fastest!;
}

function timed<Result>(work: () => Result): [result: Result, ms: number] {
  const start = performance.now();
  const result = work();
  return [result, performance.now() - start];
}

async function relativeDifference(
  model: tf.LayersModel,
  graph: ChannelGraph,
  keep: KeepSet,
  hard: tf.LayersModel,
): Promise<number> {
  const inputs = images(model, 2);
  const { maxAbsDiff, maxAbsOutput } = await verify({ model, graph, keep, hard }, [inputs]);
  inputs.dispose();
  return maxAbsDiff / maxAbsOutput;
}

function images(model: tf.LayersModel, count: number): tf.Tensor {
  const shape = [count, ...(model.inputs[0]!.shape.slice(1) as number[])];
  const stream = new RandomStream(seedOf('zoo', 'images'));
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => stream.normal());
  return tf.tensor(values, shape);
}

function latencies(before: tf.LayersModel, after: tf.LayersModel, batch: number): string {
  const inputs = images(before, batch);
  const cells = [before, after].map((model) => latency(model, inputs));
  inputs.dispose();
  return cells.join(' → ');
}

/** Median milliseconds of some predictions after a first one, which also brings the weights over. */
function latency(model: tf.LayersModel, inputs: tf.Tensor): string {
  const predict = (): number =>
    timed(() => tf.tidy(() => (model.predict(inputs) as tf.Tensor).dataSync()))[1];
  const first = predict();
  if ((ATTEMPTS + 1) * first > LONGEST * 1000) return SKIPPED;
  const runs = first < 300 ? 11 : ATTEMPTS;
  const times = Array.from({ length: runs }, predict).sort((a, b) => a - b);
  return formatMilliseconds(times[Math.floor(runs / 2)]!);
}

void main();
