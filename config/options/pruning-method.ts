/** The options of pruning that choose a method, with the own options of each. */
import {
  factsOf,
  hasValues,
  collectOwnOptions,
  isObserving,
  methodIds,
} from '../../methods/catalogue';
import type { OwnOptions, SharedOption } from '../../methods/catalogue';
import type { OptionValue, OwnOption, ValueOf } from '../../methods/facts';
import { importances } from '../../methods/importances';
import type { Importance } from '../../methods/importances';
import { choice, formatOf, optional, whole } from '../formats';
import { ids } from '../ids';
import { kebab } from '../nearest';
import { option, whereChosen, wherePruned } from '../option';
import type { OptionEntry } from '../option';
import { isGiven, isOneOf } from '../rule';
import type { Rule, Values } from '../rule';

/** The criteria that have no form of whole filters. */
const weightsAlone = Object.entries<Importance>(importances)
  .filter(([, { filter }]) => filter === undefined)
  .map(([name]) => name);

/** What goes. */
export const methodOptions = {
  method: option({
    doc:
      'what goes: the filters or single weights that this method scores lowest, such as filters near the ' +
      'geometric median (fpgm) or of small norm; or nothing',
    group: 'Pruning',
    format: choice(ids.method, 'METHOD'),
    default: 'fpgm',
    commands: whereChosen,
  }),
  importance: option({
    doc: 'the method by its criterion, with --unit; another spelling of --method (and of --norm)',
    group: 'Pruning',
    format: optional(choice(ids.importance, 'CRITERION')),
    default: null,
    defaultDoc: '--method says it',
    commands: whereChosen,
  }),
  unit: option({
    doc: 'with --importance: what is removed, whole filters or single weights',
    group: 'Pruning',
    format: optional(choice(['filter', 'weight'], 'filter|weight')),
    default: null,
    defaultDoc: `filter, but weight for ${weightsAlone.join(', ')}`,
    commands: whereChosen,
  }),
};

/** The commands that take an own option, by what it has a part in. */
const takenBy = { scores: whereChosen, rate: wherePruned, loss: ['train'] } as const;

type TakenBy<S extends OwnOption['shapes']> = (typeof takenBy)[S][number];

type OwnEntry<O> = O extends {
  value: infer V extends OptionValue;
  shapes: infer S extends OwnOption['shapes'];
}
  ? OptionEntry<ValueOf<V>, TakenBy<S>>
  : never;

/** The own options of the methods, as their catalogue has them. */
export const ownMethodOptions = Object.fromEntries(
  collectOwnOptions().map(({ key, doc, value, default: usual, shapes }): [string, unknown] => {
    const commands = takenBy[shapes];
    return [key, { doc, group: 'Pruning', format: formatOf(value), default: usual, commands }];
  }),
) as { [K in keyof OwnOptions]: OwnEntry<OwnOptions[K]> }; // what the catalogue says of each

/** The criteria whose methods see this of the network. */
function criteriaOf(observes: 'gradients' | 'activations'): string {
  const names = methodIds
    .filter((id) => factsOf(id).observes === observes)
    .flatMap((id) => Object.keys(factsOf(id).importance));
  return [...new Set(names)].sort().join(', ');
}

/** What methods see of the network at work. */
export const observingOptions = {
  observeBatches: option({
    doc:
      'batches of training images that a method looks at before it chooses, where it reads gradients ' +
      `(${criteriaOf('gradients')}) or activations (${criteriaOf('activations')})`,
    group: 'Pruning',
    format: whole({ from: 1 }),
    default: 10,
    commands: whereChosen,
  }),
};

/** Methods that have published code to be compatible with. */
const published: readonly string[] = ids.method.filter(
  (id) => id !== 'none' && factsOf(id).isPublished,
);

/** What they must hold together. */
export const methodRules: readonly Rule[] = [
  {
    key: 'unit',
    isBroken: ({ importance }) => !isGiven(importance),
    problem: 'has no effect without --importance',
  },
  ...collectOwnOptions().flatMap(rulesOf),
  {
    key: 'observeBatches',
    isBroken: ({ method, ...own }) =>
      !isGiven(method) || method === 'none' || !isObserving(method, own),
    problem: 'has no effect with a method that reads neither gradients nor activations',
  },
  ...ids.method
    .filter((id) => !published.includes(id))
    .map((id) => ({
      key: 'compat' as const,
      isBroken: ({ method, compat }: Values) => compat === 'paper' && method === id,
      problem: `cannot go with --method ${id}: the published codes are those of ${published.join(' and ')}`,
    })),
];

/** Where an own option has no effect, and what the published code knows of it. */
function rulesOf({
  key,
  methods,
  shapes,
  with: wanted = {},
  published: only,
}: SharedOption): Rule[] {
  const needs = [
    `--method ${methods.join(' or ')}`,
    ...Object.entries(wanted).map(([other, value]) => `--${kebab(other)} ${value}`),
  ];
  const isTaken = (values: Values): boolean =>
    isOneOf(values.method, methods) && hasValues(values, wanted);
  const isOff = (values: Values): boolean => shapes === 'rate' && values[key] === 0;
  return [
    {
      key,
      isBroken: (values) => !isTaken(values) && !isOff(values),
      problem: `has no effect without ${needs.join(' ')}`,
    },
    {
      key,
      isBroken: (values) => only !== undefined && values.compat === 'paper' && values[key] !== only,
      problem: `must be ${only ?? 'any'} with --compat paper: the published code computes no other`,
    },
  ];
}
