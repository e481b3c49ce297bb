import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusal } from './fixtures/invoke';
import { commandLine } from '../trainer/fixtures/command-line';
import { scratchFolder } from '../trainer/fixtures/toy-run';

/** Everything under a folder: names, and the content of files. */
function contentOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    files.map((entry) => {
      const place = join(entry.parentPath, entry.name);
      return [place, entry.isFile() ? readFileSync(place, 'base64') : ''];
    }),
  );
}

/** A folder with what no run of ours would hold. */
function strangersFolder(): string {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'letters'));
  writeFileSync(join(folder, 'letters', 'dear.txt'), 'Dear ...');
  writeFileSync(join(folder, 'notes.txt'), 'do not touch');
  return folder;
}

/** A folder whose model.json is a GraphModel, as the TensorFlow converter writes it. */
function graphModel(): string {
  const file = join(scratchFolder(), 'model.json');
  const modelTopology = { node: [{ name: 'x', op: 'Placeholder' }], versions: { producer: 1 } };
  writeFileSync(
    file,
    JSON.stringify({ format: 'graph-model', modelTopology, weightsManifest: [] }),
  );
  return file;
}

/** So that nothing takes long. */
const few = ['--limit-train', '90'];

describe('wrong usage', () => {
  it.each([
    ['an unknown flag', ['--rat', '0.3'], ['--rat', 'did you mean --rate?']],
    ['--rate 1', ['--rate', '1'], ['--rate must be a number in [0, 1), got "1"', 'command line']],
    ['an unknown data set', ['--dataset', 'mnits'], ['--dataset must be', 'did you mean mnist?']],
    ['a model without --out', ['prune', '--model', 'x/model.json'], ['--out is needed by prune']],
  ])('%s ends with 2 and names the key', async (_name, args, parts) => {
    const cwd = scratchFolder();
    const { code, stdout, stderr } = await commandLine(args, { cwd });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const part of parts) expect(stderr).toContain(part);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.each([
    ['--prune-from', ['--prune-from', '3'], '--prune-from must be below the 3 epochs'],
    [
      // 90 images to learn from (10 are held out) in batches of 30: 3 steps an epoch
      '--prune-from in steps',
      [...['--prune-by', 'step', '--prune-from', '9', '--batch-size', '30'], ...few],
      '--prune-from must be below the 9 steps',
    ],
    [
      '--prune-until in steps',
      [...['--prune-by', 'step', '--prune-until', '9', '--batch-size', '30'], ...few],
      '--prune-until must be below the 9 steps',
    ],
    [
      '--schedule that grows to a single event',
      ['--schedule', 'polynomial', '--prune-from', '2', ...few],
      '--schedule needs more than one pruning to grow, there is only that of epoch 2',
    ],
    [
      '--regrowth gradual with a single event',
      ['--regrowth', 'gradual', '--epochs', '1', ...few],
      '--regrowth needs more than one pruning to turn hard, there is only that of epoch 0',
    ],
    ['--warmup-epochs', ['--warmup-epochs', '4'], '--warmup-epochs must be at most the 3 epochs'],
    [
      '--limit-train beyond the images',
      ['--limit-train', '60000'],
      '--limit-train must be at most the 54000 there are, got 60000',
    ],
    [
      '--limit-test beyond the images',
      ['--limit-test', '10001', '--limit-train', '100'],
      '--limit-test must be at most the 10000 there are, got 10001',
    ],
    [
      '--validation-fraction 0',
      ['--validation-fraction', '0', '--limit-train', '100'],
      '--validation-fraction must hold images out',
    ],
    ['--only that matches nothing', ['--only', 'nothing*', '--limit-train', '100'], 'nothing*'],
    ['--rate that removes nothing', ['--rate', '0.001', '--limit-train', '100'], '--rate removes'],
  ])('%s comes to light before a run leaves a trace', async (_name, args, message) => {
    const folder = join(scratchFolder(), 'run');
    const error = await refusal(['--run-dir', folder, '--backend', 'cpu', ...args]);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toContain(message);
    expect(existsSync(folder)).toBe(false);
  });

  it.each([
    ['evaluate', []],
    ['prune', ['--out', 'small']],
    ['export', ['--out', 'small']],
    ['flops', []],
    ['graph', []],
    ['train', ['--limit-train', '100']],
  ] as const)('%s says that there is no such model file', async (command, args) => {
    const missing = join(scratchFolder(), 'none', 'model.json');
    const backend = command === 'flops' || command === 'graph' ? [] : ['--backend', 'cpu'];
    const error = await refusal([command, '--model', missing, ...args, ...backend]);
    expect(error).toMatchObject({ exitCode: 1 });
    expect(error.message).toContain(missing);
    expect(existsSync('small')).toBe(false);
  });

  it('a missing data file is named, without a stack', async () => {
    const cwd = scratchFolder();
    const { code, stdout, stderr } = await commandLine(
      ['--dataset', 'cifar10', '--data-dir', cwd, '--backend', 'cpu'],
      { cwd },
    );
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(cwd);
    expect(stderr).not.toContain('    at ');
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('a GraphModel is refused', async () => {
    const cwd = scratchFolder();
    const file = graphModel();
    const out = join(cwd, 'small');
    const error = await refusal(['prune', '--model', file, '--out', out, '--backend', 'cpu']);
    expect(error).toMatchObject({ exitCode: 1 });
    expect(error.message).toContain(file);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.each([
    ['prune', ['--model', 'net/model.json']],
    ['export', ['--arch', 'resnet20']],
  ])('%s leaves an --out folder of somebody else alone', async (command, args) => {
    const folder = strangersFolder();
    const before = contentOf(folder);
    const error = await refusal([command, ...args, '--out', folder, '--backend', 'cpu']);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toContain(`${folder} must be empty or hold an earlier export`);
    expect(contentOf(folder)).toEqual(before);
  });

  it('a --run-dir of somebody else is left alone', async () => {
    const folder = strangersFolder();
    const before = contentOf(folder);
    const error = await refusal(['--run-dir', folder, '--limit-train', '100', '--backend', 'cpu']);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toContain('must be empty for a new run');
    expect(contentOf(folder)).toEqual(before);
  });

  it('--resume without any run says so', async () => {
    const cwd = scratchFolder();
    const nothing = await commandLine(['--resume'], { cwd });
    expect(nothing).toMatchObject({ code: 2, stdout: '' });
    expect(nothing.stderr).toContain('--resume needs an unfinished run under runs/');
    const folder = strangersFolder();
    const before = contentOf(folder);
    const stranger = await refusal(['--resume', '--run-dir', folder]);
    expect(stranger).toMatchObject({ exitCode: 2 });
    expect(stranger.message).toContain(`${folder} holds no run`);
    expect(contentOf(folder)).toEqual(before);
    expect(readdirSync(cwd)).toEqual([]);
  });

  // Nobody may write there, not even root.
  it.skipIf(!existsSync('/sys/kernel')).each([
    ['train', ['--limit-train', '100', '--run-dir', '/sys/secateur/run']],
    ['export', ['--arch', 'resnet20', '--out', '/sys/secateur/out']],
  ])('%s into a read-only place ends with 4 and names it', async (command, args) => {
    const { code, stdout, stderr } = await commandLine([command, ...args, '--backend', 'cpu'], {
      cwd: scratchFolder(),
    });
    expect(stderr).toContain('/sys/secateur');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(4);
    expect(stdout).toBe('');
  });
});
