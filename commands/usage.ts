import { options } from '../config';
import type { Key } from '../config';
import { OptionError } from '../errors';

/** An option's value that only the library could judge. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}

/**
 * Turns the errors of the library that name a value out of range into usage errors, which name its flag.
 *
 * @throws {UsageError} where `make` throws an OptionError or a RangeError.
 */
export async function asUsage<T>(make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof OptionError)) throw error;
    throw new UsageError(tellFlag(error), { cause: error });
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
function tellFlag(error: RangeError | OptionError): string {
  const [word = ''] = error.message.split(' ', 1);
  const key = renamed[word] ?? (error instanceof OptionError ? (word as Key) : null);
  const option = key && options.get(key);
  return option ? `--${option.arg}${error.message.slice(word.length)}` : error.message;
}

/** The run cannot go on for a reason that its message says in full: no stack is shown. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
  readonly exitCode = 1;
}
