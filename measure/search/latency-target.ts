import type * as tf from '@tensorflow/tfjs';
import { harden } from '../../surgery';
import type { ChannelGraph, KeepSet, Network } from '../../graph';
import { keepAll, removedUnits, similarity } from '../../graph';
import { disposeWeights } from '../../layers';
import { COARSE, bisectMeasured, rateRange } from './rate-search';
import type { Propose } from '../../methods';
import { breathe } from '../../stopping';
import { measureLatency } from '../latency';
import type { Latency } from '../latency';
import { inputShapesOf } from '../sample-inputs';
import { requireReachable } from './target';
import type { Attainable, SolvedRate, Target } from './target';

/** What a time is measured on; all of it is borrowed. */
export interface Timeable {
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  /** What stays at a rate, as `proposeByRate` answers. */
  readonly propose: Propose;
}

/** A time that is asked for, before the whole network has been measured. */
export interface LatencyTarget extends Pick<Target, 'option' | 'asked' | 'show'> {
  /** Share of the whole network's time, or milliseconds. */
  readonly amount: { readonly kind: 'share' | 'figure'; readonly value: number };
}

/** How a time is searched for. */
export interface LatencySearch {
  /** Told of each measured rate. */
  readonly onCandidate?: (rate: number, ms: number) => void;
  /** Asks the search to stop; it does before the next network is timed. */
  readonly signal?: AbortSignal | undefined;
  /** What times the networks; default the engine in use. */
  readonly stopwatch?: (isShare: boolean) => Stopwatch;
}

/** Passes of a network; near the target four times as many decide. */
const PASSES = 30;

/** Times networks by the keep sets they come from; none is timed twice. */
export type Stopwatch = (keep: KeepSet, runs: number) => Promise<Latency>;

/**
 * The rate, to 1e-3, at which the small network answers one image within a time, on the engine in use.
 *
 * Each candidate is built and timed, a dozen at most: rates that leave the same network share a
 * measurement. Noise is met in three ways. What counts is the median of 30 passes; where the target
 * lies within the middle half of the passes, the median of 120 more decides; a share is taken of the
 * whole network's time in the same turns, so that a machine that slows down is fair to both. What
 * remains: two measurements of one network differ, times do not fall evenly with the rate, and so a
 * lower rate may do as well. The answer's network was within the target when it was measured.
 *
 * @throws {UnreachableTargetError} with the attainable range, when the target is outside.
 * @throws {StoppedError} when the signal has been aborted.
 */
export async function solveLatency(
  { model, graph, propose }: Timeable,
  { option, asked, amount, show }: LatencyTarget,
  {
    onCandidate,
    signal,
    stopwatch = (isShare) => stopwatchOf({ model, graph }, isShare),
  }: LatencySearch = {},
): Promise<SolvedRate & { readonly target: Target }> {
  const time = stopwatch(amount.kind === 'share');
  const whole = (await time(keepAll, PASSES)).median;
  const most = amount.kind === 'share' ? amount.value * whole : amount.value;
  const target: Target = { option, asked, most, show };
  const known: { readonly keep: KeepSet; readonly ms: number }[] = [{ keep: keepAll, ms: whole }];
  const measure = async (step: number): Promise<number> => {
    const keep = propose(step / COARSE);
    const same = known.find((one) => similarity(one.keep, keep) === 1);
    if (same) return same.ms;
    await breathe(signal);
    const ms = await timeDecisively((runs) => time(keep, runs), most);
    known.push({ keep, ms });
    onCandidate?.(step / COARSE, ms);
    return ms;
  };
  const range = rateRange(propose, COARSE);
  const end = async (step: number): Promise<Attainable['lowest']> => ({
    rate: step / COARSE,
    cost: await measure(step),
  });
  const highest = await end(range.highest);
  const attainable: Attainable = { whole, highest, lowest: await end(range.lowest) };
  requireReachable(target, attainable);
  const [, step] =
    attainable.lowest.cost <= most
      ? [null, range.lowest]
      : await bisectMeasured(
          range.lowest,
          range.highest,
          async (one) => (await measure(one)) <= most,
        );
  const keep = propose(step / COARSE);
  return { rate: step / COARSE, keep, cost: await measure(step), attainable, target };
}

/** The median, of more passes where the first leave it open. */
async function timeDecisively(
  time: (runs: number) => Promise<Latency>,
  most: number,
): Promise<number> {
  const first = await time(PASSES);
  if (Math.abs(first.median - most) > first.spread) return first.median;
  return (await time(4 * PASSES)).median;
}

/** Times small networks beside the whole one; as a share of its first time, or as they are. */
function stopwatchOf(network: Pick<Network, 'model' | 'graph'>, isShare: boolean): Stopwatch {
  const inputShapes = inputShapesOf(network);
  let first: number | null = null;
  return async (keep, runs) => {
    const whole = harden(network, keepAll);
    const hard = harden(network, keep);
    try {
      const [slow, fast] = await measureLatency([whole, hard], { runs, inputShapes });
      first ??= slow!.median;
      const drift = isShare ? first / slow!.median : 1;
      const { median, spread } = removedUnits(keep) === 0 ? slow! : fast!;
      return { median: median * drift, spread: spread * drift, runs };
    } finally {
      disposeWeights(whole);
      disposeWeights(hard);
    }
  };
}
