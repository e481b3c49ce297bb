/** `--importance` and `--unit`: another spelling of `--method` and, where the name says more, of its own options. */
import type { Key } from '../config';
import { options } from '../config';
import { pickOwn } from '../methods/catalogue';
import { importances } from '../methods/importances';
import type { Importance, ImportanceId } from '../methods/importances';
import { ConfigError } from './error';
import type { Setting } from './settings';

/**
 * The settings with the method that `--importance` names among them; the same where it names none.
 *
 * @throws {ConfigError} when the criterion has no form for the unit, or another method or own option is set.
 */
export function withNamedMethod(settings: ReadonlyMap<Key, Setting>): ReadonlyMap<Key, Setting> {
  const named = settings.get('importance');
  if (!named || named.value === null) return settings;
  const criterion = named.value as ImportanceId; // has its format
  const { filter, weight, ...own }: Importance = importances[criterion];
  const unit = settings.get('unit') ?? { ...named, value: null };
  const chosen = unit.value === 'filter' ? filter : weight;
  const method = unit.value === null ? (filter ?? weight) : chosen;
  if (method === undefined) {
    throw new ConfigError({
      key: unit.spelled,
      problem: `must be ${filter === undefined ? 'weight' : 'filter'} with ${named.spelled} ${criterion}`,
      received: unit.value,
      source: unit.source,
    });
  }
  const sets = Object.entries({ method, ...pickOwn(method, own) }) as [Key, string][];
  return new Map([...settings, ...sets.map(([key, value]) => derive(key, value, named, settings))]);
}

/**
 * The setting of `key` that follows from `named`; a file may repeat it, and the default.
 *
 * @throws {ConfigError} when another value is set.
 */
export function derive(
  key: Key,
  value: unknown,
  named: Setting,
  settings: ReadonlyMap<Key, Setting>,
): [Key, Setting] {
  const other = settings.get(key);
  const isRepeated = other?.value === value || isSavedDefault(key, other);
  if (other && !isRepeated) {
    throw new ConfigError({
      key: other.spelled,
      problem: `cannot go with ${named.spelled} ${String(named.value)}, which names ${String(value)}`,
      received: other.value,
      source: other.source,
    });
  }
  return [key, { key, value, spelled: named.spelled, source: named.source }];
}

function isSavedDefault(key: Key, setting: Setting | undefined): boolean {
  return (
    setting?.source.startsWith('file ') === true && setting.value === options.get(key)!.default
  );
}
