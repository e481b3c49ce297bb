/** Values under other names, `--method sfp`, as our own: `--method norm-filter --regrowth soft`. */
import type { Command, Key } from '../config';
import { options } from '../config';
import { meaningOfValue } from './aliases';
import { ConfigError } from './error';
import { derive } from './importance';
import type { Setting } from './settings';

/**
 * The settings with our own names alone, and what the others stand for beside them.
 *
 * @throws {ConfigError} when a name stands for an option that the command does not take, or that is set otherwise.
 */
export function withOwnNames(
  settings: ReadonlyMap<Key, Setting>,
  command: Command,
): ReadonlyMap<Key, Setting> {
  const own = new Map(settings);
  for (const named of settings.values()) {
    const meaning = meaningOfValue(named.key, named.value) ?? {};
    for (const [key, value] of Object.entries(meaning) as [Key, unknown][]) {
      requireTaken(key, value, named, command);
      if (key === named.key) own.set(key, { ...named, value });
      else own.set(...derive(key, value, named, settings));
    }
  }
  return own;
}

function requireTaken(key: Key, value: unknown, named: Setting, command: Command): void {
  const { arg, commands } = options.get(key)!;
  if (commands.includes(command)) return;
  throw new ConfigError({
    key: named.spelled,
    problem: `stands for --${arg} ${String(value)} too, which is an option of ${commands.join(', ')} and not of ${command}`,
    received: named.value,
    source: named.source,
  });
}
