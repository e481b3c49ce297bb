import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, KeepSet, Unit } from '../graph';
import { checkKeep, keepAll, projectCalls, union } from '../graph';
import { chooseFilters } from './select/choose-filters';
import { chooseWeights } from './select/choose-weights';
import { checkRate } from './select/counts';
import type { CountingRule, Rounding } from './select/counts';
import { LayerRates } from './select/layer-rates';
import type { LayerRate } from './select/layer-rates';
import type { Merge } from './select/merge';
import { checkPattern } from './select/patterns';
import type { Pattern } from './select/patterns';
import { layerAdaptive } from './select/ranking';
import type { Ranking } from './select/ranking';
import { ScoreBook } from './select/scores';

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

/** What a method has to see of the network at work before it can score. */
export type Observes = 'nothing' | 'gradients' | 'activations';

/** How what is observed of several batches becomes one tensor. */
export type Gathering = 'mean' | 'concat';

/** What all methods share. Every default is the corrected behaviour of docs/design.md. */
export interface MethodOptions {
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
  /** Seed of methods that draw. Default 1. */
  readonly seed?: number;
}

/** Answers the current value of a weight by its name (`conv1/kernel`); the caller keeps it. */
export type KernelReader = (name: string) => tf.Tensor;

/** What a score may look at beside the kernel itself. */
export interface ScoreContext {
  /** Name of the kernel, `conv1/kernel`. */
  readonly name: string;
  /**
   * Looks up the named weight (`gamma`) of the first layer behind the kernel's that has one.
   *
   * @returns [out], which its owner keeps; null where no layer has one.
   */
  readonly behind: (weight: string) => tf.Tensor | null;
  /** What `observe` made of the batches, gathered; null for methods that observe nothing. */
  readonly evidence: tf.Tensor | null;
}

/** When a choice is made: how far the schedule is, and what it makes of a final rate by then. */
export interface Moment {
  /** In [0, 1]; 1 from the end of the schedule on. */
  readonly progress: number;
  /** What is removed at this moment of what shall be removed in the end. */
  readonly rateOf: (finalRate: number) => number;
  /** Final rate of all that no layer rate names. Default the method's own. */
  readonly rate?: number;
}

/** The end of every schedule: all of the rate. */
export const finalMoment: Moment = { progress: 1, rateOf: (rate) => rate };

/**
 * A pruning method: WHICH units go.
 *
 * A subclass answers one question, `score`; counting, ties, scope, merging and rounding are shared.
 * Its `keep` is what it chose last, and together with `held` everything it knows between two events.
 */
export abstract class Methodology {
  readonly options: Required<MethodOptions>;
  /** What the last choice left; everything before the first. */
  keep: KeepSet = keepAll;
  /** What may no longer return: all of `keep` where regrowth is hard, nothing of it where it is soft. */
  held: KeepSet = keepAll;
  /** By kernel name what was observed; set by who runs the network, who also owns the tensors. */
  evidence: ReadonlyMap<string, tf.Tensor> | null = null;
  /** What the method has to see of the network at work; see `observe`. */
  readonly observes: Observes = 'nothing';
  /** How what `observe` makes of each batch becomes one: its mean, or one after the other along axis 0. */
  readonly gathers: Gathering = 'mean';

  /** @throws {RangeError} when an option is outside its range. */
  constructor(options: MethodOptions) {
    this.options = {
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
      seed: 1,
      ...options,
    };
    checkOptions(this.options);
  }

  /**
   * Scores the units of one kernel: higher = keep.
   *
   * The shape of the answer says what a unit is: [out] removes filters, the kernel's own shape
   * removes single weights.
   *
   * @param kernel [..., in, out], the filters along the last axis whatever the layer's own order:
   *   Conv2D [kh, kw, in, out], Conv2DTranspose [kh, kw, in, out] too, Dense [in, out]; not disposed.
   * @param context what else may count.
   * @returns the scores; the caller owns them.
   */
  protected abstract score(kernel: tf.Tensor, context: ScoreContext): tf.Tensor;

  /**
   * Makes of one batch what the score needs of it; gathered over the batches it becomes the evidence.
   *
   * Called only where `observes` is not `nothing`, once per kernel and batch.
   *
   * @param _kernel as `score` gets it.
   * @param seen with `gradients` the gradient of the loss by the kernel, of its shape; with `activations`
   *   what the next layers read of the kernel's output, [n, ..., out]; not disposed.
   * @returns of any shape, the same for every batch (but for axis 0 where it is strung together); the
   *   caller owns it.
   */
  observe(_kernel: tf.Tensor, seen: tf.Tensor): tf.Tensor {
    return tf.clone(seen);
  }

  /**
   * Makes the scores of one group or kernel comparable to those of others, for scope adaptive.
   *
   * Formula: s_u^2 / sum of s_v^2 over all v that stay at least as long as u (LAMP).
   * Source: Lee et al., "Layer-adaptive Sparsity for the Magnitude-based Pruning", ICLR 2021,
   *   arXiv:2010.07611. Deviates: scores below 0 are first raised by their minimum.
   */
  normalised(scores: ArrayLike<number>, ranking: Ranking): Float64Array {
    return layerAdaptive(scores, ranking);
  }

  /**
   * What the method adds to the loss of every training step; most add nothing.
   *
   * Called on the gradient tape: only differentiable operations, no reading to the host.
   *
   * @param read answers a weight by its name as the network computes with it: masked parts are zero and
   *   get no gradient.
   * @returns in nats; null where the method adds nothing to this network, at every step alike.
   */
  penalty?(graph: ChannelGraph, read: KernelReader): tf.Scalar | null;

  /**
   * How many filters of `filters` the method's published code removes, where it has one.
   *
   * Used under `counting: 'paper'` only; the default is trunc(filters * rate).
   */
  paperCount(filters: number, rate: number = this.options.rate): number {
    return Math.trunc(filters * rate);
  }

  /**
   * Chooses what stays of the network, remembers it as `keep` and `held` and returns it.
   *
   * @param moment default the end of the schedule.
   * @throws {RangeError} when a score is not finite (it names the kernel), nothing can be removed, the
   *   rate cannot be reached, the layer rates do not fit the network, or the method observes and has no
   *   evidence.
   * @throws {NotPrunableError} when the choice would leave a layer without channels (it names the
   *   layer); `keep` is then as it was.
   */
  choose(graph: ChannelGraph, kernel: KernelReader, moment: Moment = finalMoment): KeepSet {
    const scores = this.informedScores(graph, kernel);
    const keep = this.proposed(graph, scores, moment.rateOf, moment.rate);
    this.held = this.heldOf(keep, () => {
      const share = (rate: number): number => moment.rateOf(rate) * moment.progress;
      return this.proposed(graph, scores, share, moment.rate);
    });
    this.keep = keep;
    return keep;
  }

  /**
   * What `choose` would choose, remembering nothing.
   *
   * @param rateOf what is removed of a final rate; default all of it.
   * @throws as `choose`.
   */
  propose(
    graph: ChannelGraph,
    kernel: KernelReader,
    rateOf: Moment['rateOf'] = finalMoment.rateOf,
  ): KeepSet {
    return this.proposed(graph, this.informedScores(graph, kernel), rateOf);
  }

  /**
   * What `propose` would answer at other rates, for who searches among them: each kernel is scored once.
   *
   * @returns answers by the final rate of all that no layer rate names, for as long as the weights
   *   are what they are now; throws as `choose`.
   */
  proposals(
    graph: ChannelGraph,
    kernel: KernelReader,
  ): (rate: number, rateOf?: Moment['rateOf']) => KeepSet {
    const scores = this.informedScores(graph, kernel);
    return (rate, rateOf = finalMoment.rateOf) => this.proposed(graph, scores, rateOf, rate);
  }

  /**
   * What the method removes of this network, by the shape of its scores.
   *
   * @throws {RangeError} when the network has no kernel that may be pruned, or a score has the shape
   *   of neither.
   */
  unit(graph: ChannelGraph, kernel: KernelReader): Unit {
    return this.scoreBook(graph, kernel).unit();
  }

  private proposed(
    graph: ChannelGraph,
    scores: ScoreBook,
    rateOf: Moment['rateOf'],
    rate = this.options.rate,
  ): KeepSet {
    const unit = scores.unit();
    if (unit === 'filter' && graph.prunable.length === 0) {
      const why = graph.groups.map(({ id, frozen }) => `${id}: ${frozen ?? ''}`).join('; ');
      throw new RangeError(`the network has no prunable channel group (${why})`);
    }
    if (unit === 'filter' && this.options.pattern.kind !== 'none') {
      throw new RangeError('a pattern is of single weights, this method removes filters');
    }
    // What may no longer return is gone: it counts first, before the scores rank the rest.
    checkKeep(graph, this.held);
    const rates = new LayerRates(graph, { ...this.options, rate }, unit, rateOf);
    const choose = unit === 'filter' ? chooseFilters : chooseWeights;
    const keep = choose(graph, scores, this, { rates, left: this.held });
    projectCalls(graph, keep); // what export would refuse is refused here
    return keep;
  }

  private heldOf(keep: KeepSet, gradual: () => KeepSet): KeepSet {
    switch (this.options.regrowth) {
      case 'hard':
        return keep;
      case 'soft':
        return keepAll;
      case 'gradual':
        return union(keep, gradual());
    }
  }

  /** The scores of a method that has seen what it wants to see: without it they would mean nothing. */
  private informedScores(graph: ChannelGraph, kernel: KernelReader): ScoreBook {
    if (this.observes !== 'nothing' && this.evidence === null) {
      throw new RangeError(`the ${this.observes} must be observed before the choice, got none`);
    }
    return this.scoreBook(graph, kernel);
  }

  private scoreBook(graph: ChannelGraph, kernel: KernelReader): ScoreBook {
    return new ScoreBook(graph, kernel, {
      evidence: this.evidence,
      observes: this.observes,
      score: (value, context) => this.score(value, context),
      observe: (value, seen) => this.observe(value, seen),
    });
  }
}

function checkOptions(options: Required<MethodOptions>): void {
  checkPattern(options);
  checkRates(options);
  for (const name of ['roundTo', 'minKeep'] as const) {
    const value = options[name];
    if (Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(`${name} must be a whole number from 1, got ${value}`);
  }
  checkScope(options);
}

function checkRates({ rate, layerRates, minRate, maxRate }: Required<MethodOptions>): void {
  checkRate('rate', rate);
  checkRate('minRate', minRate);
  if (!(maxRate > minRate && maxRate <= 1)) {
    throw new RangeError(`maxRate must be in (minRate ${minRate}, 1], got ${maxRate}`);
  }
  for (const { pattern, rate: own } of layerRates) checkRate(`layer rate of ${pattern}`, own);
}

/** What goes with one rate per layer only, or with a common ranking only. */
function checkScope(options: Required<MethodOptions>): void {
  const { layerRates, scope, counting, minRate, maxRate } = options;
  if (layerRates.length > 0 && counting !== 'exact') {
    throw new RangeError(`counting must be exact with layer rates, got ${counting}`);
  }
  if (scope === 'uniform' && (minRate > 0 || maxRate < 1)) {
    throw new RangeError('scope must be global or adaptive with minRate or maxRate, got uniform');
  }
  if (scope !== 'uniform' && counting === 'paper') {
    throw new RangeError(`scope must be uniform with counting paper, got ${scope}`);
  }
}
