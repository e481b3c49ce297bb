import type { Progress } from '../report/progress';

/** Where a command writes: results to stdout, everything else to stderr. */
export interface Terminal {
  readonly progress: Progress;
  /** Writes a result, with a line end. */
  readonly print: (text: string) => void;
  /** Writes a remark that the user should see even when progress is off. */
  readonly warn: (text: string) => void;
  /** How the user calls the program, to show commands that go on. */
  readonly program: string;
}
