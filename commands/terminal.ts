import { toPrintableJson } from '../report/printable';
import { createProgress } from '../report/progress';
import type { Progress } from '../report/progress';
import { columnsOf, wrapCommand, wrapText } from '../report/wrap';

/** Where a command writes: results to stdout, everything else to stderr. What people read fits the terminal. */
export interface Terminal {
  readonly progress: Progress;
  /** Columns of the terminal that shows the results; Infinity where a file or a program takes them. */
  readonly columns: number;
  /** The same of what shows the notes. */
  readonly noteColumns: number;
  /** Writes a result for people, with a line end. */
  readonly print: (text: string) => void;
  /** Writes a result for programs, such as JSON, as it is, with a line end. */
  readonly printData: (text: string) => void;
  /** Writes a remark that the user should see even when progress is off, and a command that may be copied after it. */
  readonly warn: (text: string, command?: string) => void;
  /** How the user calls the program, to show commands that go on. */
  readonly program: string;
}

/** The terminal, or the files and pipes, that stdout and stderr are. */
export function openTerminal({
  program,
  quiet,
}: {
  readonly program: string;
  readonly quiet: boolean;
}): Terminal {
  const { stdout, stderr } = process;
  return {
    progress: createProgress({ quiet }),
    get columns() {
      return columnsOf(stdout);
    },
    get noteColumns() {
      return columnsOf(stderr);
    },
    print: (text) => stdout.write(`${wrapText(text, columnsOf(stdout))}\n`),
    printData: (text) => stdout.write(`${toPrintableJson(text)}\n`),
    warn: (text, command) => stderr.write(`${layOut(text, command, columnsOf(stderr))}\n`),
    program,
  };
}

/** A text, and the command it ends with behind it or, where that is too long for one line, below it. */
function layOut(text: string, command: string | undefined, columns: number): string {
  if (command === undefined) return wrapText(text, columns);
  const together = `${text} ${command}`;
  if (together.length <= columns) return together;
  return [wrapText(text, columns), ...wrapCommand(command, columns)].join('\n');
}
