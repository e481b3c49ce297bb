/** What the command line says of an error, and the exit code that it ends with. */
import { OptionError } from '../errors';
import type { Key } from '../config';
import { options } from '../config';

/** The words for stderr and the exit code. */
export interface Failure {
  readonly text: string;
  /** 1 failed, 2 wrong usage, 3 no valid checkpoint, 4 disk, 75 stopped by a signal and resumable. */
  readonly exitCode: number;
}

/** Where the system does not let us write: no fault of ours, and its message names the path. */
const refusedByDisk = new Set([
  ...['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'],
]);

/**
 * An error that tells the caller something as its message, and under the names of the command line; whatever else is
 * thrown, a RangeError too, is a bug and shows its stack.
 */
export function describeFailure(thrown: unknown): Failure {
  const error = firstFailure(thrown);
  if (!(error instanceof Error)) return { text: String(error), exitCode: 1 };
  if (error instanceof OptionError) {
    return { text: spellOption(error), exitCode: error.exitCode };
  }
  if ('exitCode' in error && typeof error.exitCode === 'number') {
    return { text: spellNames(error.message), exitCode: error.exitCode };
  }
  if ('code' in error && typeof error.code === 'string' && refusedByDisk.has(error.code)) {
    return { text: error.message, exitCode: 4 };
  }
  return { text: error.stack ?? error.message, exitCode: 1 };
}

/** What failed, not what failed while things were put away: an engine without memory cannot free any either. */
function firstFailure(thrown: unknown): unknown {
  const isSecond =
    thrown instanceof Error && thrown.name === 'SuppressedError' && 'suppressed' in thrown;
  return isSecond ? firstFailure(thrown.suppressed) : thrown;
}

/** The library's words for options of the command line, where they are not those of the table. */
const renamed: Readonly<Record<string, Key>> = {
  data: 'dataset',
  layerRates: 'layerRate',
  'pruneAt.from': 'pruneFrom',
  'pruneAt.every': 'pruneEvery',
  'pruneAt.until': 'pruneUntil',
};

/** `minKeep must be ...` is `--min-keep must be ...` where the command line has such an option. */
function spellOption({ option, problem, message }: OptionError): string {
  const known = options.get(renamed[option] ?? (option as Key));
  return spellNames(known ? `--${known.arg} ${problem}` : message);
}

/** An option that a message names as a way out: `the option force` is `--force`. */
export function spellNames(message: string): string {
  return message.replace(/\bthe option (\w+)/g, (words, key: string) => {
    const known = options.get(renamed[key] ?? (key as Key));
    return known ? `--${known.arg}` : words;
  });
}
