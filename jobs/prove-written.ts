import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { SecateurError } from '../errors';
import type { FileLayer } from '../files';
import { formatCatalogue, openOnnx, readPlainly, unpackSparse } from '../formats';
import type { PlainlyRead } from '../formats';
import { disposeWeights, weightsByName } from '../layers';
import type { Progress } from '../report/progress';
import type { VerificationBatch } from '../surgery';
import { breathe } from '../stopping';

/** The share of the largest output by which onnxruntime may differ, whose sums have another order. */
const ONNX_TOLERANCE = 1e-4;

/** What was written is not the network that it should be; it has not taken its place. */
export class ReadBackError extends SecateurError {
  override readonly name = 'ReadBackError';

  constructor(
    /** The file's name in the folder. */
    readonly file: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file} was read back and ${reason}; nothing was put in its place`, options);
  }
}

/** The proof of what lies in a folder. */
export interface WrittenProof<Found> {
  /** The network that was written; borrowed. */
  readonly written: tf.LayersModel;
  /** Compares the network that plain tfjs makes of the files, borrowed, with the one it stands for. */
  readonly compare: (readBack: tf.LayersModel) => Promise<Found> | Found;
  /** Inputs for the other forms that compute, borrowed one by one; null where none can be had. */
  readonly samples: (() => AsyncIterable<VerificationBatch> | Iterable<VerificationBatch>) | null;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a written network back, in every form that lies in the folder, and proves it.
 *
 * model.json and its weights are opened by plain tfjs and compared by their outputs; the weights of the
 * sparse file must be the same bytes; network.onnx is run, where onnxruntime-node is installed.
 * network.ts takes its weights from the same files.
 *
 * @returns what `compare` found of the network in model.json.
 * @throws {VerificationError} when it computes something else. @throws {ReadBackError} when a file is not as it should be.
 */
export async function proveWritten<Found>(
  folder: string,
  proof: WrittenProof<Found>,
  files: FileLayer,
): Promise<Found> {
  const plain = await opened(formatCatalogue.tfjs.file, () => readPlainly(folder, files));
  try {
    requireSameWeights(plain.model, proof.written);
    const found = await proof.compare(plain.model);
    for (const [file, prove] of otherForms) {
      const place = path.join(folder, file);
      const isThere = (await files.status(place)) !== null;
      if (isThere) await prove(await files.read(place, Infinity), plain, proof);
    }
    return found;
  } finally {
    disposeWeights(plain.model);
  }
}

/** How the other forms are proved against the network of model.json, which has been. */
const otherForms = [
  [formatCatalogue.sparse.file, proveSparse],
  [formatCatalogue.onnx.file, proveOnnx],
] as const;

async function opened<T>(file: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ReadBackError(file, `cannot be opened: ${reason}`, { cause: error });
  }
}

/** Outputs may hide a wrong weight, behind a unit that is silent on all samples. */
function requireSameWeights(readBack: tf.LayersModel, written: tf.LayersModel): void {
  const weights = weightsByName(readBack);
  for (const [name, weight] of weightsByName(written)) {
    const values = weights.get(name)?.read().dataSync();
    const isSame = values !== undefined && isEqual(weight.read().dataSync(), values);
    if (!isSame) throw new ReadBackError(formatCatalogue.tfjs.file, `has another weight ${name}`);
  }
}

/** Whether two lists hold the same numbers; -0 is 0, NaN is NaN. */
function isEqual(some: ArrayLike<number>, others: ArrayLike<number>): boolean {
  const isOne = (value: number, other: number): boolean =>
    value === other || (Number.isNaN(value) && Number.isNaN(other));
  return (
    some.length === others.length &&
    Array.prototype.every.call(some, (value: number, at) => isOne(value, others[at]!))
  );
}

async function proveSparse(bytes: Buffer, { data, entries }: PlainlyRead): Promise<void> {
  const { file } = formatCatalogue.sparse;
  const values = await opened(file, () => unpackSparse(bytes, entries, data.length));
  if (Buffer.compare(new Uint8Array(values), data) === 0) return;
  throw new ReadBackError(file, 'has other weights than model.json');
}

async function proveOnnx(
  bytes: Buffer,
  { model }: PlainlyRead,
  { samples, progress, signal }: WrittenProof<unknown>,
): Promise<void> {
  const { file } = formatCatalogue.onnx;
  if (!samples) return;
  const network = await opened(file, () => openOnnx(bytes));
  if (!network) {
    progress?.note(`${file} was not run: onnxruntime-node is not installed`);
    return;
  }
  try {
    for await (const batch of samples()) {
      await breathe(signal);
      const inputs = Array.isArray(batch) ? batch : [batch];
      const answers = await opened(file, () => network.predict(inputs));
      predict(model, batch).forEach((output, index) => {
        requireNear(output, answers[index] ?? []);
      });
    }
  } finally {
    await network.release();
  }
}

function predict(model: tf.LayersModel, batch: VerificationBatch): ArrayLike<number>[] {
  const outputs = model.predict(batch);
  return (Array.isArray(outputs) ? outputs : [outputs]).map((output) => {
    const values = output.dataSync();
    output.dispose();
    return values;
  });
}

function requireNear(output: ArrayLike<number>, answer: ArrayLike<number>): void {
  let [gap, largest] = [output.length === answer.length ? 0 : NaN, 0];
  for (let at = 0; at < output.length; at++) {
    gap = Math.max(gap, Math.abs(output[at]! - answer[at]!)); // NaN stays
    largest = Math.max(largest, Math.abs(output[at]!));
  }
  if (gap <= ONNX_TOLERANCE * largest) return;
  throw new ReadBackError(
    formatCatalogue.onnx.file,
    `differs by ${gap} (largest output ${largest}) from model.json in onnxruntime`,
  );
}
