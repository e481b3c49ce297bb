import * as tf from '@tensorflow/tfjs';
import { sumWithoutBlocks } from '../backend/cpu-sums';
import type { ChannelGraph, KeepSet } from '../graph';
import { mask } from './harden';

/** What the law allows: bit for bit on the `cpu` backend, elsewhere this share of the largest output. */
export const TOLERANCE = 1e-5;

/** The law, measured. */
export interface Verification {
  readonly samples: number;
  readonly maxAbsDiff: number;
  readonly maxAbsOutput: number;
  readonly backend: string;
}

/** The hard network does not compute what the masked one computes. */
export class VerificationError extends Error {
  override readonly name = 'VerificationError';

  constructor(
    readonly verification: Verification,
    /** The first layer whose outputs part; null when only the outputs of the model do. */
    readonly layer: string | null,
  ) {
    const { maxAbsDiff, maxAbsOutput, backend } = verification;
    super(
      `hard and masked network differ by ${maxAbsDiff} (largest output ${maxAbsOutput}) on ${backend}` +
        (layer === null ? '' : `, first at layer ${layer}`),
    );
  }
}

/** A network before and after: what `verify` compares. */
export interface Comparison {
  /** The trained network, masked or not; it is masked by `keep` for the comparison. */
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  readonly keep: KeepSet;
  readonly hard: tf.LayersModel;
}

/**
 * Measures the law hard(x) = masked(x) on the given inputs.
 *
 * @param batches input batches [n, ...]; borrowed, read one after the other.
 * @throws {VerificationError} when the law is broken, naming the layer where the two part.
 */
export async function verify(
  comparison: Comparison,
  batches: Iterable<tf.Tensor> | AsyncIterable<tf.Tensor>,
): Promise<Verification> {
  sumWithoutBlocks();
  const masked = mask(comparison.model, comparison.graph, comparison.keep);
  try {
    let verification: Verification = {
      samples: 0,
      maxAbsDiff: 0,
      maxAbsOutput: 0,
      backend: tf.getBackend(),
    };
    for await (const batch of batches) {
      verification = joined(verification, difference(masked, comparison.hard, batch), batch);
      if (!holds(verification)) {
        throw new VerificationError(verification, partingLayer(comparison, masked, batch));
      }
    }
    if (verification.samples === 0) throw new RangeError('verify needs at least one sample, got 0');
    return verification;
  } finally {
    masked.dispose();
  }
}

/** Whether a measurement obeys the law. */
export function holds({ maxAbsDiff, maxAbsOutput, backend }: Verification): boolean {
  if (backend === 'cpu') return maxAbsDiff === 0;
  return maxAbsDiff <= TOLERANCE * maxAbsOutput || maxAbsDiff === 0;
}

interface Difference {
  readonly maxAbsDiff: number;
  readonly maxAbsOutput: number;
}

function joined(sofar: Verification, next: Difference, batch: tf.Tensor): Verification {
  return {
    ...sofar,
    samples: sofar.samples + batch.shape[0]!,
    maxAbsDiff: larger(sofar.maxAbsDiff, next.maxAbsDiff),
    maxAbsOutput: larger(sofar.maxAbsOutput, next.maxAbsOutput),
  };
}

/** Like Math.max, except that NaN wins from both sides: it must never pass as small. */
function larger(a: number, b: number): number {
  return a > b || Number.isNaN(a) ? a : b;
}

function difference(a: tf.LayersModel, b: tf.LayersModel, batch: tf.Tensor): Difference {
  const values = (model: tf.LayersModel): Float32Array[] => {
    const outputs = tf.tidy(() => model.predict(batch));
    return (Array.isArray(outputs) ? outputs : [outputs]).map((output) => {
      const data = output.dataSync() as Float32Array;
      output.dispose();
      return data;
    });
  };
  const theirs = values(b);
  return values(a).reduce<Difference>(
    (worst, output, index) => compare(output, theirs[index]!, worst),
    {
      maxAbsDiff: 0,
      maxAbsOutput: 0,
    },
  );
}

function compare(a: Float32Array, b: Float32Array, worst: Difference): Difference {
  let { maxAbsDiff, maxAbsOutput } = worst;
  if (a.length !== b.length) return { maxAbsDiff: NaN, maxAbsOutput };
  a.forEach((value, index) => {
    maxAbsDiff = larger(maxAbsDiff, Math.abs(value - b[index]!));
    maxAbsOutput = larger(maxAbsOutput, Math.abs(value));
  });
  return { maxAbsDiff, maxAbsOutput };
}

/** The first layer, in the order of the calls, whose kept outputs differ beyond the tolerance. */
function partingLayer(
  { graph, keep, hard }: Comparison,
  masked: tf.LayersModel,
  batch: tf.Tensor,
): string | null {
  for (const left of graph.remainders(keep)) {
    const { path } = left.call;
    if (path.includes('/')) continue; // inside a nested model: its own layer list is not ours
    const kept = left.outputs[0]!.flatMap((stays, index) => (stays ? [index] : []));
    const parts = tf.tidy(() => {
      const of = (model: tf.LayersModel): tf.Tensor => {
        const outputs = model.getLayer(path).getOutputAt(0) as tf.SymbolicTensor;
        const part = tf.model({ inputs: model.inputs, outputs });
        return part.predict(batch) as tf.Tensor;
      };
      const [wide, narrow] = [of(masked), of(hard)];
      const same = tf.gather(wide, tf.tensor1d(kept, 'int32'), wide.rank - 1);
      const gap = tf.max(tf.abs(tf.sub(same, narrow))).dataSync()[0]!;
      return { gap, scale: tf.max(tf.abs(same)).dataSync()[0]! };
    });
    if (!(parts.gap <= TOLERANCE * parts.scale)) return path;
  }
  return null;
}
