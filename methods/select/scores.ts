import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, Unit } from '../../graph';
import { findWeightBehind } from '../../graph';
import { filterAxes, scoreAlong } from './filter-axis';
import type { KernelReader, Observes, ScoreContext } from '../methodology';

/** The part of a method that scores one kernel; see Methodology. */
interface Scoring {
  readonly observes: Observes;
  readonly evidence: ReadonlyMap<string, tf.Tensor> | null;
  readonly score: (kernel: tf.Tensor, context: ScoreContext) => tf.Tensor;
  readonly observe: (kernel: tf.Tensor, seen: tf.Tensor) => tf.Tensor;
}

/** The scores of a network's kernels on the host; each kernel is scored once. */
export class ScoreBook {
  private readonly pages = new Map<string, { unit: Unit; values: Float32Array }>();
  private readonly checked = new Set<string>();
  private readonly axes: ReadonlyMap<string, number>;

  constructor(
    private readonly graph: ChannelGraph,
    private readonly kernel: KernelReader,
    private readonly scoring: Scoring,
  ) {
    this.axes = filterAxes(graph);
  }

  /**
   * The scores of one kernel, row-major.
   *
   * @throws {RangeError} when one of them or of the kernel's weights is NaN or infinite, with the
   *   kernel's name: a network that diverged must not be ranked, not even by lot.
   */
  of(name: string): Float32Array {
    const { values } = this.page(name);
    if (this.checked.has(name)) return values; // a search asks at many rates
    checkFinite(name, this.kernel(name));
    for (let unit = 0; unit < values.length; unit++) {
      if (Number.isFinite(values[unit])) continue;
      throw new RangeError(`score ${unit} of ${name} must be finite, got ${values[unit]}`);
    }
    this.checked.add(name);
    return values;
  }

  /** The axis of a kernel's filters. */
  filterAxisOf(name: string): number {
    return this.axes.get(name)!;
  }

  /** The shape of a kernel. */
  shapeOf(name: string): readonly number[] {
    return this.kernel(name).shape;
  }

  /**
   * What is scored, by the first kernel.
   *
   * @throws {RangeError} when there is none, or its scores have the shape of neither.
   */
  unit(): Unit {
    // A kernel that may be pruned answers sooner: a method may know no score for others.
    const first = this.graph.prunable[0]?.producers[0]?.weight ?? this.graph.kernels[0];
    if (first === undefined) throw new RangeError('the network has no kernel that may be pruned');
    return this.page(first).unit;
  }

  private page(name: string): { unit: Unit; values: Float32Array } {
    const known = this.pages.get(name);
    if (known) return known;
    const scores = this.scored(name);
    try {
      const page = {
        unit: this.unitOf(name, scores),
        values: scores.dataSync<'float32'>().slice(),
      };
      this.pages.set(name, page);
      return page;
    } finally {
      scores.dispose();
    }
  }

  private scored(name: string): tf.Tensor {
    const whole = this.kernel(name);
    return tf.tidy(() =>
      scoreAlong(whole, this.axes.get(name)!, (kernel) => {
        const evidence = this.evidenceOn(name, kernel);
        return this.scoring.score(kernel, { name, evidence, behind: this.behind(name) });
      }),
    );
  }

  /** What was observed of the kernel; zeros of the same form where nothing has been observed yet. */
  private evidenceOn(name: string, kernel: tf.Tensor): tf.Tensor | null {
    const { observes, evidence, observe } = this.scoring;
    if (observes === 'nothing') return null;
    const seen = evidence?.get(name);
    if (seen) return seen;
    if (evidence) throw new RangeError(`nothing was observed of ${name}`);
    const filters = kernel.shape.at(-1)!;
    const form = observes === 'gradients' ? kernel.shape : [1, 1, 1, filters];
    return observe(kernel, tf.zeros(form));
  }

  private behind(name: string): ScoreContext['behind'] {
    return (weight) => {
      const found = findWeightBehind(this.graph, name, weight);
      return found === null ? null : this.kernel(found);
    };
  }

  private unitOf(name: string, { shape }: tf.Tensor): Unit {
    const whole = this.kernel(name).shape;
    const filters = whole[this.axes.get(name)!]!;
    if (shape.length === 1 && shape[0] === filters) return 'filter';
    if (tf.util.arraysEqual(shape, whole)) return 'weight';
    throw new RangeError(
      `score of a [${whole.join()}] kernel must be [${filters}] or [${whole.join()}], got [${shape.join()}]`,
    );
  }
}

/** The sum, one pass and one number read, tells of most kernels that every weight is finite. */
function checkFinite(name: string, kernel: tf.Tensor): void {
  const [sum] = tf.tidy(() => tf.sum(kernel).dataSync());
  if (Number.isFinite(sum)) return;
  const values = kernel.dataSync<'float32'>();
  const bad = values.findIndex((weight) => !Number.isFinite(weight));
  if (bad < 0) return; // finite weights, too large to be added up
  throw new RangeError(`weight ${bad} of ${name} must be finite, got ${values[bad]}`);
}
