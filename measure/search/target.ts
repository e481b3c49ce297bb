import { OptionError } from '../../errors';
import type { KeepSet } from '../../graph';
import { keepAll } from '../../graph';
import type { Propose } from '../../methods';
import { FINE, rateRange, smallestStep } from './rate-search';

/** What a small network is to cost at most. */
export interface Target {
  /** The option that set it, as the library spells it: `targetMacs`. */
  readonly option: string;
  /** What was asked for, as it was written: `50%`. */
  readonly asked: string;
  /** Cost at most. */
  readonly most: number;
  /** A cost with its unit. */
  readonly show: (cost: number) => string;
}

/** A target whose cost follows from what stays alone. */
export interface CountedTarget extends Target {
  /** Cost of the network that is left. */
  readonly costOf: (keep: KeepSet) => number;
}

/** The costs that a target may have. */
export interface Attainable {
  /** Cost of the network before anything is removed. */
  readonly whole: number;
  /** Lowest and highest rate that the limits leave, each with its cost. */
  readonly lowest: { readonly rate: number; readonly cost: number };
  readonly highest: { readonly rate: number; readonly cost: number };
}

/** The rate that a target asks for. */
export interface SolvedRate {
  /** Final rate of all that no layer rate names. */
  readonly rate: number;
  readonly keep: KeepSet;
  /** What was attained: at most the target, and less where whole units cannot meet it exactly. */
  readonly cost: number;
  readonly attainable: Attainable;
}

/** A target lies outside what the network and the limits leave. */
export class UnreachableTargetError extends OptionError {
  override readonly name = 'UnreachableTargetError';
}

/** Knows the final rate of a run at each of its events. */
export interface FinalRate {
  /** The final rate for the scores as they are now: `propose` answers what stays at a rate. */
  rateFor(propose: Propose): number;
}

/** Solves a target anew at each event; where scores decide how many units each group loses. */
export class TargetedRate implements FinalRate {
  constructor(private readonly target: CountedTarget) {}

  rateFor(propose: Propose): number {
    return solveRate(propose, this.target).rate;
  }
}

/**
 * The smallest rate, to 1e-6, whose network costs at most the target.
 *
 * Feasibility comes first. The answer always meets the target and the rate 1e-6 below does not; it is
 * the smallest of all where the cost falls with the rate, as it does unless the export has to add
 * layers. What the method may no longer let return is removed at every rate: where that meets the
 * target alone, the answer is the lowest rate.
 *
 * @param propose what stays at a rate, as `proposeByRate` answers.
 * @throws {UnreachableTargetError} with the attainable range, when the target is outside.
 */
export function solveRate(propose: Propose, target: CountedTarget): SolvedRate {
  const range = rateRange(propose, FINE);
  const costAt = (step: number): number => target.costOf(propose(step / FINE));
  const end = (step: number): Attainable['lowest'] => ({ rate: step / FINE, cost: costAt(step) });
  const attainable: Attainable = {
    whole: target.costOf(keepAll),
    lowest: end(range.lowest),
    highest: end(range.highest),
  };
  requireReachable(target, attainable);
  const step = smallestStep(range, (one) => costAt(one) <= target.most)!; // the highest meets it
  const keep = propose(step / FINE);
  return { rate: step / FINE, keep, cost: target.costOf(keep), attainable };
}

/**
 * Refuses a target that no rate can meet, or that the network meets as it is.
 *
 * @throws {UnreachableTargetError} with the attainable range.
 */
export function requireReachable(target: Target, attainable: Attainable): void {
  const { option, asked, most, show } = target;
  const { whole, highest } = attainable;
  const refuse = (reason: string): never => {
    throw new UnreachableTargetError({ option, problem: `${asked} ${reason}` });
  };
  if (most >= whole) refuse(`asks for nothing: the whole network costs ${show(whole)}`);
  if (highest.cost <= most) return;
  const why = highest.cost === whole ? '; what this method removes leaves that cost as it is' : '';
  const range = rangeText(target, attainable);
  refuse(`(${show(most)}) cannot be reached; attainable: ${range}${why}`);
}

/** The attainable range, as a person reads it. */
export function rangeText({ show }: Target, { lowest, highest }: Attainable): string {
  return `${show(highest.cost)} (rate ${highest.rate}) to ${show(lowest.cost)} (rate ${lowest.rate})`;
}
