/** What options must hold together: an option that could have no effect is an error, never ignored in silence. */
import type { AllOptions, Key } from '../config';

/** Every option of a command; those of others are missing. */
export type Values = Partial<AllOptions>;

/** One condition on the options of a command. */
export interface Rule {
  /** The option at fault. It is at fault only where it was set. */
  readonly key: Key;
  readonly isBroken: (values: Values) => boolean;
  readonly problem: string;
  /** Whether a file or the environment may set the option all the same, for the other commands. */
  readonly isOfCommandLine?: boolean;
}

/** Whether a value is there, and not left to something else. */
export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** Whether a list is there and not empty. */
export function isFilled(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

/** Whether a value is there and one of these. */
export function isOneOf(value: string | null | undefined, list: readonly string[]): boolean {
  return isGiven(value) && list.includes(value);
}
