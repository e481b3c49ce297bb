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
  /** Timed passes of each model; fewer, but five, where all of them take longer than `mostMs`. Default 30. */
  readonly runs?: number;
  /** Passes of each before these; one, where they take longer than a quarter of `mostMs`. Default 5. */
  readonly warmup?: number;
  /** Milliseconds that the timed passes of all models may take. Default 10,000. */
  readonly mostMs?: number;
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
  { runs = 30, warmup = 5, mostMs = 10_000, signal, ...others }: LatencyOptions = {},
): Promise<Latency[]> {
  const [first] = models;
  const inputShapes = others.inputShapes ?? (first ? chooseInputShapes(first) : []);
  const takeTurn = async (): Promise<number[]> => {
    const turn: number[] = [];
    for (const model of models) {
      turn.push(await forwardMs(model, inputShapes));
      await breathe(signal);
    }
    return turn;
  };
  await takeTurns(takeTurn, { most: warmup, least: 1, mostMs: mostMs / 4 });
  const turns = await takeTurns(takeTurn, { most: runs, least: FEWEST, mostMs });
  return models.map((_, index) => summarize(turns.map((turn) => turn[index]!)));
}

/** Takes turns until there are enough, or at least some of them have taken long enough. */
async function takeTurns(
  take: () => Promise<number[]>,
  {
    most,
    least,
    mostMs,
  }: { readonly most: number; readonly least: number; readonly mostMs: number },
): Promise<number[][]> {
  const turns: number[][] = [];
  let spent = 0;
  while (turns.length < most && (spent < mostMs || turns.length < least)) {
    const turn = await take();
    turns.push(turn);
    spent += turn.reduce((sum, elapsed) => sum + elapsed, 0);
  }
  return turns;
}

function summarize(elapsed: readonly number[]): Latency {
  const sorted = [...elapsed].sort((a, b) => a - b);
  const quantile = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return { median: quantile(0.5), spread: quantile(0.75) - quantile(0.25), runs: sorted.length };
}

/** Timed passes that a median and its spread are made of at least. */
const FEWEST = 5;

async function forwardMs(
  model: tf.LayersModel,
  inputShapes: readonly (readonly number[])[],
): Promise<number> {
  const inputs = model.inputs.map(({ shape, dtype }, index) =>
    tf.zeros([shape[0] ?? 1, ...inputShapes[index]!], dtype),
  );
  const outputs: tf.Tensor[] = [];
  try {
    const started = performance.now();
    outputs.push(...[model.predict(inputs.length === 1 ? inputs[0]! : inputs)].flat());
    for (const output of outputs) await output.data();
    return performance.now() - started;
  } finally {
    tf.dispose([...inputs, ...outputs]);
  }
}
