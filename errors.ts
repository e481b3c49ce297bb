/** The errors that tell a caller something. Whatever else is thrown is a bug and shows its stack. */

/** What every error of this project is; its message says all there is to say. */
export abstract class SecateurError extends Error {
  /** What a program that ends with it exits with: 1 failed, 2 wrong usage, 3 no valid checkpoint, 4 disk. */
  readonly exitCode: number = 1;
}

/** What is wrong with a value that a caller gave. */
export interface OptionFault {
  /** The option as the library spells it: `rate`, `minKeep`. */
  readonly option: string;
  /** What it may be, as the words after `must be`: `in [0, 1)`. */
  readonly allowed?: string;
  /** What was received, as given. */
  readonly received?: unknown;
  /** The words after the option. Default `must be` and what is allowed. */
  readonly problem?: string;
}

/** Something cannot be registered: its name is taken, or it is not of its kind. */
export class RegistrationError extends SecateurError {
  override readonly name = 'RegistrationError';
  override readonly exitCode = 2;

  /**
   * @param what kind and name: `the method peak`.
   * @param problem the reason, as words after a colon.
   */
  constructor(
    readonly what: string,
    readonly problem: string,
  ) {
    super(`${what} cannot be registered: ${problem}`);
  }
}

/**
 * Refuses a name under which nothing can be registered: one that is taken, or that folders and options could not hold.
 *
 * @param kind `method`, `data set`.
 * @throws {RegistrationError}
 */
export function requireNewName(kind: string, name: unknown, taken: readonly string[]): void {
  const what = `the ${kind} ${typeof name === 'string' ? name : JSON.stringify(name)}`;
  if (typeof name !== 'string' || !/^[A-Za-z][\w.+-]*$/.test(name)) {
    throw new RegistrationError(
      what,
      'its name must begin with a letter and go on with letters, digits and _ . + -',
    );
  }
  if (taken.includes(name)) {
    throw new RegistrationError(what, `there is a ${kind} of that name already`);
  }
}

/** A caller gave a value that cannot be used; it names the option, never a flag of the command line. */
export class OptionError extends SecateurError {
  override readonly name: string = 'OptionError';
  override readonly exitCode = 2;
  readonly option: string;
  readonly allowed: string | undefined;
  readonly received: unknown;
  /** The message without the option: `must be in [0, 1), got 1.2`. */
  readonly problem: string;

  constructor(fault: OptionFault, options?: ErrorOptions) {
    const { option, allowed, received, problem = `must be ${allowed ?? 'another'}` } = fault;
    const told = 'received' in fault ? `${problem}, got ${shownValue(received)}` : problem;
    super(`${option} ${told}`, options);
    this.option = option;
    this.allowed = allowed;
    this.received = received;
    this.problem = told;
  }
}

/** @throws {OptionError} when the number is not a whole one from `least` on. */
export function requireWhole(option: string, received: number, least: number): void {
  if (Number.isSafeInteger(received) && received >= least) return;
  throw new OptionError({ option, allowed: `a whole number from ${least}`, received });
}

/** Work was asked to stop, and has: what it had saved is whole. */
export class StoppedError extends SecateurError {
  override readonly name = 'StoppedError';
  override readonly exitCode = 75; // the run resumes

  /** @param by who asked: a signal's name. */
  constructor(
    readonly by: string,
    options?: ErrorOptions,
  ) {
    super(`stopped by ${by}`, options);
  }
}

/** A value as a message shows it: text as it is, else JSON, cut to what fits a line. */
function shownValue(value: unknown): string {
  if (typeof value === 'string') return value.length > 80 ? `${value.slice(0, 77)}...` : value;
  if (typeof value === 'number' || value === undefined) return String(value); // NaN is no JSON
  const written = JSON.stringify(value) as string | undefined; // undefined for what JSON cannot hold
  const shown = written ?? typeof value;
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}
