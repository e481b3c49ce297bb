import { OptionError } from '../errors';

/** An option's value that only the library could judge. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}

/**
 * Turns the errors of the library that name a wrong value into usage errors.
 *
 * @throws {UsageError} where `make` throws an OptionError or a RangeError.
 */
export async function asUsage<T>(make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof OptionError || error instanceof RangeError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

/** The run cannot go on for a reason that its message says in full: no stack is shown. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
  readonly exitCode = 1;
}
