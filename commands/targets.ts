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
import { proposeByRate } from '../methods';
import type { Policy, Scores } from '../methods';
import { formatMilliseconds } from '../report/table';
import { solveLatency } from '../measure/search/latency-target';
import { rangeText, solveRate } from '../measure/search/target';
import type { CountedTarget, SolvedRate, Target } from '../measure/search/target';
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

/** A network with its scores, and how they become a choice; all of it is borrowed. */
export interface Solvable {
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  readonly scores: Scores;
  readonly policy: Policy;
}

/** A target as it was asked for. */
export interface AskedTarget {
  readonly key: TargetKey;
  readonly amount: Amount;
  /** As the user wrote it: `60%`. */
  readonly asked: string;
}

/** The target that the options set, of which the rules allow one; null without. */
export function askedTarget(choice: TargetChoice): AskedTarget | null {
  for (const key of Object.keys(costs) as TargetKey[]) {
    const given = choice[key];
    if (given === null) continue;
    const amount = amountOf(given, costs[key].units)!; // its format has judged it
    return { key, amount, asked: String(given) };
  }
  return null;
}

/**
 * A target whose cost is counted; null for latency, which is measured.
 *
 * @param bytesOf cost of what stays in bytes. Default those of the stock weight files.
 */
export function countedTarget(
  { key, amount, asked }: AskedTarget,
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
  return { option: key, asked, most, show: costs[key].show, costOf };
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
  on: Solvable,
  { progress }: Pick<Terminal, 'progress'>,
  bytesOf?: CountedTarget['costOf'],
): Promise<SolvedRate & { readonly summary: string }> {
  const { show } = costs[asked.key];
  const propose = proposeByRate(on.graph, on.scores, on.policy);
  const goal = countedTarget(asked, on.model, on.graph, bytesOf);
  if (goal) {
    const solved = solveRate(propose, goal);
    return { ...solved, summary: summaryOf(goal, solved) };
  }
  const parts = { model: on.model, graph: on.graph, propose };
  const solved = await solveLatency(
    parts,
    { ...asked, option: asked.key, show },
    {
      onCandidate: (rate, ms) => {
        progress.note(`rate ${rate}: ${show(ms)}`);
      },
    },
  );
  return { ...solved, summary: summaryOf(solved.target, solved) };
}

/** What a network attains of a target. */
export function attainedText(target: CountedTarget, keep: KeepSet): string {
  const { most, show, costOf } = target;
  const [cost, whole] = [costOf(keep), costOf(keepAll)];
  return `${textOf(target)}: at most ${show(most)}; attained ${show(cost)} (${percent(cost / whole)})`;
}

/** What is attainable and attained, in two lines. */
function summaryOf(target: Target, { rate, cost, attainable }: SolvedRate): string {
  const { show, most } = target;
  const { whole } = attainable;
  return (
    `attainable: ${rangeText(target, attainable)}; the whole network: ${show(whole)}\n` +
    `${textOf(target)}: at most ${show(most)}; attained ${show(cost)} (${percent(cost / whole)}) at rate ${rate}`
  );
}

/** A target as the user wrote it: `--target-macs 60%`. */
function textOf({ option, asked }: Target): string {
  return `--${kebab(option)} ${asked}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
