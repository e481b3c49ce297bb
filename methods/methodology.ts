import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, KeepSet } from '../graph';
import { keepAll } from '../graph';
import { chooseFilters } from './choose-filters';
import { chooseWeights } from './choose-weights';
import type { Merge } from './merge';
import { checkRate } from './counts';
import type { CountingRule } from './counts';

/** Over what the rate is taken: each group by itself, or one ranking over all groups. */
export type Scope = 'uniform' | 'global';

/** Whether a removed unit may come back: `soft` lets gradients flow, `hard` keeps it at zero. */
export type Regrowth = 'soft' | 'hard';

/** What all methods share. Every default is the corrected behaviour of docs/design.md. */
export interface MethodOptions {
  /** Fraction of units removed, in [0, 1). */
  readonly rate: number;
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
      regrowth: 'hard',
      scope: 'uniform',
      merge: 'mean',
      roundTo: 1,
      minKeep: 1,
      counting: 'exact',
      ...options,
    };
    checkRate('rate', this.options.rate);
    if (this.options.counting === 'paper' && this.options.scope !== 'uniform') {
      throw new RangeError(`scope must be uniform with counting paper, got ${this.options.scope}`);
    }
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
   * @param kernel Conv2D [kh, kw, in, out] or Dense [in, out]; not disposed.
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
   * @throws {RangeError} when a score is not finite (it names the kernel), or nothing can be removed.
   */
  choose(graph: ChannelGraph, kernel: KernelReader): KeepSet {
    const scoring = (name: string): tf.Tensor => tf.tidy(() => this.score(kernel(name)));
    const [first] = graph.kernels;
    if (first === undefined) throw new RangeError('the network has no kernel that may be pruned');
    const filters = this.scoresFilters(first, kernel);
    if (filters && graph.prunable.length === 0) {
      const why = graph.groups.map(({ id, frozen }) => `${id}: ${frozen ?? ''}`).join('; ');
      throw new RangeError(`the network has no prunable channel group (${why})`);
    }
    // What a hard method removed is gone: it counts first, before the scores rank the rest.
    const left = this.options.regrowth === 'hard' ? this.keep : keepAll;
    graph.check(left);
    this.keep = filters
      ? chooseFilters(graph, scoring, this, left)
      : chooseWeights(graph, scoring, this.options, left);
    return this.keep;
  }

  private scoresFilters(name: string, kernel: KernelReader): boolean {
    const shape = tf.tidy(() => this.score(kernel(name)).shape);
    const whole = kernel(name).shape;
    if (shape.length === 1 && shape[0] === whole.at(-1)) return true;
    if (tf.util.arraysEqual(shape, whole)) return false;
    throw new RangeError(
      `score of a [${whole.join()}] kernel must be [${whole.at(-1)}] or [${whole.join()}], got [${shape.join()}]`,
    );
  }
}
