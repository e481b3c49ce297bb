/** JSON has one canonical form here; what is read back must be in it. */

import { SecateurError } from '../errors';
import { MalformedFileError } from './malformed-file-error';

/** A value that JSON can carry without loss; `canonicalJson` refuses NaN, Infinity and -0. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** A value is none that JSON carries without loss. */
class JsonValueError extends SecateurError {
  override readonly name = 'JsonValueError';

  constructor(
    /** Where it is, from the root `$`. */
    readonly place: string,
    readonly reason: string,
  ) {
    super(`${place}: ${reason}`);
  }
}

const maxDepth = 64;
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a name could reach into an object's prototype. */
export function isForbiddenKey(key: string): boolean {
  return forbiddenKeys.has(key);
}

/**
 * The one way to write a value as JSON: keys sorted by code unit, no white space.
 *
 * @throws {JsonValueError} naming the place, for NaN, Infinity, -0, undefined, anything that is not plain
 *   data, a key such as `__proto__`, or nesting deeper than 64.
 */
export function canonicalJson(value: JsonValue): string {
  return writeJson(value, '$', 0);
}

function writeJson(value: unknown, place: string, depth: number): string {
  if (depth > maxDepth) throw new JsonValueError(place, `nested deeper than ${maxDepth}`);
  if (typeof value === 'number') return writeNumber(value, place);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    // Array.from shows the holes of a sparse array as undefined, which is refused.
    const items = Array.from(value as unknown[], (item, index) =>
      writeJson(item, `${place}[${index}]`, depth + 1),
    );
    return `[${items.join(',')}]`;
  }
  if (!isPlainObject(value)) {
    throw new JsonValueError(place, `must be plain JSON data, got ${describe(value)}`);
  }
  const entries = Object.keys(value).sort();
  return `{${entries.map((key) => writeEntry(value, key, place, depth)).join(',')}}`;
}

function writeEntry(
  value: Record<string, unknown>,
  key: string,
  place: string,
  depth: number,
): string {
  if (isForbiddenKey(key)) throw new JsonValueError(place, `the key ${key} is not allowed`);
  return `${JSON.stringify(key)}:${writeJson(value[key], `${place}.${key}`, depth + 1)}`;
}

function writeNumber(value: number, place: string): string {
  if (Number.isFinite(value) && !Object.is(value, -0)) return String(value);
  const received = Object.is(value, -0) ? '-0' : String(value);
  throw new JsonValueError(place, `must be a finite number other than -0, got ${received}`);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null) return true;
  // By shape, not identity: an object of another realm (a test runner's sandbox) is plain too.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'an object with a class' : typeof value;
}

/**
 * Reads what `canonicalJson` wrote; anything else is refused, be it the same data in another
 * notation, which also rules out a repeated key.
 *
 * @param source the file, for the error.
 * @throws {MalformedFileError} with the reason.
 */
export function parseCanonicalJson(bytes: Uint8Array, source: string): JsonValue {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value = JSON.parse(text) as JsonValue;
    if (canonicalJson(value) !== text) throw new JsonValueError('$', 'not in canonical form');
    return value;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MalformedFileError(source, `is not the JSON that was written: ${reason}`);
  }
}

/** Whether a JSON value is an object, not a list and not null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
