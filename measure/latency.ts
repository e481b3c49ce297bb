import * as tf from '@tensorflow/tfjs';

/** Times of one forward pass. */
export interface Latency {
  readonly medianMs: number;
  /** Distance between the first and the third quartile. */
  readonly spreadMs: number;
  readonly runs: number;
}

/**
 * Measures forward passes of one image on the engine in use, one after the other.
 *
 * The models take turns, so that a machine whose speed drifts is fair to all of them.
 *
 * @param models   LayersModels with one image input of a known size.
 * @param options.runs timed passes of each, after `options.warmup` others.
 * @returns one answer per model, in order.
 */
export async function measureLatency(
  models: readonly tf.LayersModel[],
  { runs = 30, warmup = 5 }: { readonly runs?: number; readonly warmup?: number } = {},
): Promise<Latency[]> {
  const times = models.map((): number[] => []);
  for (let turn = -warmup; turn < runs; turn++) {
    for (const [index, model] of models.entries()) {
      const elapsed = await forwardMs(model);
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
  await new Promise((resolve) => setImmediate(resolve)); // lets signals have a turn
  return elapsed;
}
