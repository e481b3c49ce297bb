import { OptionError, requireWhole } from '../../errors';
import { checkRate } from './counts';
import type { CountingRule, Rounding } from './counts';
import type { LayerRate } from './layer-rates';
import type { Merge } from './merge';
import { checkPattern } from './patterns';
import type { Pattern } from './patterns';

/**
 * Over what the rate is taken: `uniform` each group by itself, `global` one ranking over all groups,
 * `adaptive` one ranking of scores that each group has normalised first.
 */
export type Scope = 'uniform' | 'global' | 'adaptive';

/**
 * Whether a removed unit may come back: `soft` lets gradients flow, `hard` keeps it at zero, `gradual`
 * turns from soft to hard as the schedule goes on.
 */
export type Regrowth = 'soft' | 'hard' | 'gradual';

/** How a choice is made of scores, whatever method they are from. Every default is the corrected behaviour of docs/design.md. */
export interface PolicyOptions {
  /** Fraction of units removed, in [0, 1). */
  readonly rate: number;
  /** Rates of single layers, which then take no part in a common ranking; a later rule wins. Default none. */
  readonly layerRates?: readonly LayerRate[];
  /** Default hard. */
  readonly regrowth?: Regrowth;
  /** Default uniform. */
  readonly scope?: Scope;
  /** How the scores of a group's producers become one. Default mean. */
  readonly merge?: Merge;
  /** Kept counts are brought to a multiple of this. Default 1. */
  readonly roundTo?: number;
  /** Which multiple: the next one up or down, or the nearer one. Default up. */
  readonly rounding?: Rounding;
  /** Units that each group keeps at least. Default 1. */
  readonly minKeep?: number;
  /** Fraction that each group loses at least, in a common ranking. Default 0. */
  readonly minRate?: number;
  /** Fraction that each group loses at most, in a common ranking. Default 1. */
  readonly maxRate?: number;
  /** Pieces in which methods of single weights remove them; N:M asks for the rate 1 - N/M. Default none. */
  readonly pattern?: Pattern;
  /** `exact`, or `paper` for the published codes' counts and tie rule (uniform only). Default exact. */
  readonly counting?: CountingRule;
}

/** A policy with nothing left open, as `completePolicy` has checked it. */
export type Policy = Required<PolicyOptions>;

/** Refuses the policies that a method's own options contradict; see `Methodology.checkPolicy`. */
interface PolicyJudge {
  checkPolicy?(policy: Policy): void;
}

/**
 * Fills in the defaults of a policy and checks it; whoever chooses with it may rely on that.
 *
 * @param method judges too, where it is known.
 * @throws {OptionError} when an option is outside its range, or contradicts another or the method.
 */
export function completePolicy(options: PolicyOptions, method: PolicyJudge = {}): Policy {
  const policy: Policy = {
    layerRates: [],
    regrowth: 'hard',
    scope: 'uniform',
    merge: 'mean',
    roundTo: 1,
    rounding: 'up',
    minKeep: 1,
    minRate: 0,
    maxRate: 1,
    pattern: { kind: 'none' },
    counting: 'exact',
    ...options,
  };
  checkPattern(policy);
  checkRates(policy);
  for (const option of ['roundTo', 'minKeep'] as const) requireWhole(option, policy[option], 1);
  checkScope(policy);
  method.checkPolicy?.(policy);
  return policy;
}

function checkRates({ rate, layerRates, minRate, maxRate }: Policy): void {
  checkRate('rate', rate);
  checkRate('minRate', minRate);
  if (!(maxRate > minRate && maxRate <= 1)) {
    const allowed = `in (minRate ${minRate}, 1]`;
    throw new OptionError({ option: 'maxRate', allowed, received: maxRate });
  }
  for (const { pattern, rate: own } of layerRates) checkRate('layerRates', own, `of ${pattern} `);
}

/** What goes with one rate per layer only, or with a common ranking only. */
function checkScope({ layerRates, scope, counting, minRate, maxRate }: Policy): void {
  if (layerRates.length > 0 && counting !== 'exact') {
    const allowed = 'exact with layer rates';
    throw new OptionError({ option: 'counting', allowed, received: counting });
  }
  if (scope === 'uniform' && (minRate > 0 || maxRate < 1)) {
    const allowed = 'global or adaptive with minRate or maxRate';
    throw new OptionError({ option: 'scope', allowed, received: scope });
  }
  if (scope !== 'uniform' && counting === 'paper') {
    const allowed = 'uniform with counting paper';
    throw new OptionError({ option: 'scope', allowed, received: scope });
  }
}
