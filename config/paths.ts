/** What people mean by the paths that they give. */
import { resolve } from 'node:path';
import type { Command, Key } from '../config';
import { options } from '../config';
import { plainPath } from '../files/plain-path';
import type { Setting } from './settings';

/**
 * The settings with `~/` and `file://` of paths resolved, wherever they come from. What a run saves is absolute, so that it goes on
 * from any folder.
 */
export function resolvePaths(
  settings: ReadonlyMap<Key, Setting>,
  command: Command,
): ReadonlyMap<Key, Setting> {
  const resolved = [...settings].map(([key, setting]): [Key, Setting] => {
    if (!isPath(key, setting.value)) return [key, setting];
    const isSaved = command === 'train' && !options.get(key)!.isOfTheCall;
    const place = plainPath(setting.value);
    return [key, { ...setting, value: isSaved ? resolve(place) : place }];
  });
  return new Map(resolved);
}

/** Whether two values of an option lead to the same place; earlier versions saved paths as they were given. */
export function isSamePlace(key: Key, one: unknown, other: unknown): boolean {
  return isPath(key, one) && isPath(key, other) && resolve(one) === resolve(other);
}

/** Whether a value of an option is a path on this machine. */
function isPath(key: Key, value: unknown): value is string {
  const words = options.get(key)?.format.wordsBesidePaths;
  if (!words || typeof value !== 'string') return false;
  return !words.includes(value) && !/^https?:\/\//i.test(value);
}
