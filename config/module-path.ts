/** The place of a module of `--register`; loads nothing, since the table of options comes after the modules. */
import type { Key } from '../config';
import type { Setting } from './settings';
import { resolve } from 'node:path';
import { plainPath } from '../files/plain-path';

/** The absolute path that a user means: from the working directory, `~/` or a `file://` address. */
export function modulePath(given: string): string {
  return resolve(plainPath(given));
}

/** The settings with the modules of `--register` at their absolute paths, so that a run resumes from anywhere. */
export function withModulePaths(settings: ReadonlyMap<Key, Setting>): ReadonlyMap<Key, Setting> {
  const setting = settings.get('register');
  if (!setting) return settings;
  const files = (setting.value as readonly string[]).map(modulePath); // has its format
  return new Map([...settings, ['register', { ...setting, value: [...new Set(files)] }]]);
}
