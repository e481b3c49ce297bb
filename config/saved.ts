/** The options as a run folder keeps them, and what a resumed run may change. */
import { isDeepStrictEqual } from 'node:util';
import type { Key } from '../config';
import { options } from '../config';

/** The options that describe the run, for its config.json; those of one call, such as --resume, are left out. */
export function pickSaved(config: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).filter(([key]) => !(options.get(key as Key)?.isOfTheCall ?? false)),
  );
}

/** The options that the trained network depends on: what a resumed run may not change. */
export function pickShaping(config: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(pickSaved(config)).filter(([key]) => !options.get(key as Key)?.mayChange),
  );
}

/** An option that a resumed run would change although the trained network depends on it. */
export interface Difference {
  /** The key in config.json; `flag` is its name on the command line. */
  readonly key: string;
  readonly flag: string;
  readonly saved: unknown;
  readonly current: unknown;
}

/**
 * The options that shape a run and differ between the one that was saved and the one to resume it.
 *
 * An option that the saved run does not know counts as its default, since a new option's default changes nothing.
 *
 * @param saved what config.json holds.
 * @param current the options of the resuming call.
 */
export function differences(
  saved: Readonly<Record<string, unknown>>,
  current: object,
): Difference[] {
  const now = pickSaved(current);
  return [...new Set([...Object.keys(now), ...Object.keys(saved)])].flatMap((key) => {
    const option = options.get(key as Key);
    if (option?.mayChange === true || option?.isOfTheCall === true) return [];
    const [before, after] = [valueIn(saved, key), valueIn(now, key)];
    if (isDeepStrictEqual(before, after)) return [];
    return [{ key, flag: `--${option?.arg ?? key}`, saved: before, current: after }];
  });
}

function valueIn(values: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : options.get(key as Key)?.default;
}
