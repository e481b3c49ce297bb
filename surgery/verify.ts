import * as tf from '@tensorflow/tfjs';
import { OptionError, SecateurError } from '../errors';
import { sumWithoutBlocks } from '../backend/cpu-sums';
import type { ChannelGraph, KeepSet, Remainder } from '../graph';
import { projectCalls } from '../graph';
import { disposeWeights, isModel } from '../layers';
import { breathe } from '../stopping';
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
export class VerificationError extends SecateurError {
  override readonly name = 'VerificationError';

  constructor(
    readonly verification: Verification,
    /** The first layer whose outputs part; null when only the outputs of the model do. */
    readonly layer: string | null,
    subject = 'hard and masked network',
  ) {
    const { maxAbsDiff, maxAbsOutput, backend } = verification;
    super(
      `${subject} differ by ${maxAbsDiff} (largest output ${maxAbsOutput}) on ${backend}` +
        (layer === null ? '' : `, first at layer ${layer}`),
    );
  }
}

/** What `verify` feeds: [n, ...], or one such tensor for each input of the model. */
export type VerificationBatch = tf.Tensor | tf.Tensor[];

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
 * @param batches inputs; borrowed, read one after the other.
 * @throws {VerificationError} when the law is broken, naming the layer where the two part.
 * @throws {OptionError} when there is no sample, or the keep set does not fit the graph.
 * @throws {StoppedError} before a batch, once the signal has been aborted.
 */
export async function verify(
  comparison: Comparison,
  batches: Iterable<VerificationBatch> | AsyncIterable<VerificationBatch>,
  signal?: AbortSignal,
): Promise<Verification> {
  const { model, graph, keep, hard } = comparison;
  const masked = mask({ model, graph }, keep);
  const namePlace = (batch: VerificationBatch): string | null =>
    findPartingLayer(comparison, masked, batch);
  try {
    return await compareModels(masked, hard, batches, { signal, namePlace });
  } finally {
    disposeWeights(masked);
  }
}

/** How two models are compared. */
export interface CompareOptions {
  readonly signal?: AbortSignal | undefined;
  /** Names the layer where they part on a batch. Default nobody does. */
  readonly namePlace?: (batch: VerificationBatch) => string | null;
  /** What differs, in the words of an error. Default the hard and the masked network. */
  readonly subject?: string | undefined;
}

/** Measures that `after` computes what `before` computes; both are borrowed. Throws as `verify`. */
export async function compareModels(
  before: tf.LayersModel,
  after: tf.LayersModel,
  batches: Iterable<VerificationBatch> | AsyncIterable<VerificationBatch>,
  { signal, namePlace = () => null, subject }: CompareOptions = {},
): Promise<Verification> {
  sumWithoutBlocks();
  let verification: Verification = {
    samples: 0,
    maxAbsDiff: 0,
    maxAbsOutput: 0,
    backend: tf.getBackend(),
  };
  for await (const batch of batches) {
    await breathe(signal);
    verification = addBatch(verification, difference(before, after, batch), batch);
    if (!holds(verification)) throw new VerificationError(verification, namePlace(batch), subject);
  }
  if (verification.samples > 0) return verification;
  throw new OptionError({
    option: 'batches',
    problem: 'must hold at least one sample',
    received: 0,
  });
}

/** Whether a measurement obeys the law. */
export function holds({ maxAbsDiff, maxAbsOutput, backend }: Verification): boolean {
  return isWithin(maxAbsDiff, maxAbsOutput, backend);
}

function isWithin(difference: number, largest: number, backend: string): boolean {
  return difference === 0 || (backend !== 'cpu' && difference <= TOLERANCE * largest);
}

function listOf(batch: VerificationBatch): tf.Tensor[] {
  return Array.isArray(batch) ? batch : [batch];
}

interface Difference {
  readonly maxAbsDiff: number;
  readonly maxAbsOutput: number;
}

function addBatch(sofar: Verification, next: Difference, batch: VerificationBatch): Verification {
  return {
    ...sofar,
    samples: sofar.samples + listOf(batch)[0]!.shape[0],
    maxAbsDiff: larger(sofar.maxAbsDiff, next.maxAbsDiff),
    maxAbsOutput: larger(sofar.maxAbsOutput, next.maxAbsOutput),
  };
}

/** Like Math.max, except that NaN wins from both sides: it must never pass as small. */
function larger(a: number, b: number): number {
  return a > b || Number.isNaN(a) ? a : b;
}

function difference(a: tf.LayersModel, b: tf.LayersModel, batch: VerificationBatch): Difference {
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
function findPartingLayer(
  { graph, keep, hard }: Comparison,
  masked: tf.LayersModel,
  batch: VerificationBatch,
): string | null {
  const inputs = listOf(batch);
  const remainders = projectCalls(graph, keep);
  const found = tf.tidy(() =>
    firstParting({ model: masked, inputs }, { model: hard, inputs }, remainders, ''),
  );
  return found ?? null;
}

/** A (nested) model with the values of its inputs. */
interface Fed {
  readonly model: tf.LayersModel;
  readonly inputs: tf.Tensor[];
}

/** Compares the layers whose paths begin with `prefix`, inside the model that it names. */
function firstParting(
  wide: Fed,
  narrow: Fed,
  remainders: readonly Remainder[],
  prefix: string,
): string | undefined {
  const compared = new Set<string>();
  for (const { call, outputs } of remainders) {
    if (!call.path.startsWith(prefix)) continue;
    const [name, ...inner] = call.path.slice(prefix.length).split('/') as [string, ...string[]];
    if (compared.has(name)) continue;
    compared.add(name);
    if (!narrow.model.layers.some((layer) => layer.name === name)) continue; // it only trains
    if (inner.length === 0) {
      if (parts(outputsOf(wide, name), outputsOf(narrow, name), outputs)) return call.path;
      continue;
    }
    const [within, beside] = [enterModel(wide, name), enterModel(narrow, name)];
    const found = firstParting(within, beside, remainders, `${prefix}${name}/`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function enterModel(outer: Fed, name: string): Fed {
  const model = outer.model.getLayer(name);
  if (!isModel(model)) throw new TypeError(`${name} must be a nested model`);
  // Its first node may be its own making, not a call.
  const calls = model.inboundNodes.map(({ inputTensors }) => inputTensors);
  const called = calls.find((tensors) => tensors[0] !== model.inputs[0]) ?? calls[0]!;
  return { model, inputs: evaluate(outer, called) };
}

function outputsOf(fed: Fed, name: string): tf.Tensor[] {
  const output = fed.model.getLayer(name).getOutputAt(0);
  return evaluate(fed, Array.isArray(output) ? output : [output]);
}

function evaluate({ model, inputs }: Fed, symbols: tf.SymbolicTensor[]): tf.Tensor[] {
  return symbols.map((symbol) => {
    const given = model.inputs.indexOf(symbol);
    if (given >= 0) return inputs[given]!;
    return tf.model({ inputs: model.inputs, outputs: symbol }).predict(inputs) as tf.Tensor;
  });
}

/** Whether any output differs in the channels that stay. */
function parts(
  wide: readonly tf.Tensor[],
  narrow: readonly tf.Tensor[],
  stays: Remainder['outputs'],
): boolean {
  return wide.some((tensor, index) => {
    const kept = stays[index]!.flatMap((stay, channel) => (stay ? [channel] : []));
    const same = tf.gather(tensor, tf.tensor1d(kept, 'int32'), tensor.rank - 1);
    const gap = tf.max(tf.abs(tf.sub(same, narrow[index]!))).dataSync()[0]!;
    const largest = tf.max(tf.abs(same)).dataSync()[0]!;
    return !isWithin(gap, largest, tf.getBackend());
  });
}
