/** What options must hold together: an option that could have no effect is an error, never ignored in silence. */
import type { AllOptions, Command, Key } from '../config';
import { commands, ids, options } from '../config';
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
  'layerRateFile',
  'pattern',
  'norm',
  'distance',
  'entropyOf',
  'entropyBins',
  'scalePenalty',
  'observeBatches',
  'regrowth',
  'scope',
  'merge',
  'residual',
  'roundTo',
  'rounding',
  'minKeep',
  'minRate',
  'maxRate',
  'skip',
  'only',
  'compat',
  'schedule',
  'initialRate',
  'pruneBy',
  'pruneEvery',
  'pruneFrom',
  'pruneUntil',
];

/** Methods of single weights: all whose name says so, and lamp. */
const ofWeights = ids.method.filter((id) => id.endsWith('-weight') || id === 'lamp');

/** Methods that have published code to be compatible with. */
const published: readonly string[] = ['fpgm', 'norm-filter', 'none'];

/** Whether the method looks at the network at work before it chooses. */
const isObserving = ({ method, entropyOf }: Values): boolean =>
  isOneOf(method, ['taylor-filter', 'taylor-weight', 'apoz']) ||
  (method === 'entropy-filter' && entropyOf === 'activations');

/** Whether the pattern is N:M, of runs of weights. */
const isOfRuns = ({ pattern }: Values): boolean => pattern?.includes(':') === true;

/** Schedules that read --initial-rate. */
const startable: readonly string[] = ['linear', 'polynomial', 'asymptotic'];

/** What decides the rate in place of --rate. */
const searches = [
  'targetMacs',
  'targetParams',
  'targetBytes',
  'targetLatency',
  'maxDrop',
] as const satisfies readonly Key[];

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
    key: 'pattern',
    isBroken: ({ method, pattern }) => pattern !== 'none' && !isOneOf(method, ofWeights),
    problem: `is of single weights, which only ${ofWeights.join(', ')} remove`,
  },
  {
    key: 'pattern',
    isBroken: (values) =>
      isOfRuns(values) && (isFilled(values.rates) || searches.some((key) => isGiven(values[key]))),
    problem: 'of N:M decides the rate and cannot go with --rates, a --target or --max-drop',
  },
  {
    key: 'pattern',
    isBroken: (values) =>
      isOfRuns(values) && (isFilled(values.layerRate) || isGiven(values.layerRateFile)),
    problem: 'of N:M decides the rate of every layer: leave layers whole with --skip',
  },
  {
    key: 'pattern',
    isBroken: (values) => isOfRuns(values) && values.scope !== 'uniform',
    problem: 'of N:M takes the same of every layer, which is --scope uniform',
  },
  {
    key: 'unit',
    isBroken: ({ importance }) => !isGiven(importance),
    problem: 'has no effect without --importance',
  },
  {
    key: 'distance',
    isBroken: ({ method }) => method !== 'fpgm',
    problem: 'has no effect without --method fpgm',
  },
  {
    key: 'distance',
    isBroken: ({ compat, distance }) => compat === 'paper' && distance !== 'l2',
    problem: 'must be l2 with --compat paper: the published code computes no other',
  },
  {
    key: 'entropyOf',
    isBroken: ({ method }) => method !== 'entropy-filter',
    problem: 'has no effect without --method entropy-filter',
  },
  {
    key: 'entropyBins',
    isBroken: ({ method, entropyOf }) => method !== 'entropy-filter' || entropyOf !== 'activations',
    problem: 'has no effect without --method entropy-filter --entropy-of activations',
  },
  {
    key: 'scalePenalty',
    isBroken: ({ method }) => method !== 'slimming',
    problem: 'has no effect without --method slimming',
  },
  {
    key: 'observeBatches',
    isBroken: (values) => !isObserving(values),
    problem: 'has no effect with a method that reads neither gradients nor activations',
  },
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
    isBroken: (values) =>
      searches.every((key) => !isGiven(values[key])) &&
      isGiven(values.rate) &&
      isGiven(values.normRate) &&
      values.normRate > values.rate,
    problem: 'must be at most --rate, of which it is a part',
  },
  // A method of single weights has no channels to agree on, to round or to keep.
  ...ofWeights.flatMap((id) =>
    (['merge', 'roundTo', 'minKeep'] as const).map((key) => ({
      key,
      isBroken: (values: Values) =>
        values.method === id && values[key] !== options.get(key)!.default,
      problem: `is about channels, which --method ${id} does not remove`,
    })),
  ),
  ...ids.method
    .filter((id) => !published.includes(id))
    .map((id) => ({
      key: 'compat' as const,
      isBroken: ({ method, compat }: Values) => compat === 'paper' && method === id,
      problem: `cannot go with --method ${id}: the published codes are those of fpgm and norm-filter`,
    })),
  {
    key: 'scope',
    isBroken: ({ compat, scope }) => compat === 'paper' && isGiven(scope) && scope !== 'uniform',
    problem: 'must be uniform with --compat paper: the published codes rank layer by layer',
  },
  {
    key: 'rate',
    isBroken: ({ rates }) => isFilled(rates),
    problem: 'cannot go with --rates, which names them all',
    isOfCommandLine: true,
  },
  ...searches.flatMap((key, at) => [
    {
      key,
      isBroken: ({ method }: Values) => method === 'none',
      problem: 'has no effect with --method none',
    },
    {
      key,
      isBroken: (values: Values) => searches.slice(0, at).some((other) => isGiven(values[other])),
      problem: 'cannot go with another --target or --max-drop: each decides the rate',
    },
    {
      key,
      isBroken: ({ rates }: Values) => isFilled(rates),
      problem: 'cannot go with --rates, which names them all',
    },
  ]),
  {
    key: 'rate',
    isBroken: (values) => searches.some((key) => isGiven(values[key])),
    problem: 'cannot go with a --target or --max-drop, which decides the rate',
    isOfCommandLine: true,
  },
  {
    key: 'targetLatency',
    isBroken: ({ scope, pruneEvery }) => isGiven(pruneEvery) && scope !== 'uniform',
    problem: 'needs --scope uniform in train: the widths of the others follow from weights to come',
  },
  {
    key: 'subset',
    isBroken: ({ rates, subset }) =>
      rates?.length === 0 && subset !== options.get('subset')!.default,
    problem: 'has no effect without --rates',
  },
  ...(['minRate', 'maxRate'] as const).map((key) => ({
    key,
    isBroken: (values: Values) =>
      values.scope === 'uniform' && values[key] !== options.get(key)!.default,
    problem: 'has no effect with --scope uniform, where every layer loses --rate',
  })),
  {
    key: 'maxRate',
    isBroken: ({ minRate, maxRate }) => isGiven(minRate) && isGiven(maxRate) && maxRate <= minRate,
    problem: 'must be above --min-rate',
  },
  {
    key: 'rounding',
    isBroken: ({ roundTo, rounding }) => roundTo === 1 && rounding !== 'up',
    problem: 'has no effect without --round-to',
  },
  {
    key: 'layerRate',
    isBroken: ({ compat, layerRate }) => compat === 'paper' && isFilled(layerRate),
    problem: 'cannot go with --compat paper: the published codes have one rate',
  },
  {
    key: 'layerRateFile',
    isBroken: ({ compat }) => compat === 'paper',
    problem: 'cannot go with --compat paper: the published codes have one rate',
  },
  {
    key: 'residual',
    isBroken: ({ compat }) => compat === 'paper',
    problem: 'has no effect with --compat paper, which is the mode stream',
  },
  {
    key: 'pruneFrom',
    isBroken: ({ pruneBy, pruneFrom, epochs }) =>
      pruneBy === 'epoch' && isGiven(epochs) && isGiven(pruneFrom) && pruneFrom >= epochs,
    problem: 'must be less than --epochs, or nothing is ever pruned',
  },
  {
    key: 'pruneUntil',
    isBroken: ({ pruneBy, pruneUntil, epochs }) =>
      pruneBy === 'epoch' && isGiven(epochs) && isGiven(pruneUntil) && pruneUntil >= epochs,
    problem: 'must be less than --epochs, or the last pruning never comes',
  },
  {
    key: 'pruneUntil',
    isBroken: ({ pruneFrom, pruneUntil }) =>
      isGiven(pruneFrom) && isGiven(pruneUntil) && pruneUntil < pruneFrom,
    problem: 'must be at least --prune-from, or nothing is ever pruned',
  },
  ...(['pruneEvery', 'pruneUntil'] as const).map((key) => ({
    key,
    isBroken: ({ schedule }: Values) => schedule === 'one-shot',
    problem: 'has no effect with --schedule one-shot, which prunes once, at --prune-from',
  })),
  {
    key: 'regrowth',
    isBroken: ({ regrowth, schedule }) => regrowth === 'gradual' && schedule === 'one-shot',
    problem: 'gradual has no time to turn hard with --schedule one-shot, which prunes once',
  },
  {
    key: 'initialRate',
    isBroken: ({ schedule }) => isGiven(schedule) && !startable.includes(schedule),
    problem: `has no effect without --schedule ${startable.join(', ')}`,
  },
  {
    key: 'initialRate',
    isBroken: ({ initialRate, rate }) =>
      isGiven(initialRate) && isGiven(rate) && initialRate > 0 && initialRate >= rate,
    problem: 'must be below --rate, to which it rises',
  },
  {
    key: 'schedule',
    isBroken: ({ compat, schedule }) => compat === 'paper' && schedule !== 'constant',
    problem: 'cannot go with --compat paper: the published codes remove the same at every pruning',
  },
  {
    key: 'pruneBy',
    isBroken: ({ compat, pruneBy }) => compat === 'paper' && pruneBy === 'step',
    problem: 'cannot go with --compat paper: the published codes prune after epochs',
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
  {
    key: 'teacher',
    isBroken: ({ teacher, model }) => teacher === 'dense' && !isGiven(model),
    problem:
      'dense is the network of --model before pruning, which must be given: one freshly initialised knows ' +
      'nothing to teach',
  },
  ...(['distillWeight', 'temperature'] as const).map((key) => ({
    key,
    isBroken: ({ teacher }: Values) => !isGiven(teacher),
    problem: 'has no effect without --teacher',
  })),
  {
    key: 'labelSmoothing',
    isBroken: ({ teacher, distillWeight, labelSmoothing }) =>
      isGiven(teacher) && distillWeight === 1 && labelSmoothing !== 0,
    problem: 'has no effect with --distill-weight 1, which leaves the labels out',
  },
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

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function isFilled(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

function isOneOf(value: string | null | undefined, list: readonly string[]): boolean {
  return isGiven(value) && list.includes(value);
}
