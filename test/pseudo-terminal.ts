import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectFolder } from './compiled';

const found = spawnSync('script', ['--version'], { encoding: 'utf8' });

/** Why there is no pseudo-terminal here; empty where there is one. */
export const noTerminal =
  (found.stdout as string | undefined)?.includes('util-linux') === true
    ? ''
    : ' (skipped: no script of util-linux, which makes pseudo-terminals)';

/** How the shell of a pseudo-terminal calls the command line. */
export const program = [
  process.execPath,
  '-r',
  require.resolve('ts-node/register/transpile-only'),
  join(projectFolder, 'run.ts'),
]
  .map((word) => `'${word}'`)
  .join(' ');

/** A line of bash on a pseudo-terminal of its own. */
export class PseudoTerminal {
  /** What it shows, as it was written. */
  output = '';
  readonly ending: Promise<number | null>;
  private readonly child: ChildProcessWithoutNullStreams;
  private hasEnded = false;

  constructor(
    line: string,
    {
      columns = 80,
      cwd = projectFolder,
      env = {},
    }: { readonly columns?: number; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(SECATEUR_|VITEST|NODE_OPTIONS|COLUMNS|NO_COLOR|FORCE_COLOR)/.test(name),
    );
    const sized = `stty cols ${columns} rows 24; ${line}`;
    this.child = spawn('script', ['-qec', sized, '/dev/null'], {
      cwd,
      env: {
        ...Object.fromEntries(inherited),
        ...{ TERM: 'xterm-256color', SHELL: '/bin/bash' },
        TS_NODE_PROJECT: join(projectFolder, 'tsconfig.json'),
        ...env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.child.stdin.on('error', () => undefined); // it may end before it was told to
    const closed = once(this.child, 'close') as Promise<[number | null]>;
    this.ending = closed.then(([code]) => {
      this.hasEnded = true;
      return code;
    });
  }

  /** Returns once `isDue` or everything on the terminal has ended. */
  async until(isDue: () => boolean): Promise<void> {
    while (!this.hasEnded && !isDue()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Types keys: `\x03` is Ctrl-C. */
  type(keys: string): void {
    this.child.stdin.write(keys);
  }

  /** Ends the terminal as a connection that drops. */
  hangUp(): void {
    this.child.kill('SIGKILL');
  }
}

/** Runs the command line on a pseudo-terminal; `widest` is its longest line, what was redrawn being a line each. */
export async function onTerminal(
  args: readonly string[],
  options: { readonly columns: number; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<{ readonly lines: readonly string[]; readonly widest: number; readonly code: number }> {
  const quoted = args.map((word) => `'${word}'`).join(' ');
  const terminal = new PseudoTerminal(`${program} ${quoted}`, options);
  const code = await terminal.ending;
  const lines = terminal.output
    .replace(/\x1b\[\d*[AG]/g, '\n') // up, or to a column: what follows is drawn over something else
    .replace(/\x1b\[[?\d;]*[A-Za-z]/g, '') // takes no column
    .split(/[\r\n]+/);
  return { lines, widest: Math.max(...lines.map((line) => line.length)), code: code ?? -1 };
}
