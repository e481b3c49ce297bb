/** The options of pruning, joined in the order of the help. */
import { collectOwnOptions } from '../../methods/catalogue';
import type { Rule, Values } from '../rule';
import { choiceOptions, choiceRules } from './pruning-choice';
import { methodOptions, methodRules, observingOptions, ownMethodOptions } from './pruning-method';
import { rateOptions, rateRules } from './pruning-rate';
import { timeOptions, timeRules } from './pruning-time';

/** What goes, how much of it and when. */
export const pruningOptions = {
  ...methodOptions,
  ...rateOptions,
  ...ownMethodOptions,
  ...observingOptions,
  ...choiceOptions,
  ...timeOptions,
};

/** Those that belong to no method. */
export const generalOptions: object = {
  ...{ ...methodOptions, ...rateOptions, ...observingOptions },
  ...{ ...choiceOptions, ...timeOptions },
};

/** What says how to prune and so has no effect where nothing is. */
const idle = [
  'layerRate',
  'layerRateFile',
  ...collectOwnOptions()
    .filter(({ shapes }) => shapes !== 'rate')
    .map(({ key }) => key),
  ...Object.keys(observingOptions),
  ...Object.keys(choiceOptions).filter((key) => key !== 'schemaFile'),
  ...Object.keys(timeOptions),
] as (keyof typeof pruningOptions)[];

/** What they must hold together. */
export const pruningRules: readonly Rule[] = [
  ...idle.map((key) => ({
    key,
    isBroken: ({ method }: Values) => method === 'none',
    problem: 'has no effect with --method none',
  })),
  ...methodRules,
  ...rateRules,
  ...choiceRules,
  ...timeRules,
];
