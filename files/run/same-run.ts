import { SecateurError } from '../../errors';
import { canonicalJson } from '../json';
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
  throw new ResumeMismatchError(`the checkpoint belongs to another run: ${differing.join('; ')}`);
}

function differences(ours: JsonObject, theirs: JsonObject): string[] {
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  const text = (value: JsonValue | undefined): string => canonicalJson(value ?? null);
  return [...keys]
    .filter((key) => text(ours[key]) !== text(theirs[key]))
    .map((key) => `${key} was ${text(theirs[key])}, is ${text(ours[key])}`);
}
