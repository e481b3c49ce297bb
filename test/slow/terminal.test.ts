import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadNewestCheckpoint } from '../../files/run/checkpoint';
import { stateHash } from '../../files/run/encode-checkpoint';
import { noTerminal, onTerminal, program, PseudoTerminal } from '../pseudo-terminal';
import { commandLine, pause } from '../trainer/fixtures/command-line';
import { scratchFolder } from '../trainer/fixtures/toy-run';
import { quickest } from '../engines';

/** Three epochs of six steps of a ResNet-20, on the engine that is quickest here. */
const small = [
  ...['--limit-train', '96', '--batch-size', '16', '--epochs', '3'],
  ...['--validation-fraction', '0.001', '--limit-test', '40', '--verify-samples', '8'],
  ...['--backend', quickest],
];

function statusOf(folder: string): string {
  const file = join(folder, 'status.json');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

async function newestOf(folder: string): Promise<string> {
  const newest = await loadNewestCheckpoint(join(folder, 'checkpoints'));
  return `${newest!.step} ${stateHash(newest!.state)}`;
}

/** The state in which the same training ends when nobody stops it. */
let whole: string;

beforeAll(async () => {
  const parent = mkdtempSync(join(tmpdir(), 'secateur-terminal-'));
  const ending = await commandLine([...small, '--run-dir', join(parent, 'run')]);
  expect(ending, ending.stderr).toMatchObject({ code: 0 });
  whole = await newestOf(join(parent, 'run'));
  rmSync(parent, { recursive: true });
});

async function expectToGoOn(folder: string): Promise<void> {
  const ending = await commandLine(['--resume', folder]);
  expect(ending, ending.stderr).toMatchObject({ code: 0, signal: null });
  expect(await newestOf(folder)).toBe(whole);
}

/** A line that pipes a training into another program and leaves its exit code in a file. */
function piped(folder: string, into: string): string {
  const words = [...small, '--run-dir', folder].map((word) => `'${word}'`).join(' ');
  return `trap : INT; ${program} ${words} 2>&1 | ${into}; echo \${PIPESTATUS[0]} > code`;
}

describe.skipIf(noTerminal !== '')(`a training on a terminal${noTerminal}`, () => {
  it('saves and ends with 75 on Ctrl-C under tee, which dies first', async () => {
    const cwd = scratchFolder();
    const folder = join(cwd, 'run');
    const terminal = new PseudoTerminal(piped(folder, 'tee log'), { cwd });
    await terminal.until(() => terminal.output.includes('epoch 1/3: train loss'));
    terminal.type('\x03');
    await terminal.ending;
    expect(readFileSync(join(cwd, 'code'), 'utf8')).toBe('75\n');
    expect(statusOf(folder)).not.toContain('"running"');
    await expectToGoOn(folder);
  });

  it('is not held up by a reader that goes away', async () => {
    const cwd = scratchFolder();
    const folder = join(cwd, 'run');
    const terminal = new PseudoTerminal(piped(folder, 'head -n 2'), { cwd });
    await terminal.ending;
    expect(readFileSync(join(cwd, 'code'), 'utf8')).toBe('0\n');
    expect(await newestOf(folder)).toBe(whole);
    expect(readdirSync(join(folder, 'export'))).toContain('pruning.json');
  });

  it('saves when the connection drops', async () => {
    const cwd = scratchFolder();
    const folder = join(cwd, 'run');
    const words = [...small, '--run-dir', folder].map((word) => `'${word}'`).join(' ');
    const terminal = new PseudoTerminal(`${program} ${words}`, { cwd });
    await terminal.until(() => terminal.output.includes('epoch 1/3: train loss'));
    terminal.hangUp();
    for (let waited = 0; statusOf(folder).includes('"running"') && waited < 30_000; waited += 50) {
      await pause(50);
    }
    expect(statusOf(folder)).toContain('"stopped"');
    await expectToGoOn(folder);
  });

  it.each([60, 80, 200])(
    'fits a terminal of %d columns, bar and notes and tables',
    async (columns) => {
      const cwd = scratchFolder();
      const { lines, widest, code } = await onTerminal([...small, '--run-dir', 'run'], {
        ...{ columns, cwd },
      });
      expect(code, lines.join('\n')).toBe(0);
      expect(widest).toBeLessThanOrEqual(columns);
      expect(lines.some((line) => line.startsWith('epoch 3/3: train loss'))).toBe(true);
      expect(lines.some((line) => line.startsWith('| accuracy'))).toBe(true);
    },
  );
});

describe.skipIf(noTerminal !== '')(`what people read${noTerminal}`, () => {
  const topics = [
    ['--help'],
    ['help', 'sensitivity'],
    ['flops', '--arch', 'googlenet'],
    ['graph', '--arch', 'mobilenet_v2'],
    ['graph', '--arch', 'resnet20', '--residual', 'inner'],
    ['doctor'],
    ['--arch', 'resnet21'],
    ['--patience', '3'],
  ];

  it.each(topics.flatMap((args) => [60, 80, 200].map((columns) => [args, columns] as const)))(
    '%j fits %d columns',
    async (args, columns) => {
      const { lines, widest } = await onTerminal(args, { columns });
      const wide = lines.filter((line) => line.length > columns);
      // a path is not broken, so that it can be copied
      expect(wide.filter((line) => !/^ *\S+$/.test(line))).toEqual([]);
      expect(widest).toBeGreaterThan(columns === 200 ? 80 : columns - 20);
    },
  );
});

describe('a training whose output goes nowhere', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'saves and ends with 75 at %s',
    async (signal) => {
      const folder = join(scratchFolder(), 'run');
      const words = [...small, '--run-dir', folder].map((word) => `'${word}'`).join(' ');
      const child = spawn('bash', ['-c', `exec ${program} ${words}`], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stdout.destroy();
      child.stderr.destroy();
      while (!existsSync(join(folder, 'metrics.csv'))) await pause(20);
      await pause(300);
      child.kill(signal);
      expect(await once(child, 'exit')).toEqual([75, null]);
      expect(statusOf(folder)).toContain('"stopped"');
      await expectToGoOn(folder);
    },
  );

  it.skipIf(!existsSync('/dev/full'))(
    'trains to the end on a full disk, and ends with 4',
    async () => {
      const folder = join(scratchFolder(), 'run');
      const words = [...small, '--run-dir', folder].map((word) => `'${word}'`).join(' ');
      const child = spawn('bash', ['-c', `exec ${program} ${words} > /dev/full`]);
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      expect(await once(child, 'close'), stderr).toEqual([4, null]);
      expect(stderr).toContain('could not be written to stdout');
      expect(await newestOf(folder)).toBe(whole);
      expect(readdirSync(join(folder, 'export'))).toContain('pruning.json');
    },
  );
});
