#!/usr/bin/env node
/** The command line: reads the options, hands them to a command, and ends with the exit code. */
import type { Command } from './config';
import { describeFailure } from './config/failure';
import { parse } from './config/parse';
import type { Run } from './config/parse';
import { guardStreams } from './commands/streams';
import { openTerminal } from './commands/terminal';
import type { Terminal } from './commands/terminal';
import { ignoreStopSignals } from './files/run/signals';
import { columnsOf, readableColumns, wrapText } from './report/wrap';

const program = __filename.endsWith('.ts') ? 'npx ts-node run.ts' : 'secateur';

/** What a command does; answers the exit code. */
type Start<C extends Command> = (run: Run<C>, terminal: Terminal) => Promise<number>;

/**
 * Each command is loaded when it is called: TensorFlow takes a second, and `--help` needs none.
 * `require`, since ts-node does not compile what `import()` loads.
 */
/* eslint-disable @typescript-eslint/no-require-imports, @typescript-eslint/consistent-type-imports */
const commands: { readonly [C in Command]: () => Start<C> } = {
  train: () => (require('./commands/train') as typeof import('./commands/train')).train,
  prune: () => (require('./commands/prune') as typeof import('./commands/prune')).prune,
  evaluate: () => (require('./commands/evaluate') as typeof import('./commands/evaluate')).evaluate,
  sensitivity: () => (require('./commands/sensitivity') as typeof import('./commands/sensitivity')).sensitivity, // prettier-ignore
  export: () => (require('./commands/export') as typeof import('./commands/export')).exportModel,
  flops: () => (require('./commands/flops') as typeof import('./commands/flops')).flops,
  graph: () => (require('./commands/graph') as typeof import('./commands/graph')).graph,
  doctor: () => (require('./commands/doctor') as typeof import('./commands/doctor')).doctor,
};
/* eslint-enable @typescript-eslint/no-require-imports, @typescript-eslint/consistent-type-imports */

async function main(): Promise<number> {
  const columns = readableColumns(process.stdout);
  const invocation = parse(process.argv.slice(2), process.env, { program, columns });
  if (invocation.action === 'print') {
    process.stderr.write(invocation.stderr);
    process.stdout.write(invocation.stdout);
    return 0;
  }
  const { config } = invocation;
  const quiet = config.quiet || ('progress' in config && !config.progress);
  const terminal = openTerminal({ program, quiet });
  try {
    return await start(invocation, terminal);
  } finally {
    terminal.progress.stop();
  }
}

function start<C extends Command>(run: Run<C>, terminal: Terminal): Promise<number> {
  const command: C = run.command;
  return commands[command]()(run, terminal);
}

guardStreams();
main().then(end, (error: unknown) => {
  const { text, exitCode } = describeFailure(error);
  end(exitCode);
  process.stderr.write(`${wrapText(text, columnsOf(process.stderr))}\n`);
});

function end(exitCode: number): void {
  ignoreStopSignals();
  process.exitCode = exitCode;
}
