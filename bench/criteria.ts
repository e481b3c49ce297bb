/**
 * Times score and selection of a whole ResNet-50 by every method of the registry, and fpgm beside the
 * published way, scipy's distances layer by layer, in turns on the same weights.
 *
 *     npm run bench:criteria -- [--python .venv/bin/python] [--rounds 5] [--only fpgm,lamp] [--scope uniform]
 *
 * Random weights, 224 pixels, rate 0.3, native TensorFlow. What a method observes is made beforehand: a
 * random tensor in place of what its `observe` makes of the batches. A ratio is scipy's time over ours in
 * the same round; without --python that part is left out.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { describeEngine, startEngine } from '../backend/engine';
import { seedOf } from '../random/seeds';
import { Network } from '../graph';
import { chooseUnits, createMethod, methods, unitOf } from '../methods';
import type { Evidence, MethodId, Methodology, PolicyOptions, Scorable, Scope } from '../methods';
import { architectures, publishedSize } from '../models';
import { formatTable } from '../report/table';
import { fillWithNoise } from './noise';
import { Worker, quantile } from './turns';

const RATE = 0.3;

/** A network to choose from. */
type Subject = Scorable;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      scope: { type: 'string', default: 'uniform' },
    },
  });
  const engine = await startEngine('tensorflow');
  process.stderr.write(`${describeEngine(engine)}, ${os.availableParallelism()} cores\n`);
  const model = architectures.resnet50({ ...publishedSize('resnet50'), seed: null });
  fillWithNoise(model, seedOf('criteria', 'weights'));
  const subject = Network.of(model);
  const [rounds, scope] = [Number(values.rounds), values.scope as Scope];
  const wanted = values.only?.split(',') ?? Object.keys(methods);
  const rows = wanted.map((id) => row(subject, id as MethodId, scope, rounds));
  const head = [`ResNet-50, rate ${RATE}, ${scope}`, 'unit', 'median ms', 'min ms'];
  process.stdout.write(`${formatTable(head, rows)}\n`);
  if (values.python !== undefined) await compare(subject, values.python, rounds);
}

function row(subject: Subject, id: MethodId, scope: Scope, rounds: number): string[] {
  const method = createMethod(id);
  const evidence = evidenceFor(method, subject);
  const unit = unitOf(method, subject);
  const time = (): number => timeChoice(method, subject, { rate: RATE, scope }, evidence);
  time(); // the engine takes the weights over
  const times = Array.from({ length: rounds }, time);
  for (const tensor of evidence?.values() ?? []) tensor.dispose();
  process.stderr.write(`${id}: ${times.map((ms) => ms.toFixed(0)).join(' ')}\n`);
  return [id, unit, quantile(times, 0.5).toFixed(0), Math.min(...times).toFixed(0)];
}

/** Milliseconds of one choice. */
function timeChoice(
  method: Methodology,
  subject: Subject,
  policy: PolicyOptions,
  evidence: Evidence | null = null,
): number {
  const start = performance.now();
  chooseUnits(subject, method, policy, evidence);
  return performance.now() - start;
}

/** One batch as `observe` makes it of random gradients or activations. */
function evidenceFor(method: Methodology, { graph, kernel: read }: Subject): Evidence | null {
  const { observes } = method;
  if (observes === 'nothing') return null;
  const made = graph.kernels.map((name) => {
    const kernel = read(name);
    const shape = observes === 'gradients' ? kernel.shape : [8, 2, 2, kernel.shape.at(-1)!];
    const seed = seedOf('criteria', name);
    const evidence = tf.tidy(() =>
      method.observe(kernel, tf.relu(tf.randomNormal(shape, 0, 1, 'float32', seed))),
    );
    return [name, evidence] as const;
  });
  return new Map(made);
}

/** fpgm and scipy in turns on the kernels of all groups that may be pruned. */
async function compare(subject: Subject, python: string, rounds: number): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-criteria-'));
  try {
    writeKernels(folder, subject);
    const script = path.join(__dirname, 'reference', 'scipy_distance.py');
    const scipy = new Worker('scipy', python, [script, folder, '--rate', String(RATE)]);
    process.stderr.write(`scipy: ${JSON.stringify(await scipy.answer())}\n`);
    const method = createMethod('fpgm');
    timeChoice(method, subject, { rate: RATE });
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      ours.push(timeChoice(method, subject, { rate: RATE }));
      theirs.push(await scipy.turn(1, 0));
      process.stderr.write(
        `round ${round + 1}/${rounds}: ${ours[round]!.toFixed(0)} ms, scipy ${theirs[round]!.toFixed(0)} ms\n`,
      );
    }
    scipy.end();
    const ratios = theirs.map((ms, round) => ms / ours[round]!);
    const spread = [0.5, 0.25, 0.75].map((share) => quantile(ratios, share).toFixed(1));
    const head = ['fpgm', 'median ms', 'min ms', 'time / ours'];
    const line = (name: string, times: number[], ratio: string): string[] => [
      name,
      quantile(times, 0.5).toFixed(0),
      Math.min(...times).toFixed(0),
      ratio,
    ];
    process.stdout.write(
      `${formatTable(head, [
        line('Secateur', ours, '1'),
        line('scipy', theirs, `${spread[0]!} [${spread[1]!}..${spread[2]!}]`),
      ])}\n`,
    );
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function writeKernels(folder: string, { graph, kernel: read }: Subject): void {
  const producers = graph.prunable.flatMap((group) => group.producers);
  const names = [...new Set(producers.map(({ weight }) => weight))];
  const kernels = names.map(read);
  fs.writeFileSync(
    path.join(folder, 'kernels.json'),
    JSON.stringify(kernels.map(({ shape }) => shape)),
  );
  const bytes = kernels.map((kernel) => {
    const { buffer, byteOffset, byteLength } = kernel.dataSync<'float32'>();
    return Buffer.from(buffer, byteOffset, byteLength);
  });
  fs.writeFileSync(path.join(folder, 'kernels.bin'), Buffer.concat(bytes));
}

void main();
