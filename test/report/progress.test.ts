import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from '../../report/progress';

const command = ['node', '-r', 'ts-node/register/transpile-only'];
const fixture = join(__dirname, 'fixtures', 'show-progress.ts');

/** Runs the fixture with its stdout and stderr on a pseudo-terminal of the given width. */
function onTerminal(
  mode: string,
  { columns = 80, env = {} }: { columns?: number; env?: NodeJS.ProcessEnv } = {},
) {
  const line = `stty cols ${columns} rows 24; exec ${[...command, `'${fixture}'`, mode].join(' ')}`;
  const { stdout, status } = spawnSync('script', ['-qec', line, '/dev/null'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
  });
  return { output: stdout, status };
}

/** Runs the fixture with stdout and stderr in pipes. */
function inPipe(...args: string[]) {
  const [node, ...rest] = command;
  const { stdout, stderr, status } = spawnSync(node!, [...rest, fixture, ...args], {
    encoding: 'utf8',
  });
  return { stdout, stderr, status };
}

/**
 * What a terminal shows in the end: the lines of its screen.
 *
 * Understands what cli-progress writes: carriage return, newline, cursor up, to a column, and erasing.
 */
function screen(output: string): string[] {
  const lines: string[] = [''];
  let [row, column] = [0, 0];
  const write = (text: string): void => {
    lines[row] =
      (lines[row] ?? '').padEnd(column).slice(0, column) +
      text +
      (lines[row] ?? '').slice(column + text.length);
    column += text.length;
  };
  for (const [token, parameter, letter] of output.matchAll(
    /\x1b\[([?\d]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+/g,
  )) {
    const count = parameter === '' ? 1 : Number(parameter);
    if (token === '\r') column = 0;
    else if (token === '\n') [row, column] = [row + 1, column];
    else if (letter === 'A') row -= count;
    else if (letter === 'G') column = count - 1;
    else if (letter === 'K')
      lines[row] = parameter === '2' ? '' : (lines[row] ?? '').slice(0, column);
    else if (letter === undefined) write(token);
    lines[row] ??= '';
  }
  return lines.map((line) => line.trimEnd()).filter((line) => line !== '');
}

const HIDE = '\x1b[?25l';
const SHOW = '\x1b[?25h';

// The option letters are those of util-linux's `script`.
describe.skipIf(process.platform !== 'linux')('progress on a terminal', () => {
  it('draws a bar per phase that stays, keeps every note, and gives the cursor back', () => {
    const { output, status } = onTerminal('phases');
    expect(status).toBe(0);
    expect(screen(output)).toEqual([
      'pruned 12 of 40 filters',
      expect.stringMatching(/^epoch 1\/2 \[={24}\] 4\/4 100 % {2}0s, loss 0\.2500$/),
      'the last note',
      expect.stringMatching(/^epoch 2\/2 \[={24}\] 2\/2 100 % {2}0s, loss 0\.1000$/),
      'result',
    ]);
    expect(output.split(HIDE)).toHaveLength(3); // hidden once a phase
    expect(output.lastIndexOf(SHOW)).toBeGreaterThan(output.lastIndexOf(HIDE));
    expect(output).not.toContain('\x1b[?7l'); // line wrapping is never switched off
  });

  it('shows the time left while the work goes on', () => {
    expect(onTerminal('phases').output).toMatch(
      /epoch 1\/2 \[=+-+\] [23]\/4 +\d+ % {2}0s left, loss 0\.[35]/,
    );
  });

  it('draws in a loop in which no timer fires', () => {
    const { output } = onTerminal('busy');
    const drawings = output.split('busy [').length - 1;
    expect(drawings).toBeGreaterThanOrEqual(4); // 600 ms at one per 100 ms, less what a slow machine loses
    expect(drawings).toBeLessThanOrEqual(10);
  });

  it('gives the cursor back when the process exits in mid-phase', () => {
    const { output, status } = onTerminal('exit');
    expect(status).toBe(75);
    expect(output).toContain(HIDE);
    expect(output.lastIndexOf(SHOW)).toBeGreaterThan(output.lastIndexOf(HIDE));
  });

  it.each([20, 60])('fits a terminal of %d columns', (columns) => {
    const widths = screen(onTerminal('phases', { columns }).output)
      .filter((line) => line.startsWith('epoch'))
      .map((line) => line.length);
    expect(widths).toHaveLength(2);
    expect(Math.max(...widths)).toBeLessThan(columns);
  });

  it.each([{}, { NO_COLOR: '1' }])('uses no colours: %j', (env) => {
    expect(onTerminal('phases', { env }).output).not.toMatch(/\x1b\[[\d;]*m/);
  });

  it('writes lines where the terminal cannot move its cursor', () => {
    const { output } = onTerminal('phases', { env: { TERM: 'dumb' } });
    expect(output).not.toContain('\x1b');
    expect(output).toContain('epoch 1/2: started, 4 steps');
  });
});

describe('progress in a pipe', () => {
  it('writes a line at the start and the end of each phase and every note, to stderr alone', () => {
    const { stdout, stderr } = inPipe('phases');
    expect(stdout).toBe('result\n');
    expect(stderr.replace(/took \d+s/g, 'took 0s').split('\n')).toEqual([
      'epoch 1/2: started, 4 steps',
      'pruned 12 of 40 filters',
      'epoch 1/2: 4/4 100 %, took 0s, loss 0.2500',
      'epoch 2/2: started, 2 steps',
      'the last note',
      'epoch 2/2: 2/2 100 %, took 0s, loss 0.1000',
      '',
    ]);
  });

  it('writes nothing when quiet', () => {
    expect(inPipe('phases', 'quiet')).toEqual({ stdout: 'result\n', stderr: '', status: 0 });
  });
});

describe('the lines of a long phase', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function collected(): { lines: string[]; stream: Writable } {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString().trimEnd());
        done();
      },
    });
    return { lines, stream };
  }

  it('come every ten seconds, with the time left', () => {
    const { lines, stream } = collected();
    const progress = createProgress({ stream });
    progress.start(100, 'train');
    for (let done = 1; done <= 25; done++) {
      vi.advanceTimersByTime(1000);
      progress.update(done, done === 1 ? { loss: 2.5, note: 'warm' } : { loss: 1e-5 });
    }
    progress.stop();
    // 1 s a step: after 10 of 100 steps 90 s are left, after 20 of them 80 s.
    expect(lines).toEqual([
      'train: started, 100 steps',
      'train: 10/100  10 %, 1m 30s left, loss 1.00e-5, note warm',
      'train: 20/100  20 %, 1m 20s left, loss 1.00e-5, note warm',
      'train: 25/100  25 %, took 25s, loss 1.00e-5, note warm',
    ]);
  });

  it('do not count the steps that a resumed phase begins with as speed', () => {
    const { lines, stream } = collected();
    const progress = createProgress({ stream });
    progress.start(10_000, 'train');
    vi.advanceTimersByTime(4000);
    progress.update(9000);
    vi.advanceTimersByTime(8000);
    progress.update(9002);
    // 2 steps in 8 s: 998 more take 3992 s = 1 h 6 min 32 s.
    expect(lines.at(-1)).toBe('train: 9002/10000  90 %, 1h 06m left');
  });

  it('need a phase, and a phase of no steps is done', () => {
    const { lines, stream } = collected();
    const progress = createProgress({ stream });
    progress.update(3);
    progress.stop();
    expect(lines).toEqual([]);
    progress.start(0, 'nothing');
    progress.stop();
    expect(lines.at(-1)).toBe('nothing: 0/0 100 %, took 0s');
  });
});
