/** `--importance` and `--unit`: another spelling of `--method` and `--norm`. */
import type { Key } from '../config';
import { options } from '../config';
import { importances } from '../methods/importances';
import type { Importance, ImportanceId } from '../methods/importances';
import { ConfigError } from './error';
import type { Setting } from './settings';

/**
 * The settings with the method that `--importance` names among them; the same where it names none.
 *
 * @throws {ConfigError} when the criterion has no form for the unit, or another method or norm is set.
 */
export function withNamedMethod(settings: ReadonlyMap<Key, Setting>): ReadonlyMap<Key, Setting> {
  const named = settings.get('importance');
  if (!named || named.value === null) return settings;
  const criterion = named.value as ImportanceId; // has its format
  const importance: Importance = importances[criterion];
  const unit = settings.get('unit') ?? { ...named, value: null };
  const chosen = unit.value === null ? undefined : importance[unit.value as 'filter' | 'weight'];
  const method = unit.value === null ? (importance.filter ?? importance.weight) : chosen;
  if (method === undefined) {
    throw new ConfigError({
      key: unit.spelled,
      problem: `must be ${Object.keys(importance)[0]!} with ${named.spelled} ${criterion}`,
      received: unit.value,
      source: unit.source,
    });
  }
  const norm = method === importance.filter ? importance.norm : undefined;
  return new Map([
    ...settings,
    ...derived('method', method, named, settings),
    ...(norm === undefined ? [] : derived('norm', norm, named, settings)),
  ]);
}

/** The setting of `key` that follows from `named`; a file may repeat it, and the default. */
function derived(
  key: 'method' | 'norm',
  value: string,
  named: Setting,
  settings: ReadonlyMap<Key, Setting>,
): [[Key, Setting]] {
  const other = settings.get(key);
  const isRepeated = other?.value === value || isSavedDefault(key, other);
  if (other && !isRepeated) {
    throw new ConfigError({
      key: other.spelled,
      problem: `cannot go with ${named.spelled} ${String(named.value)}, which names ${value}`,
      received: other.value,
      source: other.source,
    });
  }
  return [[key, { key, value, spelled: named.spelled, source: named.source }]];
}

function isSavedDefault(key: Key, setting: Setting | undefined): boolean {
  return (
    setting?.source.startsWith('file ') === true && setting.value === options.get(key)!.default
  );
}
