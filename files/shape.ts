/**
 * What a file that is read back must hold. Whoever reads one states its shape once, with bounds; a value that does not
 * fit is refused by file and key, with what is allowed and what was found.
 */

import type { JsonObject, JsonValue } from './json';
import { isJsonObject } from './json';
import { MalformedFileError } from './malformed-file-error';

/** Where a value lies: the file, and the keys that lead to it (`record.best.step`). */
export interface Place {
  readonly file: string;
  readonly key: string;
}

/** Reads a value of JSON as a T. @throws {MalformedFileError} naming file, key, what is allowed and what was found. */
export type Shape<T> = (value: JsonValue | undefined, place: Place) => T;

/** What a shape reads. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

/** A whole number. Default of `from` 0, of `to` the largest safe one. */
export function whole({ from = 0, to = Number.MAX_SAFE_INTEGER } = {}): Shape<number> {
  const allowed = from === to ? String(from) : `a whole number ${range(from, to)}`;
  return (value, place) => {
    const isOne = Number.isSafeInteger(value) && isWithin(value as number, from, to);
    return isOne ? (value as number) : refuseValue(place, allowed, value);
  };
}

/** A finite number. Default without bounds; `above` leaves the lower bound itself out. */
export function real({
  from = -Infinity,
  to = Infinity,
  above = -Infinity,
}: { readonly from?: number; readonly to?: number; readonly above?: number } = {}): Shape<number> {
  const lower = above === -Infinity ? '' : ` above ${above}`;
  const allowed = `a number${lower || ` ${range(from, to)}`.trimEnd()}`;
  return (value, place) => {
    const isOne = typeof value === 'number' && Number.isFinite(value);
    if (isOne && isWithin(value, from, to) && value > above) return value;
    return refuseValue(place, allowed, value);
  };
}

/** Text that a pattern matches whole. Default any text. */
export function text(pattern = /^[^]*$/, allowed = 'text'): Shape<string> {
  return (value, place) => {
    const isOne = typeof value === 'string' && pattern.test(value);
    return isOne ? value : refuseValue(place, allowed, value);
  };
}

/** One of some words. */
export function oneOf<const T extends string>(words: readonly T[]): Shape<T> {
  return (value, place) =>
    words.find((word) => word === value) ?? refuseValue(place, words.join(' or '), value);
}

/** The same, or null. */
export function nullOr<T>(shape: Shape<T>): Shape<T | null> {
  return (value, place) => (value === null ? null : shape(value, place));
}

/** The same, or not there. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, place) => (value === undefined ? undefined : shape(value, place));
}

/** An object, whatever it holds. */
export const object: Shape<JsonObject> = (value, place) =>
  isJsonObject(value) ? value : refuseValue(place, 'an object', value);

/** An object with these keys; others may be there and are left out. */
export function fields<T extends Readonly<Record<string, unknown>>>(shapes: {
  readonly [K in keyof T]: Shape<T[K]>;
}): Shape<T> {
  return (value, place) => {
    const given = object(value, place);
    const read = Object.entries<Shape<unknown>>(shapes).map(([key, shape]) => {
      const own = Object.hasOwn(given, key) ? given[key] : undefined;
      return [key, shape(own, within(place, key))] as const;
    });
    return Object.fromEntries(read.filter(([, part]) => part !== undefined)) as T;
  };
}

/** An object of any keys whose values have one shape. */
export function entries<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, place) =>
    Object.fromEntries(
      Object.entries(object(value, place)).map(([key, part]) => [
        key,
        shape(part, within(place, key)),
      ]),
    );
}

/** @throws {MalformedFileError} always: what is allowed at a place, and what was found there. */
export function refuseValue(
  { file, key }: Place,
  allowed: string,
  value: JsonValue | undefined,
): never {
  const found = value === undefined ? 'nothing' : JSON.stringify(value);
  const shown = found.length > 80 ? `${found.slice(0, 77)}...` : found;
  throw new MalformedFileError(file, `${key} must be ${allowed}, found ${shown}`);
}

function within({ file, key }: Place, inner: string): Place {
  return { file, key: key === '' ? inner : `${key}.${inner}` };
}

function isWithin(value: number, from: number, to: number): boolean {
  return value >= from && value <= to;
}

/** `from 0 to 1`, `from 0`, `up to 1` or nothing. */
function range(from: number, to: number): string {
  const isOpen = to === Infinity || to === Number.MAX_SAFE_INTEGER;
  if (from === -Infinity) return isOpen ? '' : `up to ${to}`;
  return isOpen ? `from ${from}` : `from ${from} to ${to}`;
}
