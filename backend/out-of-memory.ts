/** Tells that the memory was too small from every other failure of an engine, and says what to do about it. */
import * as tf from '@tensorflow/tfjs';
import { SecateurError } from '../errors';

/** The memory does not hold what was to be computed. */
export class OutOfMemoryError extends SecateurError {
  override readonly name = 'OutOfMemoryError';
}

/** What an engine, or JavaScript itself, says of memory that it cannot have. */
const anywhere: readonly RegExp[] = [
  /\bOOM\b/, // TensorFlow: OOM when allocating tensor with shape[...]
  /resource ?exhausted/i,
  /(failed|cannot|could not|unable) to allocate|bad_alloc|out of memory|not enough memory/i,
  /array buffer allocation failed|invalid (typed array|array buffer) length/i,
  /cannot enlarge memory/i, // Emscripten
];
/** What a failed allocation leads to in WASM, whose kernels do not ask whether they got their memory. */
const inWasm: readonly RegExp[] = [
  /memory access out of bounds/i,
  /offset is out of bounds|start offset .* is outside the bounds/i,
];

/** What was tried. */
export interface Attempt {
  /** As the subject of the message: `a training step of resnet20`. */
  readonly work: string;
  /** Images that it computes at once. */
  readonly batchSize: number;
}

/**
 * What is to be thrown in place of an error: one that names the batch size where the memory was too small, else
 * the error itself.
 */
export function explainMemory(error: unknown, { work, batchSize }: Attempt): unknown {
  if (error instanceof SecateurError || !isOutOfMemory(error)) return error;
  const size = batchSize === 1 ? '1 image' : `${batchSize} images`;
  return new OutOfMemoryError(
    `the memory does not hold ${work} on ${size} at once (${onOneLine(error)}); ${remedyFor(batchSize)}`,
    { cause: error },
  );
}

/** Computes, and throws as `explainMemory` says. */
export function namingMemory<T>(attempt: Attempt, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw explainMemory(error, attempt);
  }
}

function isOutOfMemory(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const signs = tf.getBackend() === 'wasm' ? [...anywhere, ...inWasm] : anywhere;
  return signs.some((sign) => sign.test(error.message));
}

function remedyFor(batchSize: number): string {
  const engine = tf.getBackend() === 'wasm' ? ' (WASM has at most 4 GB of it)' : '';
  return batchSize === 1
    ? `a smaller network or more memory is needed${engine}`
    : `lower the option batchSize${engine}`;
}

function onOneLine({ name, message }: Error): string {
  return `${name}: ${message.trim().replace(/\s+/g, ' ').slice(0, 160)}`;
}
