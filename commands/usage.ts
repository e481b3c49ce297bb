import { schema } from '../config';
import { kebab } from '../config/nearest';
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
    if (error instanceof OptionError) throw new UsageError(spelled(error), { cause: error });
    const isUsage = error instanceof NotPrunableError || error instanceof RangeError;
    if (isUsage) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The message with the option as the command line spells it, where it is one of the command line. */
function spelled({ option, problem }: OptionError): string {
  return `${Object.hasOwn(schema, option) ? `--${kebab(option)}` : option} ${problem}`;
}

/** The run cannot go on for a reason that its message says in full: no stack is shown. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
  readonly exitCode = 1;
}
