/** The options of pruning that say how the choice is made: where, in which pieces, in which widths. */
import { factsOf, methodIds } from '../../methods/catalogue';
import { choice, flag, list, optional, pathTo, real, text, weightPattern, whole } from '../formats';
import { option, whereChosen, wherePruned } from '../option';
import { isFilled, isGiven, isOneOf } from '../rule';
import type { Rule, Values } from '../rule';
import { searches } from './pruning-rate';

/** How units are chosen, and whether they may come back. */
export const choiceOptions = {
  regrowth: option({
    doc:
      'soft: what was removed still learns and may come back; hard: it stays zero; gradual: a part that grows ' +
      'to all of it stays zero. After the last pruning everything removed stays zero',
    group: 'Pruning',
    format: choice(['soft', 'hard', 'gradual']),
    default: 'hard',
    commands: ['train'],
  }),
  pattern: option({
    doc:
      'with methods of single weights: N:M keeps the best N of each M inputs and sets the rate to 1 - N/M, ' +
      'RxC removes whole blocks of R inputs and C filters',
    group: 'Pruning',
    format: weightPattern,
    default: 'none',
    commands: wherePruned,
  }),
  scope: option({
    doc:
      'uniform: every group loses the rate; global: one ranking over all groups; adaptive: one of scores ' +
      'that each group has normalised',
    group: 'Pruning',
    format: choice(['uniform', 'global', 'adaptive']),
    default: 'uniform',
    commands: wherePruned,
  }),
  merge: option({
    doc: 'how the layers that share channels agree on which of them go',
    group: 'Pruning',
    format: choice(['mean', 'sum', 'max', 'and', 'or', 'score']),
    default: 'mean',
    commands: whereChosen,
  }),
  residual: option({
    doc:
      'residual streams: coupled prunes them with their layers, inner only inside the blocks, ' +
      'stream keeps them at full width',
    group: 'Pruning',
    format: choice(['coupled', 'inner', 'stream']),
    default: 'coupled',
    commands: ['train', 'prune', 'graph', 'sensitivity'],
  }),
  roundTo: option({
    doc: 'bring the channels kept to a multiple of N, which engines compute faster; 1 rounds nothing',
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 1,
    commands: whereChosen,
  }),
  rounding: option({
    doc: 'with --round-to: the next multiple up or down, or the nearest',
    group: 'Pruning',
    format: choice(['up', 'down', 'nearest']),
    default: 'up',
    commands: whereChosen,
  }),
  minRate: option({
    doc: 'with --scope global or adaptive: fraction that every layer loses at least',
    group: 'Pruning',
    format: real({ from: 0, below: 1 }),
    default: 0,
    commands: wherePruned,
  }),
  maxRate: option({
    doc: 'with --scope global or adaptive: fraction that every layer loses at most',
    group: 'Pruning',
    format: real({ above: 0, to: 1 }),
    default: 1,
    commands: wherePruned,
  }),
  minKeep: option({
    doc: 'channels that every group keeps at least',
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 1,
    commands: whereChosen,
  }),
  skip: option({
    doc:
      'leave these layers whole: by name, where * stands for any characters but /, by class ' +
      '(class:Conv2D) or by their part in a block (role:block.inner)',
    group: 'Pruning',
    format: list(text('PATTERN'), 'patterns of layer names', 'PATTERNS'),
    default: [],
    defaultDoc: 'none',
    commands: whereChosen,
  }),
  only: option({
    doc: 'prune no layers but these, named as with --skip',
    group: 'Pruning',
    format: list(text('PATTERN'), 'patterns of layer names', 'PATTERNS'),
    default: [],
    defaultDoc: 'all layers',
    commands: whereChosen,
  }),
  pruneFrozen: option({
    doc: 'prune the layers that the network freezes (trainable: false) too; they are left whole otherwise',
    group: 'Pruning',
    format: flag,
    default: false,
    commands: [...whereChosen, 'graph'],
  }),
  schemaFile: option({
    doc: 'dependency schema to respect: may couple further layers, or leave some whole',
    group: 'Pruning',
    format: optional(pathTo('FILE', 'the path of a JSON file')),
    default: null,
    defaultDoc: 'what the network itself asks for',
    commands: ['graph', 'prune', 'sensitivity'],
  }),
  compat: option({
    doc: 'paper: choose and mask exactly as the published code does',
    group: 'Pruning',
    format: choice(['none', 'paper'], 'none|paper'),
    default: 'none',
    commands: wherePruned,
  }),
};

/** Methods of single weights. */
const ofWeights = methodIds.filter((id) => factsOf(id).unit === 'weight');

/** Whether the pattern is N:M, of runs of weights. */
function isOfRuns({ pattern }: Values): boolean {
  return pattern?.includes(':') === true;
}

/** What they must hold together. */
export const choiceRules: readonly Rule[] = [
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
  // A method of single weights has no channels to agree on, to round or to keep.
  ...ofWeights.flatMap((id) =>
    (['merge', 'roundTo', 'minKeep'] as const).map((key) => ({
      key,
      isBroken: (values: Values) =>
        values.method === id && values[key] !== choiceOptions[key].default,
      problem: `is about channels, which --method ${id} does not remove`,
    })),
  ),
  {
    key: 'scope',
    isBroken: ({ compat, scope }) => compat === 'paper' && isGiven(scope) && scope !== 'uniform',
    problem: 'must be uniform with --compat paper: the published codes rank layer by layer',
  },
  ...(['minRate', 'maxRate'] as const).map((key) => ({
    key,
    isBroken: (values: Values) =>
      values.scope === 'uniform' && values[key] !== choiceOptions[key].default,
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
    key: 'residual',
    isBroken: ({ compat }) => compat === 'paper',
    problem: 'has no effect with --compat paper, which is the mode stream',
  },
];
