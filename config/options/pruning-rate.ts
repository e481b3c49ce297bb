/** The options of pruning that say how much goes. */
import { units } from '../../measure/search/amount';
import { collectOwnOptions } from '../../methods/catalogue';
import {
  amount,
  ascending,
  list,
  optional,
  pathTo,
  patternRate,
  real,
  text,
  whole,
} from '../formats';
import { option, wherePruned } from '../option';
import { isFilled, isGiven } from '../rule';
import type { Rule, Values } from '../rule';

/** How much goes, of the whole network and of single layers. */
export const rateOptions = {
  rate: option({
    doc: 'fraction of the filters or weights that is removed',
    group: 'Pruning',
    format: real({ from: 0, below: 1 }),
    default: 0.3,
    commands: wherePruned,
  }),
  rates: option({
    doc:
      'several fractions to remove, each from the whole network: measured, or stored as ' +
      '{out}/{dataset}/{subset}/{network}_{percent}.ts with the weights in the folder of that name',
    group: 'Pruning',
    format: ascending(real({ above: 0, below: 1 }), 'numbers in (0, 1), ascending', 'RATES'),
    default: [],
    defaultDoc: 'one network, at --rate; sensitivity: 0.1 to 0.9 in steps of 0.1',
    commands: ['prune', 'sensitivity'],
  }),
  subset: option({
    doc: 'with --rates: name of the classes that the network tells apart',
    group: 'Pruning',
    format: text('NAME', 'a name'),
    default: 'all',
    commands: ['prune'],
  }),
  layerRate: option({
    doc: 'rates of single layers, named as with --skip; of two rules for a layer the later one counts',
    group: 'Pruning',
    format: list(patternRate, 'rules PATTERN=X with X in [0, 1)', 'PATTERN=X'),
    default: [],
    defaultDoc: '--rate for all layers',
    commands: wherePruned,
  }),
  layerRateFile: option({
    doc: 'file of such rates, as sensitivity --tolerance writes it; --layer-rate counts after it',
    group: 'Pruning',
    format: optional(pathTo('FILE', 'the path of a rates.json')),
    default: null,
    commands: wherePruned,
    isOfTheCall: true, // its rules are saved with the run
  }),
  tolerance: option({
    doc:
      'points of accuracy that each group may lose by itself: writes the highest rates that keep to it as ' +
      '{out}/rates.json',
    group: 'Pruning',
    format: optional(real({ from: 0 })),
    default: null,
    defaultDoc: 'no such file',
    commands: ['sensitivity'],
    mayChange: true,
  }),
  targetMacs: option({
    doc: 'instead of --rate: multiply-adds that stay at most',
    group: 'Pruning',
    format: optional(amount(units.count, '20M')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  targetParams: option({
    doc: 'instead of --rate: parameters that stay at most',
    group: 'Pruning',
    format: optional(amount(units.count, '300k')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  targetBytes: option({
    doc:
      'instead of --rate: bytes of the weight files that stay at most, model.json not counted; where prune ' +
      'removes single weights with --format sparse, of the compressed file',
    group: 'Pruning',
    format: optional(amount(units.bytes, '1.2MB')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  targetLatency: option({
    doc:
      'instead of --rate: time of one forward pass, measured here on the engine in use as the median of 30; ' +
      'a bare number is in ms',
    group: 'Pruning',
    format: optional(amount(units.milliseconds, '5ms')),
    default: null,
    defaultDoc: '--rate',
    commands: wherePruned,
  }),
  maxDrop: option({
    doc:
      'instead of --rate: points of accuracy on the validation images that may be lost; searches the highest ' +
      'rate',
    group: 'Pruning',
    format: optional(real({ from: 0, below: 100 })),
    default: null,
    defaultDoc: '--rate',
    commands: ['prune'],
  }),
  bnBatches: option({
    doc:
      'training batches on which the averages of BatchNormalization are measured anew before the network is written; ' +
      '0 keeps those of the training',
    group: 'Pruning',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: '0; 10 with --max-drop',
    commands: wherePruned,
  }),
};

/** What decides the rate in place of --rate. */
export const searches = [
  'targetMacs',
  'targetParams',
  'targetBytes',
  'targetLatency',
  'maxDrop',
] as const;

/** What they must hold together. */
export const rateRules: readonly Rule[] = [
  {
    key: 'rate',
    isBroken: ({ method, rate }) => method === 'none' && rate !== 0,
    problem: 'has no effect with --method none',
  },
  ...collectOwnOptions()
    .filter(({ shapes }) => shapes === 'rate')
    .map(({ key }) => ({
      key,
      isBroken: (values: Values) =>
        searches.every((other) => !isGiven(values[other])) &&
        isGiven(values.rate) &&
        Number(values[key]) > values.rate,
      problem: 'must be at most --rate, of which it is a part',
    })),
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
    isBroken: ({ rates, subset }) => rates?.length === 0 && subset !== rateOptions.subset.default,
    problem: 'has no effect without --rates',
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
];
