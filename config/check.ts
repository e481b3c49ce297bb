/** Checks the options of a command against each other, by the rules at the foot of each group. */
import type { Command, Key } from '../config';
import { commands, options } from '../config';
import { collectOwnOptions } from '../methods/catalogue';
import { ConfigError } from './error';
import { dataOptions, dataRules } from './options/data';
import { engineOptions } from './options/engine';
import { modelOptions, modelRules } from './options/model';
import { generalOptions, pruningRules } from './options/pruning';
import { runOptions, runRules } from './options/run';
import { trainingOptions, trainingRules } from './options/training';
import type { Rule, Values } from './rule';
import type { Setting } from './settings';

const rules: readonly Rule[] = [
  ...modelRules,
  ...dataRules,
  ...pruningRules,
  ...trainingRules,
  ...runRules,
];

/**
 * Checks the options of a command against each other.
 *
 * @param values every option of the command, resolved.
 * @param settings those that were set, with their sources.
 * @throws {ConfigError} when an option is missing or cannot go with another.
 */
export function checkTogether(
  command: Command,
  values: Values,
  settings: ReadonlyMap<Key, Setting>,
): void {
  for (const key of commands[command].needs) {
    if (values[key] !== null) continue;
    const problem = `is needed by ${command}: ${options.get(key)!.format.allowed}`;
    throw new ConfigError({ key: `--${options.get(key)!.arg}`, problem, source: 'command line' });
  }
  if ((command === 'prune' || command === 'sensitivity') && values.method === 'none') {
    throw new ConfigError({
      key: settings.get('method')!.spelled,
      problem: 'none would prune nothing',
      source: settings.get('method')!.source,
    });
  }
  for (const rule of rules) {
    const setting = settings.get(rule.key);
    if (!setting || isExempt(setting, rule) || !rule.isBroken(values)) continue;
    const { spelled, source, value } = setting;
    throw new ConfigError({ key: spelled, problem: rule.problem, received: value, source });
  }
}

function isExempt(setting: Setting, { isOfCommandLine = false }: Rule): boolean {
  return isSavedDefault(setting) || (isOfCommandLine && setting.source !== 'command line');
}

/** Whether a file repeats the default, as the config.json of a run does for every option nobody asked for. */
function isSavedDefault({ key, value, source }: Setting): boolean {
  return (
    source.startsWith('file ') &&
    JSON.stringify(value) === JSON.stringify(options.get(key)!.default)
  );
}

/** All options but those of single methods. */
const shared: readonly object[] = [
  ...[modelOptions, dataOptions, generalOptions],
  ...[trainingOptions, engineOptions, runOptions],
];

/** @throws {ConfigError} when a registered method has an option by the name of one that does not belong to it. */
export function refuseTaken(): void {
  for (const { key, methods } of collectOwnOptions()) {
    if (!shared.some((group) => Object.hasOwn(group, key))) continue;
    const problem = `teaches a method ${methods.join(', ')} with an option ${key}, which is one of the program's own`;
    throw new ConfigError({ key: '--register', problem, source: 'the module' });
  }
}
