import { SecateurError } from '../../errors';
import { canonicalJson, isJsonObject } from '../json';
import type { JsonObject, JsonValue } from '../json';

/** A checkpoint belongs to another run than the one that was asked for. */
export class ResumeMismatchError extends SecateurError {
  override readonly name = 'ResumeMismatchError';
  override readonly exitCode = 2;
}

/**
 * Checks that a checkpoint belongs to this run.
 *
 * @throws {ResumeMismatchError} naming all that differs.
 */
export function requireSameRun(ours: JsonObject, theirs: JsonObject): void {
  const differing = differences(ours, theirs);
  if (differing.length === 0) return;
  throw new ResumeMismatchError(`the run was begun otherwise: ${differing.join('; ')}`);
}

/** What is told by its content: a hash says nothing to a person. */
const ofContent: Readonly<Record<string, string>> = {
  data: 'the images are others (the option data)',
  model: 'the network of the option model is another',
  teacher: 'the network of the option teacher is another',
};

/** What runs of the first version do not say of themselves. */
const addedLater: readonly string[] = ['model'];

function differences(ours: JsonObject, theirs: JsonObject): string[] {
  return keysOf(ours, theirs).flatMap((key) => {
    const [is, was] = [ours[key], theirs[key]];
    if (isUnsaid(key, was) || isEqual(is, was)) return [];
    if (key === 'config' && isJsonObject(is) && isJsonObject(was)) return optionsBetween(is, was);
    if (!Object.hasOwn(ofContent, key)) return [`${key} was ${tell(was)}, is ${tell(is)}`];
    return [contentBetween(key, is, was)];
  });
}

/** What differs in content; where only one of them has some, that. */
function contentBetween(key: string, is?: JsonValue, was?: JsonValue): string {
  if (is !== undefined && was !== undefined) return ofContent[key]!;
  const say = (value?: JsonValue): string => (value === undefined ? tell(value) : 'given');
  return `the option ${key} was ${say(was)}, is ${say(is)}`;
}

function isUnsaid(key: string, was: JsonValue | undefined): boolean {
  return was === undefined && addedLater.includes(key);
}

function optionsBetween(ours: JsonObject, theirs: JsonObject): string[] {
  return keysOf(ours, theirs)
    .filter((key) => !isEqual(ours[key], theirs[key]))
    .map((key) => `the option ${key} was ${tell(theirs[key])}, is ${tell(ours[key])}`);
}

function keysOf(...objects: readonly JsonObject[]): string[] {
  return [...new Set(objects.flatMap((object) => Object.keys(object)))];
}

function isEqual(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  return canonicalJson(one ?? null) === canonicalJson(other ?? null);
}

/** A value for a person; that of an option that nobody named is its default. */
function tell(value: JsonValue | undefined): string {
  return value === undefined ? 'left to its default' : JSON.stringify(value);
}
