import { options } from '../config';
import type { Key } from '../config';
import { OptionError } from '../errors';
import { NotPrunableError } from '../graph';

/** An option's value that only the library could judge. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}

/**
 * Turns what the library says of a caller's values into usage errors, in the words of the command line.
 *
 * @throws {UsageError} where `make` throws an OptionError, or a choice asks for what cannot be pruned.
 */
export async function asUsage<T>(make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof OptionError) throw new UsageError(tellFlag(error), { cause: error });
    const isUsage = error instanceof NotPrunableError || error instanceof RangeError;
    if (isUsage) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The library's words for options of the command line, where they are not those of the table. */
const renamed: Readonly<Record<string, Key>> = {
  layerRates: 'layerRate',
  'pruneAt.from': 'pruneFrom',
  'pruneAt.every': 'pruneEvery',
  'pruneAt.until': 'pruneUntil',
};

/** A message that begins with an option, by the option's flag: `layerRates ...` as `--layer-rate ...`. */
function tellFlag({ option, problem, message }: OptionError): string {
  const flag = options.get((renamed[option] ?? option) as Key)?.arg;
  return flag === undefined ? message : `--${flag} ${problem}`;
}

/** The run cannot go on for a reason that its message says in full: no stack is shown. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
  readonly exitCode = 1;
}
