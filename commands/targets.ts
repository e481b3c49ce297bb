/** The targets of the command line: what each costs, and the rate that meets it. */
import type * as tf from '@tensorflow/tfjs';
import type { ConfigOf } from '../config';
import { amountOf, units } from '../config/formats';
import type { Amount, Units } from '../config/formats';
import { kebab } from '../config/nearest';
import { harden } from '../surgery';
import { sparseWeights, weightBytes } from '../formats';
import type { ChannelGraph, KeepSet } from '../graph';
import { countMacs, countParams, keepAll } from '../graph';
import { formatMilliseconds } from '../report/table';
import { solveLatency } from '../measure/search/latency-target';
import { rangeText, solveRate } from '../measure/search/target';
import type { CountedTarget, Solvable, SolvedRate, Target } from '../measure/search/target';
import type { Terminal } from './terminal';

/** The options that set a target. */
export type TargetChoice = Pick<
  ConfigOf<'prune'>,
  'targetMacs' | 'targetParams' | 'targetBytes' | 'targetLatency'
>;

type TargetKey = keyof TargetChoice;

/** What a target's cost is called and measured in. */
interface Cost {
  readonly what: string;
  readonly units: Units;
  readonly show: Target['show'];
}

const counted = (what: string): Target['show'] => {
  return (cost) => `${cost.toLocaleString('en')} ${what}`;
};

const costs = {
  targetMacs: { what: 'MACs', units: units.count, show: counted('MACs') },
  targetParams: { what: 'parameters', units: units.count, show: counted('parameters') },
  targetBytes: { what: 'bytes of weights', units: units.bytes, show: counted('bytes') },
  targetLatency: { what: 'latency', units: units.milliseconds, show: formatMilliseconds },
} as const satisfies Record<TargetKey, Cost>;

/** The highest rate of any grid: a method that is asked for other rates must allow them all. */
export const HIGHEST_RATE = 0.999999;

/** A target as it was asked for. */
export interface AskedTarget {
  readonly key: TargetKey;
  readonly amount: Amount;
  /** As the user wrote it: `--target-macs 60%`. */
  readonly option: string;
}

/** The target that the options set, of which the rules allow one; null without. */
export function askedTarget(choice: TargetChoice): AskedTarget | null {
  for (const key of Object.keys(costs) as TargetKey[]) {
    const given = choice[key];
    if (given === null) continue;
    const amount = amountOf(given, costs[key].units)!; // its format has judged it
    return { key, amount, option: `--${kebab(key)} ${given}` };
  }
  return null;
}

/**
 * A target whose cost is counted; null for latency, which is measured.
 *
 * @param bytesOf cost of what stays in bytes. Default those of the stock weight files.
 */
export function countedTarget(
  { key, amount, option }: AskedTarget,
  model: tf.LayersModel,
  graph: ChannelGraph,
  bytesOf: CountedTarget['costOf'] = weightBytes({ model, graph }),
): CountedTarget | null {
  if (key === 'targetLatency') return null;
  const costOf = {
    targetMacs: (keep: KeepSet) => countMacs(graph, keep),
    targetParams: (keep: KeepSet) => countParams(graph, keep),
    targetBytes: bytesOf,
  }[key];
  const most = amount.kind === 'share' ? amount.value * costOf(keepAll) : amount.value;
  return { option, most, show: costs[key].show, costOf };
}

/** Bytes of the compressed weight file of the small network, which is built for each answer. */
export function sparseBytes(model: tf.LayersModel, graph: ChannelGraph): CountedTarget['costOf'] {
  return (keep) => {
    const hard = harden({ model, graph }, keep);
    try {
      return sparseWeights(hard).byteLength;
    } finally {
      hard.dispose();
    }
  };
}

/**
 * The rate that a target asks for, on the weights as they are.
 *
 * @param bytesOf as in `countedTarget`.
 * @returns with a summary of what is attainable and attained.
 * @throws {UnreachableTargetError} with the attainable range, when the target is outside.
 */
export async function solveTarget(
  asked: AskedTarget,
  on: Solvable & { readonly model: tf.LayersModel },
  { progress }: Pick<Terminal, 'progress'>,
  bytesOf?: CountedTarget['costOf'],
): Promise<SolvedRate & { readonly summary: string }> {
  const { show } = costs[asked.key];
  const goal = countedTarget(asked, on.model, on.graph, bytesOf);
  if (goal) {
    const solved = solveRate(on, goal);
    return { ...solved, summary: summaryOf(goal, solved) };
  }
  const propose = on.method.proposals(on.graph, on.kernel);
  const parts = { model: on.model, graph: on.graph, propose };
  const solved = await solveLatency(parts, { ...asked, show }, (rate, ms) => {
    progress.note(`rate ${rate}: ${show(ms)}`);
  });
  return { ...solved, summary: summaryOf(solved.target, solved) };
}

/** What a network attains of a target. */
export function attainedText({ option, most, show, costOf }: CountedTarget, keep: KeepSet): string {
  const [cost, whole] = [costOf(keep), costOf(keepAll)];
  return `${option}: at most ${show(most)}; attained ${show(cost)} (${percent(cost / whole)})`;
}

/** What is attainable and attained, in two lines. */
function summaryOf(target: Target, { rate, cost, attainable }: SolvedRate): string {
  const { show, option, most } = target;
  const { whole } = attainable;
  return (
    `attainable: ${rangeText(target, attainable)}; the whole network: ${show(whole)}\n` +
    `${option}: at most ${show(most)}; attained ${show(cost)} (${percent(cost / whole)}) at rate ${rate}`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
