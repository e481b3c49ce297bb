import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTiny } from '../commands/fixtures/tiny-network';
import { CommandLine, commandLine, pause } from '../trainer/fixtures/command-line';
import type { Ending } from '../trainer/fixtures/command-line';

const parent = mkdtempSync(join(tmpdir(), 'secateur-drills-'));
const model = join(parent, 'net', 'model.json');

beforeAll(() => writeTiny(join(parent, 'net')));

afterAll(() => {
  rmSync(parent, { recursive: true, force: true });
});

describe('several who write one folder at once', () => {
  it.each([
    ['prune', ['--format', 'tfjs,typescript']],
    ['sensitivity', ['--limit-validation', '60', '--rates', '0.2,0.5']],
  ])('one has it, the others are told, nothing is mixed: %s', async (command, more) => {
    const out = join(parent, command);
    const methods = ['fpgm', 'norm-filter', 'norm-filter', 'random-filter'];
    const endings = await Promise.all(
      methods.map((method) =>
        commandLine([
          ...[command, '--model', model, '--out', out, '--method', method],
          ...['--backend', 'cpu', ...more, '--json'],
        ]),
      ),
    );
    const done = endings.filter(({ code }) => code === 0);
    expect(done.length).toBeGreaterThanOrEqual(1);
    for (const { code, stderr } of endings.filter((ending) => ending.code !== 0)) {
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(/is in use by process \d+|a scan of something else/);
      expect(stderr).not.toContain('    at ');
    }
    const written = command === 'prune' ? 'pruning.json' : 'sensitivity.json';
    const facts = readFileSync(join(out, written), 'utf8');
    const told = done.map(({ stdout }) => JSON.parse(stdout) as { method?: string });
    const { method } = JSON.parse(facts) as { method: string };
    expect(told.some((result) => JSON.stringify(result).includes(`"method":"${method}"`))).toBe(
      true,
    );
    expect(readdirSync(parent).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

/** Runs to its end; a process that hangs is killed, which `signal` then tells. */
async function runBriefly(args: readonly string[]): Promise<Ending> {
  const process = new CommandLine([...args, '--backend', 'cpu'], { cwd: parent });
  const hangs = pause(90_000).then(() => {
    process.kill('SIGKILL');
  });
  const ending = await process.ending;
  void hangs;
  return ending;
}

function makePipe(file: string): string {
  rmSync(file, { recursive: true, force: true });
  execFileSync('mkfifo', [file]);
  return file;
}

function expectRefusal({ code, signal, stderr }: Ending, words: RegExp): void {
  expect(signal, stderr).toBeNull();
  expect([1, 2, 3], stderr).toContain(code);
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain('    at ');
}

describe.skipIf(process.platform === 'win32')('a pipe in the place of a file', () => {
  const small = [
    ...['--model', model, '--limit-train', '20', '--limit-test', '10', '--epochs', '1'],
    ...['--validation-fraction', '0.001', '--batch-size', '10', '--verify-samples', '2'],
  ];
  let pipe: string;

  beforeAll(async () => {
    pipe = makePipe(join(parent, 'pipe'));
    const { code, stderr } = await runBriefly([...small, '--run-dir', join(parent, 'run')]);
    expect(code, stderr).toBe(0);
  });

  it.each([
    ['--model', ['prune', '--out', 'small', '--model']],
    ['--teacher', [...small, '--run-dir', 'taught', '--teacher']],
    ['--config', ['flops', '--config']],
    ['--layer-rate-file', ['prune', '--model', model, '--out', 'small', '--layer-rate-file']],
    ['--schema-file', ['graph', '--model', model, '--schema-file']],
    ['--data-dir', ['evaluate', '--model', model, '--data-dir']],
    ['--run-dir', [...small, '--run-dir']],
    ['--out', ['export', '--model', model, '--out']],
    ['--register', ['flops', '--model', model, '--register']],
  ])('is refused where %s names it', async (_option, args) => {
    expectRefusal(await runBriefly([...args, pipe]), /pipe|is not|no folder|is no file/);
  });

  it.each([
    ...['status.json', 'config.json', 'identity.json', 'metrics.jsonl', 'metrics.csv'],
    ...['log.jsonl', 'run.lock', 'checkpoints/ckpt-00000002/state.json'],
  ])('hangs no run that goes on where it is %s', async (name) => {
    const folder = join(parent, 'copied');
    rmSync(folder, { recursive: true, force: true });
    cpSync(join(parent, 'run'), folder, { recursive: true });
    makePipe(join(folder, name));
    const ending = await runBriefly(['--resume', '--run-dir', folder]);
    // What has a twin is mended, the rest is refused.
    if (ending.code !== 0) expectRefusal(ending, /regular file|is a pipe|cannot be read/);
  });

  it('is refused as the weights of a network, and passed over as its pruning.json', async () => {
    const folder = join(parent, 'piped');
    cpSync(join(parent, 'net'), folder, { recursive: true });
    makePipe(join(folder, 'pruning.json'));
    const exported = await runBriefly(['export', '--model', folder, '--out', join(parent, 'out')]);
    expect(exported.signal, exported.stderr).toBeNull();
    makePipe(join(folder, 'group1-shard1of1.bin'));
    const refused = await runBriefly(['prune', '--model', folder, '--out', join(parent, 'out2')]);
    expectRefusal(refused, /must be a regular file/);
  });

  it('is refused in the folder of a scan', async () => {
    const out = join(parent, 'scan');
    mkdirSync(out);
    makePipe(join(out, 'sensitivity.jsonl'));
    const scan = ['sensitivity', '--model', model, '--out', out, '--limit-validation', '10'];
    expectRefusal(await runBriefly([...scan, '--rates', '0.5']), /regular file|is a pipe|chance/);
  });
});
