import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, KeepSet, Unit } from '../graph';
import { keepAll } from '../graph';
import { chooseFilters } from './choose-filters';
import { chooseWeights } from './choose-weights';
import { filterAxes, scoreAlong } from './filter-axis';
import type { LayerRate } from './layer-rates';
import type { Merge } from './merge';
import { checkRate } from './counts';
import type { CountingRule } from './counts';
import type { KernelScorer } from './scores';

/** Over what the rate is taken: each group by itself, or one ranking over all groups. */
export type Scope = 'uniform' | 'global';

/** Whether a removed unit may come back: `soft` lets gradients flow, `hard` keeps it at zero. */
export type Regrowth = 'soft' | 'hard';

/** What all methods share. Every default is the corrected behaviour of docs/design.md. */
export interface MethodOptions {
  /** Fraction of units removed, in [0, 1). */
  readonly rate: number;
  /** Rates of single layers, in scope uniform only; a later rule wins. Default none. */
  readonly layerRates?: readonly LayerRate[];
  /** Default hard. */
  readonly regrowth?: Regrowth;
  /** Default uniform. */
  readonly scope?: Scope;
  /** How the scores of a group's producers become one. Default mean. */
  readonly merge?: Merge;
  /** Kept counts are raised to a multiple of this. Default 1. */
  readonly roundTo?: number;
  /** Units that each group keeps at least. Default 1. */
  readonly minKeep?: number;
  /** `exact`, or `paper` for the published codes' counts and tie rule (uniform only). Default exact. */
  readonly counting?: CountingRule;
}

/** Answers the current value of a kernel by its name (`conv1/kernel`); the caller keeps it. */
export type KernelReader = (name: string) => tf.Tensor;

/**
 * A pruning method: WHICH units go.
 *
 * A subclass answers one question, `score`; counting, ties, scope, merging and rounding are shared.
 * Its `keep` is what it chose last, and everything it knows between two events.
 */
export abstract class Methodology {
  readonly options: Required<MethodOptions>;
  /** What the last choice left; everything before the first. */
  keep: KeepSet = keepAll;

  /** @throws {RangeError} when an option is outside its range. */
  constructor(options: MethodOptions) {
    this.options = {
      layerRates: [],
      regrowth: 'hard',
      scope: 'uniform',
      merge: 'mean',
      roundTo: 1,
      minKeep: 1,
      counting: 'exact',
      ...options,
    };
    checkRates(this.options);
    for (const name of ['roundTo', 'minKeep'] as const) {
      const value = this.options[name];
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`${name} must be a whole number from 1, got ${value}`);
      }
    }
  }

  /**
   * Scores the units of one kernel: higher = keep.
   *
   * The shape of the answer says what a unit is: [out] removes filters, the kernel's own shape
   * removes single weights.
   *
   * @param kernel [..., in, out], the filters along the last axis whatever the layer's own order:
   *   Conv2D [kh, kw, in, out], Conv2DTranspose [kh, kw, in, out] too, Dense [in, out]; not disposed.
   * @returns the scores; the caller owns them.
   */
  protected abstract score(kernel: tf.Tensor): tf.Tensor;

  /**
   * How many filters of `filters` the method's published code removes, where it has one.
   *
   * Used under `counting: 'paper'` only; the default is trunc(filters * rate).
   */
  paperCount(filters: number): number {
    return Math.trunc(filters * this.options.rate);
  }

  /**
   * Chooses what stays of the network, remembers it as `keep` and returns it.
   *
   * @throws {RangeError} when a score is not finite (it names the kernel), nothing can be removed, or
   *   the layer rates do not fit the network.
   * @throws {NotPrunableError} when the choice would leave a layer without channels (it names the
   *   layer); `keep` is then as it was.
   */
  choose(graph: ChannelGraph, kernel: KernelReader): KeepSet {
    const removesFilters = this.unit(graph, kernel) === 'filter';
    if (removesFilters && graph.prunable.length === 0) {
      const why = graph.groups.map(({ id, frozen }) => `${id}: ${frozen ?? ''}`).join('; ');
      throw new RangeError(`the network has no prunable channel group (${why})`);
    }
    // What a hard method removed is gone: it counts first, before the scores rank the rest.
    const left = this.options.regrowth === 'hard' ? this.keep : keepAll;
    graph.check(left);
    const scorer = this.scorer(graph, kernel);
    const keep = removesFilters
      ? chooseFilters(graph, scorer, this, left)
      : chooseWeights(graph, scorer, this.options, left);
    graph.remainders(keep); // what export would refuse is refused here
    this.keep = keep;
    return keep;
  }

  /**
   * What the method removes of this network, by the shape of its scores.
   *
   * @throws {RangeError} when the network has no kernel that may be pruned, or a score has the shape
   *   of neither.
   */
  unit(graph: ChannelGraph, kernel: KernelReader): Unit {
    const [first] = graph.kernels;
    if (first === undefined) throw new RangeError('the network has no kernel that may be pruned');
    const scores = this.scorer(graph, kernel)(first);
    const { shape } = scores;
    scores.dispose();
    const whole = kernel(first).shape;
    const filters = whole[filterAxes(graph).get(first)!]!;
    if (shape.length === 1 && shape[0] === filters) return 'filter';
    if (tf.util.arraysEqual(shape, whole)) return 'weight';
    throw new RangeError(
      `score of a [${whole.join()}] kernel must be [${filters}] or [${whole.join()}], got [${shape.join()}]`,
    );
  }

  private scorer(graph: ChannelGraph, kernel: KernelReader): KernelScorer {
    const axes = filterAxes(graph);
    return (name) =>
      tf.tidy(() => scoreAlong(kernel(name), axes.get(name)!, (moved) => this.score(moved)));
  }
}

function checkRates({ rate, layerRates, scope, counting }: Required<MethodOptions>): void {
  checkRate('rate', rate);
  for (const { pattern, rate: own } of layerRates) checkRate(`layer rate of ${pattern}`, own);
  if (counting === 'paper' && scope !== 'uniform') {
    throw new RangeError(`scope must be uniform with counting paper, got ${scope}`);
  }
  if (layerRates.length === 0) return;
  if (scope !== 'uniform') {
    throw new RangeError(`scope must be uniform with layer rates, got ${scope}`);
  }
  if (counting !== 'exact') {
    throw new RangeError(`counting must be exact with layer rates, got ${counting}`);
  }
}
