/** The options of pruning that say when it happens. */
import { scheduleIds, startingSchedules } from '../../methods/schedules';
import { choice, optional, real, whole } from '../formats';
import { option } from '../option';
import { isGiven, isOneOf } from '../rule';
import type { Rule, Values } from '../rule';

/** When units are chosen, and how much of the rate by then. */
export const timeOptions = {
  schedule: option({
    doc:
      'how the rate grows: constant has all of it at every pruning, one-shot at a single one; linear, ' +
      'geometric, polynomial and asymptotic reach it at the last',
    group: 'Pruning',
    format: choice(scheduleIds),
    default: 'constant',
    commands: ['train'],
  }),
  initialRate: option({
    doc: `with ${eitherOf(startingSchedules)}: fraction removed at the first pruning`,
    group: 'Pruning',
    format: real({ from: 0, below: 1 }),
    default: 0,
    commands: ['train'],
  }),
  pruneBy: option({
    doc: 'what --prune-from, --prune-every and --prune-until count',
    group: 'Pruning',
    format: choice(['epoch', 'step'], 'epoch|step'),
    default: 'epoch',
    commands: ['train'],
  }),
  pruneEvery: option({
    doc: 'epochs or steps between two prunings',
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 1,
    commands: ['train'],
  }),
  pruneFrom: option({
    doc: 'epoch or step that ends with the first pruning, counted from 0',
    group: 'Pruning',
    format: whole({ from: 0 }),
    default: 0,
    commands: ['train'],
  }),
  pruneUntil: option({
    doc: 'epoch or step that ends with the last pruning, after which nothing is chosen anew',
    group: 'Pruning',
    format: optional(whole({ from: 0 })),
    default: null,
    defaultDoc: 'the last of the run',
    commands: ['train'],
  }),
};

/** What they must hold together. */
export const timeRules: readonly Rule[] = [
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
    isBroken: ({ schedule }) => isGiven(schedule) && !isOneOf(schedule, startingSchedules),
    problem: `has no effect without --schedule ${startingSchedules.join(', ')}`,
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
];

/** `a, b or c`. */
function eitherOf(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].join(' or ');
}
