import * as tf from '@tensorflow/tfjs';
import { chooseInputShapes } from '../graph';
import { breathe } from '../stopping';

/** Times of one forward pass in milliseconds. */
export interface Latency {
  readonly median: number;
  /** Distance between the first and the third quartile. */
  readonly spread: number;
  readonly runs: number;
}

/** How forward passes are timed. */
export interface LatencyOptions {
  /** Timed passes of each model. Default 30. */
  readonly runs?: number;
  /** Passes of each before these. Default 5. */
  readonly warmup?: number;
  /** Of each input, without the batch. Default as `chooseInputShapes` says of the first model. */
  readonly inputShapes?: readonly (readonly number[])[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures forward passes of one sample on the engine in use, one after the other.
 *
 * The models take turns, so that a machine whose speed drifts is fair to all of them.
 *
 * @param models   LayersModels with the same inputs.
 * @returns one answer per model, in order.
 * @throws {StoppedError} after the pass in which the signal was aborted.
 */
export async function measureLatency(
  models: readonly tf.LayersModel[],
  { runs = 30, warmup = 5, signal, ...others }: LatencyOptions = {},
): Promise<Latency[]> {
  const [first] = models;
  const inputShapes = others.inputShapes ?? (first ? chooseInputShapes(first) : []);
  const times = models.map((): number[] => []);
  for (let turn = -warmup; turn < runs; turn++) {
    for (const [index, model] of models.entries()) {
      const elapsed = await forwardMs(model, inputShapes);
      await breathe(signal);
      if (turn >= 0) times[index]!.push(elapsed);
    }
  }
  return times.map((elapsed) => {
    const sorted = elapsed.sort((a, b) => a - b);
    const quantile = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
    return { median: quantile(0.5), spread: quantile(0.75) - quantile(0.25), runs };
  });
}

async function forwardMs(
  model: tf.LayersModel,
  inputShapes: readonly (readonly number[])[],
): Promise<number> {
  const inputs = model.inputs.map(({ shape, dtype }, index) =>
    tf.zeros([shape[0] ?? 1, ...inputShapes[index]!], dtype),
  );
  const started = performance.now();
  const answer = model.predict(inputs.length === 1 ? inputs[0]! : inputs);
  const outputs = Array.isArray(answer) ? answer : [answer];
  for (const output of outputs) await output.data();
  const elapsed = performance.now() - started;
  tf.dispose([...inputs, ...outputs]);
  return elapsed;
}
