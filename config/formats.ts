/**
 * The formats of option values: each says what it allows, reads text and checks values.
 *
 * A format is a function that throws on a wrong value, which is what convict calls; the rest of it serves
 * the command line and the help. Text is read strictly: what is not wholly a number is no number.
 */
import { INPUT_SCALE_FORMS, readInputScale } from '../data/input-scale';
import { plainPath } from '../files/plain-path';
import { readAmount, readDecimal } from '../measure/search/amount';
import type { Units } from '../measure/search/amount';
import type { OptionValue } from '../methods/facts';
import { isPattern, PATTERN_FORMS } from '../methods/select/patterns';
import { bare } from './nearest';

/** One kind of value: how it is read, checked and described. */
export interface Format<T> {
  /** Throws a TypeError that names what is allowed when `value` is not of this format. */
  (value: unknown): void;
  /** Whether `value` (as a JSON file holds it) is of this format. */
  readonly accepts: (value: unknown) => value is T;
  /** Turns text into a candidate value, which `accepts` then judges. */
  readonly read: (text: string) => unknown;
  /** What is allowed, as the end of "must be ...". */
  readonly allowed: string;
  /** What stands for the value in the help; empty for a flag, which takes none. */
  readonly placeholder: string;
  /** The values of a closed list; null where the list is open. */
  readonly choices: readonly string[] | null;
  /** Of paths, the words that are none; null where no value is a path. */
  readonly wordsBesidePaths: readonly string[] | null;
}

interface Description<T> {
  readonly accepts: (value: unknown) => value is T;
  readonly read: (text: string) => unknown;
  readonly allowed: string;
  readonly placeholder: string;
  readonly choices?: readonly string[];
  readonly wordsBesidePaths?: readonly string[];
}

/** One value of a closed list. */
export function choice<const T extends string>(
  choices: readonly T[],
  placeholder = 'NAME',
): Format<T> {
  const accepts = (value: unknown): value is T => choices.some((choice) => choice === value);
  return format({
    accepts,
    read: (text) => choices.find((choice) => bare(choice) === bare(text)) ?? text,
    allowed: `one of ${choices.join(', ')}`,
    placeholder,
    choices,
  });
}

/**
 * One value of a closed list that has other spellings too.
 *
 * @param find the value that a text means; null where it means none.
 */
export function spelledChoice<const T extends string>(
  choices: readonly T[],
  find: (text: string) => T | null,
): Format<T> {
  const strict = choice(choices);
  const { accepts } = strict;
  return format({ ...describe(strict), accepts, read: (given) => find(given) ?? given });
}

/** A switch: `--name` or `--no-name` on the command line, `true` or `false` elsewhere. */
export const flag: Format<boolean> = format({
  accepts: (value) => typeof value === 'boolean',
  read: (text) => switches.get(text.toLowerCase()) ?? text,
  allowed: 'true or false',
  placeholder: '',
});

/** 1 and 0 are how many programs spell a switch in the environment. */
const switches = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** The limits of a number; a missing limit is no limit. */
export interface Limits {
  /** The least value allowed. */
  readonly from?: number;
  /** The greatest value allowed. */
  readonly to?: number;
  /** Values must be greater than this. */
  readonly above?: number;
  /** Values must be less than this. */
  readonly below?: number;
}

/** A finite number within limits. */
export function real(limits: Limits, placeholder = 'X'): Format<number> {
  const accepts = (value: unknown): value is number =>
    Number.isFinite(value) && isWithin(value as number, limits);
  return format({ accepts, read: readNumber, allowed: `a number${inWords(limits)}`, placeholder });
}

/** A whole number within limits that a double holds exactly. */
export function whole(limits: Limits, placeholder = 'N'): Format<number> {
  const accepts = (value: unknown): value is number =>
    Number.isSafeInteger(value) && isWithin(value as number, limits);
  return format({
    accepts,
    read: readNumber,
    allowed: `a whole number${inWords(limits)}`,
    placeholder,
  });
}

/** Text that is not empty, taken as it stands: `1.10` stays `1.10`. */
export function text(placeholder: string, what = 'text'): Format<string> {
  const accepts = (value: unknown): value is string =>
    typeof value === 'string' && value.trim() !== '' && !value.includes('\0');
  return format({ accepts, read: (given) => given, allowed: what, placeholder });
}

/** How pixels become the numbers that a network takes: `readInputScale` reads it. */
export const inputScale: Format<string> = format({
  accepts: (value): value is string => typeof value === 'string' && readInputScale(value) !== null,
  read: (given) => given,
  allowed: INPUT_SCALE_FORMS,
  placeholder: 'SCALE',
});

/** The path of a file or a folder, `~` and `file://` resolved, or one of some words; `resolvePaths` does the same in files. */
export function pathTo(
  placeholder: string,
  what: string,
  words: readonly string[] = [],
): Format<string> {
  const any = text(placeholder, what);
  return format({
    ...describe(any),
    accepts: any.accepts,
    read: plainPath,
    wordsBesidePaths: words,
  });
}

/** In which pieces single weights go: `none`, `2:4`, `4x1`. */
export const weightPattern: Format<string> = format({
  accepts: (value): value is string => typeof value === 'string' && isPattern(value),
  read: (given) => given,
  allowed: PATTERN_FORMS,
  placeholder: 'none|N:M|RxC',
});

/** Text `PATTERN=X`, where X is a number in [0, 1); the last `=` parts them. */
export const patternRate: Format<string> = format({
  accepts: (value): value is string => isNumbered(value, { from: 0, below: 1 }),
  read: (given) => given,
  allowed: 'PATTERN=X with X in [0, 1)',
  placeholder: 'PATTERN=X',
});

/** Whether a value is text `NAME=X` with X within limits; the last `=` parts them. */
function isNumbered(value: unknown, limits: Limits): value is string {
  if (typeof value !== 'string') return false;
  const at = value.lastIndexOf('=');
  return at > 0 && real(limits).accepts(readNumber(value.slice(at + 1)));
}

/** `none`, `balanced`, or factors of single classes, `CLASS=X`, each class once. */
export const classWeights: Format<'none' | 'balanced' | readonly string[]> = format({
  accepts: (value): value is 'none' | 'balanced' | readonly string[] =>
    value === 'none' || value === 'balanced' || isClassFactors(value),
  read: (given) =>
    given === 'none' || given === 'balanced' ? given : given.split(',').map((part) => part.trim()),
  allowed: 'none, balanced, or CLASS=X with X above 0 for some classes, separated by commas',
  placeholder: 'WEIGHTS',
});

function isClassFactors(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  const parts: readonly unknown[] = value;
  if (!parts.every((part): part is string => isNumbered(part, { above: 0 }))) return false;
  return new Set(parts.map((part) => part.slice(0, part.lastIndexOf('=')))).size === parts.length;
}

/** An amount as it is written: `readAmount` reads it. */
export function amount(of: Units, example: string): Format<string | number> {
  const named = Object.keys(of).filter((unit) => unit !== '');
  return format({
    accepts: (value): value is string | number =>
      (typeof value === 'string' || typeof value === 'number') && readAmount(value, of) !== null,
    read: (given) => given,
    allowed: `a share that stays, as 60% or 0.6, or a figure above 1, as ${example} (${named.join(', ')})`,
    placeholder: 'AMOUNT',
  });
}

/** The format of what a catalogue says that a value may be. */
export function formatOf(value: OptionValue): Format<string> | Format<number> | Format<boolean> {
  switch (value.kind) {
    case 'flag':
      return flag;
    case 'choice':
      return choice(value.of, value.placeholder);
    case 'real':
      return real(value);
    case 'whole':
      return whole(value);
  }
}

/** A list whose items have the format `item`: separated by commas as text, an array in a file. */
export function list<T>(item: Format<T>, what: string, placeholder: string): Format<readonly T[]> {
  return format({
    accepts: (value): value is readonly T[] =>
      Array.isArray(value) && value.every((part) => item.accepts(part)),
    read: (given) => given.split(',').map((part) => item.read(part.trim())),
    allowed: `${what}, separated by commas`,
    placeholder,
  });
}

/** A list of whole numbers, each greater than the one before: epochs at which something happens. */
export function ascending(
  item: Format<number>,
  what: string,
  placeholder: string,
): Format<readonly number[]> {
  const any = list(item, what, placeholder);
  return format({
    ...describe(any),
    accepts: (value): value is readonly number[] =>
      any.accepts(value) && value.every((part, at) => at === 0 || part > value[at - 1]!),
  });
}

/** Exactly `length` items, such as the three sides of an image, or as many as one of several lengths says. */
export function tuple(
  item: Format<number>,
  length: number | readonly number[],
  what: string,
  placeholder: string,
): Format<readonly number[]> {
  const any = list(item, what, placeholder);
  const lengths = [length].flat();
  return format({
    ...describe(any),
    accepts: (value): value is readonly number[] =>
      any.accepts(value) && lengths.includes(value.length),
  });
}

/** The format or null, where null means that something else decides: the recipe, the machine, the program. */
export function optional<T>(inner: Format<T>): Format<T | null> {
  return format({
    ...describe(inner),
    accepts: (value): value is T | null => value === null || inner.accepts(value),
  });
}

function describe<T>(inner: Format<T>): Omit<Description<T>, 'accepts'> {
  const { read, allowed, placeholder, choices, wordsBesidePaths } = inner;
  return {
    ...{ read, allowed, placeholder },
    ...(choices && { choices }),
    ...(wordsBesidePaths && { wordsBesidePaths }),
  };
}

function format<T>(description: Description<T>): Format<T> {
  const check = (value: unknown): void => {
    if (!description.accepts(value)) throw new TypeError(`must be ${description.allowed}`);
  };
  return Object.assign(check, { choices: null, wordsBesidePaths: null, ...description });
}

/** The number that the text is from its first character to its last, or the text itself. */
function readNumber(given: string): unknown {
  const number = readDecimal(given);
  return Number.isNaN(number) ? given : number + 0; // + 0 turns -0 into 0
}

function isWithin(value: number, { from, to, above, below }: Limits): boolean {
  const isLow = value < (from ?? -Infinity) || value <= (above ?? -Infinity);
  return !isLow && !(value > (to ?? Infinity) || value >= (below ?? Infinity));
}

function inWords({ from, to, above, below }: Limits): string {
  const low = from ?? above;
  const high = to ?? below;
  if (low !== undefined && high !== undefined) {
    return ` in ${from === undefined ? '(' : '['}${low}, ${high}${to === undefined ? ')' : ']'}`;
  }
  if (low === undefined) return '';
  return from === undefined ? ` above ${low}` : `, ${low} or more`;
}
