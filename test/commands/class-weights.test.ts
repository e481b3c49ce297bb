import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idx, randomBytes } from '../data/fixtures';
import { invoke, refusal } from './fixtures/invoke';
import type { Answer } from './fixtures/invoke';
import { writeTiny } from './fixtures/tiny-network';

const folder = mkdtempSync(join(tmpdir(), 'secateur-weights-'));
const model = ['--model', join(folder, 'net', 'model.json')];
const small = [
  ...['--epochs', '1', '--batch-size', '8', '--limit-train', '0', '--limit-test', '0'],
  ...['--validation-fraction', '0.2', '--verify-samples', '2', '--backend', 'cpu', '--json'],
];
let next = 0;

/** A folder of images in the form of MNIST, so many of each class. */
function images(name: string, counts: readonly number[]): string {
  const labels = counts.flatMap((count, label) => Array<number>(count).fill(label));
  const place = join(folder, name);
  mkdirSync(place);
  for (const split of ['train', 't10k']) {
    const pixels = randomBytes(labels.length * 784);
    writeFileSync(join(place, `${split}-images-idx3-ubyte`), idx([labels.length, 28, 28], pixels));
    writeFileSync(join(place, `${split}-labels-idx1-ubyte`), idx([labels.length], labels));
  }
  return place;
}

/** A run, its warnings, and the folder that it went to. */
async function train(place: string, ...args: string[]): Promise<Answer & { run: string }> {
  const run = join(folder, `run${next++}`);
  const given = ['--dataset', 'mnist', '--data-dir', place, ...model, '--run-dir', run];
  return { ...(await invoke([...given, ...small, ...args])), run };
}

/** The mean loss of the only epoch. */
function lossOf(run: string): number {
  const [row] = readFileSync(join(run, 'metrics.jsonl'), 'utf8').split('\n');
  return (JSON.parse(row!) as { train_loss: number }).train_loss;
}

describe('train --class-weights', () => {
  let uneven = '';
  let even = '';
  beforeAll(async () => {
    await writeTiny(join(folder, 'net'));
    uneven = images('uneven', [50, 5]);
    even = images('even', Array<number>(10).fill(5));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is proposed in a warning with classes and counts, and trains by the weighed loss', async () => {
    const plain = await train(uneven);
    // 40 and 4 to learn from, after a fifth is held out of each class
    expect(plain.warnings).toBe(
      'warning: 8 classes have no training images; the training images are out of balance, 10 to 1: 0 40, 1 4, 2 0, ' +
        '3 0, 4 0, 5 0, 6 0, 7 0, 8 0, 9 0; --class-weights balanced makes each class count alike\n',
    );
    const balanced = await train(uneven, '--class-weights', 'balanced');
    expect(balanced.warnings).toMatch(/^warning: 8 classes have no training images: 0 40, 1 4,/);
    const [all, weighed] = [lossOf(plain.run), lossOf(balanced.run)];
    expect(weighed).not.toBe(all);
    // 44 / (2 * 40) and 44 / (2 * 4), written out
    const named = await train(uneven, '--class-weights', '0=0.55,1=5.5');
    expect(lossOf(named.run)).toBeCloseTo(weighed, 5);
    expect(JSON.parse(readFileSync(join(named.run, 'config.json'), 'utf8'))).toMatchObject({
      classWeights: ['0=0.55', '1=5.5'],
    });
    const other = await refusal(['--resume', '--run-dir', named.run, '--class-weights', 'none']);
    expect(other).toMatchObject({ exitCode: 2 });
    expect(other.message).toContain('--class-weights');
  });

  it('warns of one class alone, which no weights mend', async () => {
    const { warnings, code } = await train(images('one', [0, 0, 0, 30]));
    expect(code).toBe(0);
    expect(warnings).toMatch(/^warning: all training images are of one class, 3: .*9 0\)\n$/);
  });

  it('says nothing of classes in balance, and weighs classes that are named', async () => {
    const { warnings, run } = await train(even);
    const named = await train(even, '--class-weights', '7=2');
    expect(warnings + named.warnings).toBe('');
    expect(lossOf(named.run)).toBeGreaterThan(lossOf(run));
  });

  it.each([
    ['most', '--class-weights must be none, balanced, or CLASS=X with X above 0'],
    ['3=0', 'with X above 0'],
    ['3=1,3=2', 'with X above 0'],
    ['10=2', '--class-weights must be none, balanced, or name classes among 0, 1, 2'],
  ])('refuses %s', async (given, message) => {
    const error = await refusal(['--dataset', 'mnist', ...model, ...small, '--class-weights', given]);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toContain(message);
  }); // prettier-ignore
});
