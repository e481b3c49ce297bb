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

/** The library's word for an option of the command line, where it is another than the flag's. */
const renamed: Readonly<Record<string, string>> = { layerRates: 'layerRate' };

/** A message that begins with an option, by the option's flag: `layerRates ...` as `--layer-rate ...`. */
function tellFlag({ message }: Error): string {
  const [word = ''] = message.split(' ', 1);
  const option = options.get((renamed[word] ?? word) as Key);
  return option ? `--${option.arg}${message.slice(word.length)}` : message;
}

/** The run cannot go on for a reason that its message says in full: no stack is shown. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
  readonly exitCode = 1;
}
