/**
 * Times our training step beside PyTorch's, in turns, and prints the ratios.
 *
 *     npm run bench -- --python .venv/bin/python [--depths 20,56] [--rounds 9] [--steps 5]
 *
 * All workers stay alive and take turns in random order, a few steps a turn with the first dropped,
 * so that a machine whose speed drifts is fair to all. A ratio is PyTorch's time over ours in the same
 * round (above 1: we are faster); its median and quartiles over the rounds are printed.
 */
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { permutation, seedOf } from '../random/seeds';
import { formatTable } from '../report/table';
import { Worker, quantile } from './turns';

const BATCH = 128;
const SIZE = 32;
const CHANNELS = 3;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: '.venv/bin/python' },
      depths: { type: 'string', default: '20,56' },
      rounds: { type: 'string', default: '9' },
      steps: { type: 'string', default: '5' },
    },
  });
  for (const depth of values.depths.split(',').map(Number)) {
    await compare(depth, values.python, Number(values.rounds), Number(values.steps));
  }
}

async function compare(
  depth: number,
  python: string,
  rounds: number,
  steps: number,
): Promise<void> {
  const torch = (format: string): Worker => {
    const script = path.join(__dirname, 'reference', 'train_step.py');
    const size = ['--depth', depth, '--batch', BATCH, '--image', SIZE, '--channels', CHANNELS];
    return new Worker(`PyTorch ${format}`, python, [
      script,
      ...size.map(String),
      '--format',
      format,
    ]);
  };
  const ours = new Worker('Secateur', process.execPath, [
    ...['-r', 'ts-node/register/transpile-only', path.join(__dirname, 'worker.ts')],
    ...[depth, BATCH, SIZE, CHANNELS].map(String),
  ]);
  const workers = [ours, torch('channels_first'), torch('channels_last')];
  for (const worker of workers) {
    process.stderr.write(`${worker.name}: ${JSON.stringify(await worker.answer())}\n`);
  }
  for (const worker of workers) await worker.turn(5); // warm-up
  const times = workers.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const index of permutation(workers.length, seedOf('bench', depth, round))) {
      times[index]!.push(await workers[index]!.turn(steps));
    }
    process.stderr.write(`round ${round + 1}/${rounds}\n`);
  }
  for (const worker of workers) worker.end();
  print(depth, workers, times);
}

function print(depth: number, workers: readonly Worker[], times: readonly number[][]): void {
  const [ours] = times;
  const rows = workers.map(({ name }, index) => {
    const ratios = times[index]!.map((ms, round) => ms / ours![round]!);
    const spread = [0.5, 0.25, 0.75].map((share) => quantile(ratios, share).toFixed(2));
    return [
      name,
      quantile(times[index]!, 0.5).toFixed(1),
      Math.min(...times[index]!).toFixed(1),
      `${spread[0]!} [${spread[1]!}..${spread[2]!}]`,
    ];
  });
  const head = [`ResNet-${depth}, batch ${BATCH}`, 'median ms', 'min ms', 'time / ours'];
  process.stdout.write(`${formatTable(head, rows)}\n`);
}

void main();
