/** Settings from the environment and from a config file, each with where it came from. */
import { readFileSync } from 'node:fs';
import type { Command, Key } from '../config';
import { options, otherVariables } from '../config';
import { keyOfAlias, meaningOfValue, valueAliases } from './aliases';
import { statusOf } from '../files/path-status';
import { ConfigError } from './error';
import { nearest } from './nearest';

/** One value that was set, how its source spells its key, and its source. */
export interface Setting {
  readonly key: Key;
  readonly value: unknown;
  readonly spelled: string;
  readonly source: string;
}

/** The settings of the environment: the options that `command` takes; the others belong to other commands. */
export function readEnvironment(env: NodeJS.ProcessEnv, command: Command): Map<Key, Setting> {
  const settings = new Map<Key, Setting>();
  for (const [name, given] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || given === undefined || Object.hasOwn(otherVariables, name))
      continue;
    const [key, option] = [...options].find(([, { env }]) => env === name) ?? unknownVariable(name);
    if (!option.commands.includes(command)) continue;
    const setting = {
      key,
      value: option.format.read(given),
      spelled: name,
      source: `environment variable ${name}`,
    };
    settings.set(key, checkSetting(setting, given));
  }
  return settings;
}

const PREFIX = 'SECATEUR_';

function unknownVariable(name: string): never {
  const names = [...options.values()].map(({ env }) => env).concat(Object.keys(otherVariables));
  const word = name.slice(PREFIX.length);
  const alias = keyOfAlias(word);
  const near = alias
    ? options.get(alias)!.env.slice(PREFIX.length)
    : nearest(
        word,
        names.map((known) => known.slice(PREFIX.length)),
      );
  throw new ConfigError({
    key: name,
    problem: 'is set, but there is no such option',
    source: `environment variable ${name}`,
    nearest: near && PREFIX + near,
  });
}

/**
 * The settings of a JSON file: one object of keys such as `learningRate`. Keys of other commands are checked and
 * left out, so that the config.json of a training serves to evaluate its network.
 *
 * @throws {ConfigError} when the file cannot be read, is no JSON object, or holds an unknown key or a wrong value.
 */
export function readConfigFile(path: string, command: Command): Map<Key, Setting> {
  const source = `file ${path}`;
  const settings = new Map<Key, Setting>();
  for (const [name, value] of Object.entries(readObject(path, source))) {
    const key = [...options.keys()].find((known) => known === name) ?? unknownKey(name, source);
    if (options.get(key)!.isOfTheCall) {
      const problem = 'belongs on the command line or in the environment, not in a file';
      throw new ConfigError({ key: name, problem, source });
    }
    checkSetting({ key, value, spelled: name, source }, value);
    if (options.get(key)!.commands.includes(command))
      settings.set(key, { key, value, spelled: name, source });
  }
  return settings;
}

/**
 * Checks the options that a run folder holds; those that this version does not know are left to who merges them.
 *
 * @throws {ConfigError} naming the file and the key of a value that no option could have had.
 */
export function checkSaved(saved: Readonly<Record<string, unknown>>, path: string): void {
  for (const [name, value] of Object.entries(saved)) {
    const key = [...options.keys()].find((known) => known === name);
    if (key) checkSetting({ key, value, spelled: name, source: `file ${path}` }, value);
  }
}

function unknownKey(name: string, source: string): never {
  const problem = 'is not the name of an option';
  throw new ConfigError({
    key: JSON.stringify(name),
    problem,
    source,
    nearest: keyOfAlias(name) ?? nearest(name, options.keys()),
  });
}

const MOST_BYTES = 1_000_000;

function readObject(path: string, source: string): object {
  const fault = (problem: string) => new ConfigError({ key: '--config', problem, source });
  const parsed = parseJson(readText(path, fault), fault);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw fault('must hold one JSON object of options');
  }
  return parsed;
}

function readText(path: string, fault: (problem: string) => ConfigError): string {
  const found = statusOf(path);
  if (!found) throw fault('names a file that does not exist');
  if (!found.isFile()) throw fault('must name a file');
  if (found.size > MOST_BYTES) throw fault(`must name a file of at most ${MOST_BYTES} bytes`);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fault(`names a file that cannot be read: ${(error as Error).message}`);
  }
}

function parseJson(content: string, fault: (problem: string) => ConfigError): unknown {
  try {
    return JSON.parse(content.replace(/^\ufeff/, '')); // some editors begin with a byte order mark
  } catch (error) {
    throw fault(`must hold JSON: ${(error as Error).message}`);
  }
}

/** The setting, when its value has the format of its option; `received` is the value as it was given. */
export function checkSetting(setting: Setting, received: unknown): Setting {
  const { format } = options.get(setting.key)!;
  if (format.accepts(setting.value) || meaningOfValue(setting.key, setting.value)) return setting;
  throw new ConfigError({
    key: setting.spelled,
    problem: `must be ${format.allowed}`,
    received,
    source: setting.source,
    nearest: typeof received === 'string' ? nearestValue(setting.key, received) : null,
  });
}

/** What may have been meant by a value that is none of the option's: one of them, or another option. */
function nearestValue(key: Key, received: string): string | null {
  const isFile = key === 'arch' && /[/\\]|\.json$/.test(received);
  if (isFile) return `--${options.get('model')!.arg} ${received}`;
  const { choices } = options.get(key)!.format;
  return nearest(received, [...(choices ?? []), ...Object.keys(valueAliases[key] ?? {})]);
}
