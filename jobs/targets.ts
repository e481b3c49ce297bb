/** Targets: what a cost is, and the rate whose network meets it. */
import { OptionError } from '../errors';
import { sparseWeights, weightBytes } from '../formats';
import type { KeepSet, Network } from '../graph';
import { countMacs, countParams, keepAll } from '../graph';
import { disposeWeights } from '../layers';
import { readAmount, units } from '../measure/search/amount';
import type { Amount, Units } from '../measure/search/amount';
import { solveLatency } from '../measure/search/latency-target';
import { rangeText, solveRate } from '../measure/search/target';
import type { CountedTarget, SolvedRate, Target } from '../measure/search/target';
import { proposeByRate } from '../methods';
import type { Policy, Scores } from '../methods';
import { formatMilliseconds } from '../report/table';
import { harden } from '../surgery';

/** What a target may be about. */
export type TargetKey = 'targetMacs' | 'targetParams' | 'targetBytes' | 'targetLatency';

/**
 * The cost that a network may have, in place of a rate: a share that stays (`0.6`, `60%`), or a figure above 1 (`20M`,
 * `1.2MB`, `5ms`). One of them at most.
 */
export type TargetOptions = Readonly<Partial<Record<TargetKey, string | number | null>>>;

/** What a target's cost is measured in. */
interface Cost {
  readonly units: Units;
  readonly show: Target['show'];
}

const count = (what: string): Target['show'] => {
  return (cost) => `${cost.toLocaleString('en')} ${what}`;
};

const costs = {
  targetMacs: { units: units.count, show: count('MACs') },
  targetParams: { units: units.count, show: count('parameters') },
  targetBytes: { units: units.bytes, show: count('bytes') },
  targetLatency: { units: units.milliseconds, show: formatMilliseconds },
} as const satisfies Record<TargetKey, Cost>;

/** The highest rate of any grid: a policy that is asked for other rates must allow them all. */
export const HIGHEST_RATE = 0.999999;

/** A network with its scores, and how they become a choice; all of it is borrowed. */
export interface Scored {
  readonly network: Network;
  readonly scores: Scores;
  readonly policy: Policy;
}

/** A target as it was asked for. */
export interface AskedTarget {
  readonly key: TargetKey;
  readonly amount: Amount;
  /** As it was written: `60%`. */
  readonly asked: string;
}

/**
 * The target that the options set; null without.
 *
 * @throws {OptionError} when there are two, or one is no amount.
 */
export function findTarget(options: TargetOptions): AskedTarget | null {
  const given = (Object.keys(costs) as TargetKey[]).filter((key) => options[key] != null);
  const [key, other] = given;
  if (key === undefined) return null;
  if (other !== undefined) {
    throw new OptionError({ option: other, problem: `cannot go with ${key}: one target decides` });
  }
  const received = options[key]!;
  const amount = readAmount(received, costs[key].units);
  if (amount) return { key, amount, asked: String(received) };
  throw new OptionError({
    option: key,
    allowed: 'a share that stays, as 60% or 0.6, or a figure above 1',
    received,
  });
}

/**
 * A target whose cost is counted; null for latency, which is measured.
 *
 * @param bytesOf cost of what stays in bytes. Default those of the stock weight files.
 */
export function countTarget(
  { key, amount, asked }: AskedTarget,
  network: Network,
  bytesOf: CountedTarget['costOf'] = weightBytes(network),
): CountedTarget | null {
  if (key === 'targetLatency') return null;
  const { graph } = network;
  const costOf = {
    targetMacs: (keep: KeepSet) => countMacs(graph, keep),
    targetParams: (keep: KeepSet) => countParams(graph, keep),
    targetBytes: bytesOf,
  }[key];
  const most = amount.kind === 'share' ? amount.value * costOf(keepAll) : amount.value;
  return { option: key, asked, most, show: costs[key].show, costOf };
}

/** Bytes of the compressed weight file of the small network, which is built for each answer. */
export function countSparseBytes(network: Network): CountedTarget['costOf'] {
  return (keep) => {
    const hard = harden(network, keep);
    try {
      return sparseWeights(hard).byteLength;
    } finally {
      disposeWeights(hard);
    }
  };
}

/** The rate that a target asks for, and what was attained of it. */
export interface MetTarget extends SolvedRate {
  readonly target: Target;
}

/** What is told while a target is searched for. */
interface SearchOptions {
  /** As in `countTarget`. */
  readonly bytesOf?: CountedTarget['costOf'] | undefined;
  /** Told of each rate that was measured. */
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The rate that a target asks for, on the weights as they are.
 *
 * @throws {UnreachableTargetError} with the attainable range, when the target is outside.
 * @throws {StoppedError} between two measurements, once the signal has been aborted.
 */
export async function meetTarget(
  asked: AskedTarget,
  { network, scores, policy }: Scored,
  { bytesOf, note = () => undefined, signal }: SearchOptions = {},
): Promise<MetTarget> {
  const propose = proposeByRate(network.graph, scores, policy);
  const target = countTarget(asked, network, bytesOf);
  if (target) return { ...solveRate(propose, target), target };
  const { show } = costs[asked.key];
  const { model, graph } = network;
  const onCandidate = (rate: number, ms: number): void => {
    note(`rate ${rate}: ${show(ms)}`);
  };
  return solveLatency(
    { model, graph, propose },
    { ...asked, option: asked.key, show },
    { onCandidate, signal },
  );
}

/**
 * What a network attains of a target, in a line.
 *
 * @param name what the target is called: `targetMacs 60%`.
 */
export function describeAttained(name: string, target: CountedTarget, keep: KeepSet): string {
  const { most, show, costOf } = target;
  const [cost, whole] = [costOf(keep), costOf(keepAll)];
  return `${name}: at most ${show(most)}; attained ${show(cost)} (${percent(cost / whole)})`;
}

/** What is attainable and attained, in two lines; `name` as in `describeAttained`. */
export function describeTarget(
  name: string,
  { target, rate, cost, attainable }: MetTarget,
): string {
  const { show, most } = target;
  const { whole } = attainable;
  return (
    `attainable: ${rangeText(target, attainable)}; the whole network: ${show(whole)}\n` +
    `${name}: at most ${show(most)}; attained ${show(cost)} (${percent(cost / whole)}) at rate ${rate}`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
