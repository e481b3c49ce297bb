/** What options must hold together: an option that could have no effect is an error, never ignored in silence. */
import type { AllOptions, Command, Key } from '../config';
import { commands, options } from '../config';
import { ConfigError } from './error';
import type { Setting } from './settings';

type Values = Partial<AllOptions>;

interface Rule {
  /** The option at fault. It is at fault only where it was set. */
  readonly key: Key;
  readonly isBroken: (values: Values) => boolean;
  readonly problem: string;
  /** Whether a file or the environment may set the option all the same, for the other commands. */
  readonly isOfCommandLine?: boolean;
}

const builtAlone: readonly Key[] = ['arch', 'shortcut', 'inputShape', 'classes'];

/** What says how to prune and so has no effect where nothing is. */
const pruning: readonly Key[] = [
  'layerRate',
  'norm',
  'regrowth',
  'scope',
  'merge',
  'residual',
  'roundTo',
  'minKeep',
  'skip',
  'only',
  'compat',
  'pruneEvery',
  'pruneFrom',
];

const rules: readonly Rule[] = [
  {
    key: 'format',
    isBroken: ({ format }) => format?.includes('tfjs') === false,
    problem: 'must name tfjs, beside which the other files go',
  },
  ...builtAlone.map((key) => ({
    key,
    isBroken: ({ model }: Values) => isGiven(model),
    problem: 'describes a network to build and cannot go with --model, which names one',
  })),
  {
    key: 'rate',
    isBroken: ({ method, rate }) => method === 'none' && rate !== 0,
    problem: 'has no effect with --method none',
  },
  ...pruning.map((key) => ({
    key,
    isBroken: ({ method }: Values) => method === 'none',
    problem: 'has no effect with --method none',
  })),
  {
    key: 'norm',
    isBroken: ({ method }) => method !== 'norm-filter',
    problem: 'has no effect without --method norm-filter',
  },
  {
    key: 'normRate',
    isBroken: ({ method, normRate }) => method !== 'fpgm' && normRate !== 0,
    problem: 'has no effect without --method fpgm',
  },
  {
    key: 'normRate',
    isBroken: ({ rate, normRate }) => isGiven(rate) && isGiven(normRate) && normRate > rate,
    problem: 'must be at most --rate, of which it is a part',
  },
  // A method of single weights has no channels to agree on, to round or to keep.
  ...(['merge', 'roundTo', 'minKeep'] as const).map((key) => ({
    key,
    isBroken: (values: Values) =>
      values.method === 'norm-weight' && values[key] !== options.get(key)!.default,
    problem: 'is about channels, which --method norm-weight does not remove',
  })),
  {
    key: 'compat',
    isBroken: ({ method, compat }) => compat === 'paper' && method === 'norm-weight',
    problem: 'cannot go with --method norm-weight, which has no published code',
  },
  {
    key: 'scope',
    isBroken: ({ compat, scope }) => compat === 'paper' && scope === 'global',
    problem: 'must be uniform with --compat paper: the published codes rank layer by layer',
  },
  {
    key: 'rate',
    isBroken: ({ rates }) => isFilled(rates),
    problem: 'cannot go with --rates, which names them all',
    isOfCommandLine: true,
  },
  {
    key: 'dataset',
    isBroken: ({ rates }) => rates?.length === 0,
    problem: 'has no effect on prune without --rates',
    isOfCommandLine: true,
  },
  {
    key: 'subset',
    isBroken: ({ rates, subset }) =>
      rates?.length === 0 && subset !== options.get('subset')!.default,
    problem: 'has no effect without --rates',
  },
  {
    key: 'layerRate',
    isBroken: ({ scope, layerRate }) => scope === 'global' && isFilled(layerRate),
    problem: 'cannot go with --scope global, which ranks all layers together',
  },
  {
    key: 'layerRate',
    isBroken: ({ compat, layerRate }) => compat === 'paper' && isFilled(layerRate),
    problem: 'cannot go with --compat paper: the published codes have one rate',
  },
  {
    key: 'residual',
    isBroken: ({ compat }) => compat === 'paper',
    problem: 'has no effect with --compat paper, which is the mode stream',
  },
  {
    key: 'pruneFrom',
    isBroken: ({ pruneFrom, epochs }) =>
      isGiven(epochs) && isGiven(pruneFrom) && pruneFrom >= epochs,
    problem: 'must be less than --epochs, or nothing is ever pruned',
  },
  {
    key: 'milestones',
    isBroken: ({ milestones, epochs }) => isGiven(epochs) && (milestones?.[0] ?? 0) >= epochs,
    problem: 'must begin before --epochs ends, or the learning rate never falls',
  },
  {
    key: 'warmupEpochs',
    isBroken: ({ warmupEpochs, epochs }) =>
      isGiven(epochs) && isGiven(warmupEpochs) && warmupEpochs > epochs,
    problem: 'must be at most --epochs, or the learning rate is never reached',
  },
  ...(['milestones', 'lrDecay'] as const).map((key) => ({
    key,
    isBroken: (values: Values) =>
      isGiven(values[key]) && isOneOf(values.lrSchedule, ['cosine', 'constant']),
    problem: 'has no effect without --lr-schedule multi-step',
  })),
  ...(['momentum', 'nesterov'] as const).map((key) => ({
    key,
    isBroken: ({ optimizer }: Values) => optimizer === 'adam',
    problem: 'has no effect with --optimizer adam',
  })),
  ...(['json', 'schema'] as const).map((other) => ({
    key: 'dot' as const,
    isBroken: (values: Values) => values.dot === true && values[other] === true,
    problem: `cannot go with --${other}: each is a form of the whole output`,
  })),
  {
    key: 'validationFraction',
    isBroken: ({ split, validationFraction }) => split === 'validation' && validationFraction === 0,
    problem: 'holds no images out, so that there is no --split validation',
  },
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
  if (command === 'prune' && values.method === 'none') {
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

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function isFilled(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

function isOneOf(value: string | null | undefined, list: readonly string[]): boolean {
  return isGiven(value) && list.includes(value);
}
