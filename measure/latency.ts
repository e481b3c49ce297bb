import * as tf from '@tensorflow/tfjs';
import { breathe } from '../stopping';

/** Times of one forward pass. */
export interface Latency {
  readonly medianMs: number;
  /** Distance between the first and the third quartile. */
  readonly spreadMs: number;
  readonly runs: number;
}

/** How forward passes are timed. */
export interface LatencyOptions {
  /** Timed passes of each model. Default 30. */
  readonly runs?: number;
  /** Passes of each before these. Default 5. */
  readonly warmup?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures forward passes of one image on the engine in use, one after the other.
 *
 * The models take turns, so that a machine whose speed drifts is fair to all of them.
 *
 * @param models   LayersModels with one image input of a known size.
 * @returns one answer per model, in order.
 * @throws {StoppedError} after the pass in which the signal was aborted.
 */
export async function measureLatency(
  models: readonly tf.LayersModel[],
  { runs = 30, warmup = 5, signal }: LatencyOptions = {},
): Promise<Latency[]> {
  const times = models.map((): number[] => []);
  for (let turn = -warmup; turn < runs; turn++) {
    for (const [index, model] of models.entries()) {
      const elapsed = await forwardMs(model);
      await breathe(signal);
      if (turn >= 0) times[index]!.push(elapsed);
    }
  }
  return times.map((elapsed) => {
    const sorted = elapsed.sort((a, b) => a - b);
    const quantile = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
    return { medianMs: quantile(0.5), spreadMs: quantile(0.75) - quantile(0.25), runs };
  });
}

async function forwardMs(model: tf.LayersModel): Promise<number> {
  const image = tf.zeros(model.inputs[0]!.shape.map((size) => size ?? 1));
  const started = performance.now();
  const output = model.predict(image) as tf.Tensor;
  await output.data();
  const elapsed = performance.now() - started;
  tf.dispose([image, output]);
  return elapsed;
}
