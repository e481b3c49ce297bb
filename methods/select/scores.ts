import * as tf from '@tensorflow/tfjs';
import { OptionError, SecateurError } from '../../errors';
import type { Network, Unit } from '../../graph';
import { findWeightBehind } from '../../graph';
import type { Methodology } from '../methodology';
import type { Evidence, ScoreContext } from '../scoring';
import type { CountingRule } from './counts';
import { filterAxes, scoreAlong } from './filter-axis';

/** The network that is scored: what it is to pruning, and its weights by name; borrowed. */
export type Scorable = Pick<Network, 'graph' | 'kernel'>;

/** The scores of one kernel, on the host. */
export interface KernelScores {
  /** One of each filter, or of each weight in the order of the kernel. */
  readonly values: Float32Array;
  /** Of the kernel. */
  readonly shape: readonly number[];
  /** The axis of the kernel's filters. */
  readonly filterAxis: number;
}

/** What a method says of a network's kernels, all that a choice is made of. */
export interface Scores {
  readonly unit: Unit;
  /** By name, every kernel that may lose units. */
  readonly kernels: ReadonlyMap<string, KernelScores>;
  /** How the method's scores are compared and its published code counts. */
  readonly rules: Pick<Methodology, 'normalise' | 'paperCount'>;
}

/** What a method is given to score with beside the network. */
export interface ScoringOptions {
  /** Needed by a method that observes the network; borrowed. */
  readonly evidence?: Evidence | null;
  /** Of the policy that will choose. Default exact. */
  readonly counting?: CountingRule;
}

/** A network that diverged: numbers that cannot be ranked. */
export class NotFiniteError extends SecateurError {
  override readonly name = 'NotFiniteError';
  override readonly exitCode = 2;
}

/**
 * Scores the kernels of a network by a method, each once.
 *
 * @throws {OptionError} when the method observes and there is no evidence.
 * @throws {NotFiniteError} when a score or a weight is NaN or infinite, with the kernel's name: a network that
 *   diverged must not be ranked, not even by lot.
 * @throws as `unitOf`.
 */
export function scoreKernels(
  method: Methodology,
  network: Scorable,
  { evidence = null, counting = 'exact' }: ScoringOptions = {},
): Scores {
  if (method.observes !== 'nothing' && evidence === null) {
    throw new OptionError({
      option: 'evidence',
      problem: `of the ${method.observes} must be observed before the choice`,
      received: 'none',
    });
  }
  const scorer = new KernelScorer(method, network, evidence, counting);
  const unit = scorer.unit();
  const { graph } = network;
  const names =
    unit === 'weight'
      ? graph.kernels
      : graph.prunable.flatMap(({ producers }) => producers.map(({ weight }) => weight));
  const kernels = new Map([...new Set(names)].map((name) => [name, scorer.checked(name)]));
  return { unit, kernels, rules: method };
}

/**
 * What a method removes of a network, by the shape of its scores; no evidence is needed for that.
 *
 * @throws {OptionError} when the network has no kernel that may be pruned.
 * @throws {RangeError} when a score has the shape of neither.
 */
export function unitOf(method: Methodology, network: Scorable): Unit {
  return new KernelScorer(method, network, null, 'exact').unit();
}

/** Asks a method for the scores of single kernels. */
class KernelScorer {
  private readonly axes: ReadonlyMap<string, number>;
  private readonly known = new Map<string, KernelScores & { readonly unit: Unit }>();

  constructor(
    private readonly method: Methodology,
    private readonly network: Scorable,
    private readonly evidence: Evidence | null,
    private readonly counting: CountingRule,
  ) {
    this.axes = filterAxes(network.graph);
  }

  /** What is scored, by the first kernel. Throws as `unitOf`. */
  unit(): Unit {
    const { prunable, kernels } = this.network.graph;
    // A kernel that may be pruned answers sooner: a method may know no score for others.
    const first = prunable[0]?.producers[0]?.weight ?? kernels[0];
    if (first === undefined) {
      throw new OptionError({ option: 'network', problem: 'has no kernel that may be pruned' });
    }
    return this.read(first).unit;
  }

  /** The scores of a kernel, all finite, and its weights too. */
  checked(name: string): KernelScores {
    const { values, shape, filterAxis } = this.read(name);
    checkFinite(name, this.network.kernel(name));
    for (let unit = 0; unit < values.length; unit++) {
      if (Number.isFinite(values[unit])) continue;
      throw new NotFiniteError(`score ${unit} of ${name} must be finite, got ${values[unit]}`);
    }
    return { values, shape, filterAxis };
  }

  private read(name: string): KernelScores & { readonly unit: Unit } {
    const known = this.known.get(name);
    if (known) return known;
    const { shape } = this.network.kernel(name);
    const filterAxis = this.axes.get(name)!;
    const scores = this.score(name, filterAxis);
    try {
      const unit = unitByShape(scores.shape, shape, filterAxis);
      const values = scores.dataSync<'float32'>().slice();
      const read = { unit, values, shape, filterAxis };
      this.known.set(name, read);
      return read;
    } finally {
      scores.dispose();
    }
  }

  private score(name: string, filterAxis: number): tf.Tensor {
    const { method, counting } = this;
    const whole = this.network.kernel(name);
    return tf.tidy(() =>
      scoreAlong(whole, filterAxis, (kernel) => {
        const evidence = this.evidenceOn(name, kernel);
        return method.scoreKernel(kernel, { name, evidence, counting, behind: this.behind(name) });
      }),
    );
  }

  /** What was observed of the kernel; zeros of the same form where only the unit is asked for. */
  private evidenceOn(name: string, kernel: tf.Tensor): tf.Tensor | null {
    const { evidence, method } = this;
    if (method.observes === 'nothing') return null;
    const seen = evidence?.get(name);
    if (seen) return seen;
    if (evidence) {
      throw new OptionError({
        option: 'evidence',
        problem: `is incomplete: nothing was observed of ${name}`,
      });
    }
    const filters = kernel.shape.at(-1)!;
    const form = method.observes === 'gradients' ? kernel.shape : [1, 1, 1, filters];
    return method.observe(kernel, tf.zeros(form));
  }

  private behind(name: string): ScoreContext['behind'] {
    return (weight) => {
      const found = findWeightBehind(this.network.graph, name, weight);
      return found === null ? null : this.network.kernel(found);
    };
  }
}

function unitByShape(
  scores: readonly number[],
  kernel: readonly number[],
  filterAxis: number,
): Unit {
  const filters = kernel[filterAxis]!;
  if (scores.length === 1 && scores[0] === filters) return 'filter';
  if (tf.util.arraysEqual([...scores], [...kernel])) return 'weight';
  throw new RangeError(
    `score of a [${kernel.join()}] kernel must be [${filters}] or [${kernel.join()}], got [${scores.join()}]`,
  );
}

/** The sum, one pass and one number read, tells of most kernels that every weight is finite. */
function checkFinite(name: string, kernel: tf.Tensor): void {
  const [sum] = tf.tidy(() => tf.sum(kernel).dataSync());
  if (Number.isFinite(sum)) return;
  const values = kernel.dataSync<'float32'>();
  const bad = values.findIndex((weight) => !Number.isFinite(weight));
  if (bad < 0) return; // finite weights, too large to be added up
  throw new NotFiniteError(`weight ${bad} of ${name} must be finite, got ${values[bad]}`);
}
