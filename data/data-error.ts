import { SecateurError } from '../errors';

/** What was wrong with a file of a data set, as facts that a caller can show or react to. */
export interface DataFault {
  /** The file, member or address at fault. */
  readonly file: string;
  readonly expected: string;
  readonly found: string;
  /** What the person at the keyboard can do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** A file of a data set is missing, damaged or not what its name promises; nothing of it was used. */
export class DataError extends SecateurError {
  readonly file: string;
  readonly expected: string;
  readonly found: string;

  constructor({ file, expected, found, remedy, cause }: DataFault) {
    const advice = remedy === undefined ? '' : `; ${remedy}`;
    super(`${file}: expected ${expected}, found ${found}${advice}`, { cause });
    this.name = 'DataError';
    this.file = file;
    this.expected = expected;
    this.found = found;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
