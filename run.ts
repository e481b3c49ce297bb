#!/usr/bin/env node
/** The command line: reads the options and hands them to a command. */
import { parse } from './config/parse';
import type { Run } from './config/parse';
import type { Terminal } from './commands/terminal';
import { ignoreStopSignals } from './files/run/signals';
import { createProgress } from './report/progress';

const program = __filename.endsWith('.ts') ? 'npx ts-node run.ts' : 'secateur';

async function main(): Promise<number> {
  const invocation = parse(process.argv.slice(2), process.env, { program });
  if (invocation.action === 'print') {
    process.stderr.write(invocation.stderr);
    process.stdout.write(invocation.stdout);
    return 0;
  }
  const { config } = invocation;
  const quiet = config.quiet || ('progress' in config && !config.progress);
  const progress = createProgress({ quiet });
  try {
    return await command(invocation, {
      progress,
      print: (text) => process.stdout.write(`${text}\n`),
      warn: (text) => process.stderr.write(`${text}\n`),
      program,
    });
  } finally {
    progress.stop();
  }
}

/**
 * Each command is loaded when it is called: TensorFlow takes a second, and `--help` needs none.
 * `require`, since ts-node does not compile what `import()` loads.
 */
/* eslint-disable @typescript-eslint/no-require-imports, @typescript-eslint/consistent-type-imports */
async function command(run: Run, terminal: Terminal): Promise<number> {
  switch (run.command) {
    case 'train':
      return (require('./commands/train') as typeof import('./commands/train')).train(
        run,
        terminal,
      );
    case 'prune':
      return (require('./commands/prune') as typeof import('./commands/prune')).prune(
        run,
        terminal,
      );
    case 'evaluate':
      return (require('./commands/evaluate') as typeof import('./commands/evaluate')).evaluate(
        run.config,
        terminal,
      );
    case 'sensitivity':
      return (
        require('./commands/sensitivity') as typeof import('./commands/sensitivity')
      ).sensitivity(run.config, terminal);
    case 'export':
      return (require('./commands/export') as typeof import('./commands/export')).exportModel(
        run.config,
        terminal,
      );
    case 'flops':
      return (require('./commands/flops') as typeof import('./commands/flops')).flops(
        run.config,
        terminal,
      );
    case 'graph':
      return (require('./commands/graph') as typeof import('./commands/graph')).graph(
        run.config,
        terminal,
      );
    case 'doctor':
      return (require('./commands/doctor') as typeof import('./commands/doctor')).doctor(
        run.config,
        terminal,
      );
  }
}
/* eslint-enable @typescript-eslint/no-require-imports, @typescript-eslint/consistent-type-imports */

/** Where the system does not let us write: no fault of ours, and its message names the path. */
const refusedByDisk = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO']);

/** 1 for a failure, else what the error says: 2 wrong usage, 3 no checkpoint, 4 disk; null for a bug. */
function exitCodeOf(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  if ('exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && refusedByDisk.has(code) ? 4 : null;
}

main().then(
  (code) => {
    ignoreStopSignals();
    process.exitCode = code;
  },
  (error: unknown) => {
    ignoreStopSignals();
    const code = exitCodeOf(error);
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    process.stderr.write(`${code === null ? (stack ?? message) : message}\n`);
    process.exitCode = code ?? 1;
  },
);
