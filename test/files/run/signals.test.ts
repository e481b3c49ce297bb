import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_RESUMABLE, listenForStop } from '../../../files/run/signals';

interface Ending {
  readonly output: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Starts the fixture and sends each signal once the text before it has been printed, after a pause. */
async function ending(
  mode: string,
  script: readonly (readonly [after: string, pauseMs: number, signal: NodeJS.Signals])[],
): Promise<Ending> {
  const fixture = join(__dirname, 'fixtures', 'await-signal.ts');
  const child = spawn('node', ['-r', 'ts-node/register/transpile-only', fixture, mode]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  for (const [after, pauseMs, signal] of script) {
    while (!output.includes(after)) await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    child.kill(signal);
  }
  const [code, signal] = await exit;
  return { output, code, signal };
}

describe.concurrent('listenForStop', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)(
    'lets the work finish at the first %s',
    async (signal) => {
      expect(await ending('', [['ready', 0, signal]])).toEqual({
        output: `ready\nstopped by ${signal}\nsaved\nexit\n`,
        code: EXIT_RESUMABLE,
        signal: null,
      });
    },
  );

  it.each([
    ['SIGINT', 'SIGINT', 200],
    ['SIGTERM', 'SIGINT', 0],
  ] as const)('exits at once at a second signal: %s, %s', async (first, second, pauseMs) => {
    expect(
      await ending('', [
        ['ready', 0, first],
        ['stopped', pauseMs, second],
      ]),
    ).toEqual({ output: `ready\nstopped by ${first}\nexit\n`, code: 75, signal: null });
  });

  // An echo comes within 100 ms; a busy machine may send the second one later, which is then no echo.
  it('takes the echo of a signal for the signal', { retry: 5 }, async () => {
    const { output } = await ending('', [
      ['ready', 0, 'SIGINT'],
      ['ready', 10, 'SIGINT'],
    ]);
    expect(output).toBe('ready\nstopped by SIGINT\nsaved\nexit\n');
  });

  it('gives the signals back', async () => {
    expect(await ending('deaf', [['ready', 0, 'SIGTERM']])).toEqual({
      output: 'ready\n',
      code: null,
      signal: 'SIGTERM',
    });
  });

  it('listens until it is disposed, and leaves its signal alone till then', () => {
    const before = process.listenerCount('SIGUSR1');
    {
      using stop = listenForStop();
      expect(process.listenerCount('SIGUSR1')).toBe(before + 1);
      expect(stop.signal.aborted).toBe(false);
    }
    expect(process.listenerCount('SIGUSR1')).toBe(before);
  });
});
