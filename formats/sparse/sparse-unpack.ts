/**
 * Reads the weight file of the format secateur-sparse/1 (docs/sparse.md). No Node API is used here, so
 * that browsers can read it too.
 */
import { ModelFileError } from '../model-file-error';

/** The first bytes of a file, once inflated. */
export const SPARSE_HEADER = 'secateur-sparse/1\n';
/** Its name beside model.json. */
export const SPARSE_FILE = 'weights.sparse';
/** How a weight is stored: every value, or a bitmap of those that are not zero and then these. */
export const sectionKinds = { dense: 0, bitmap: 1 } as const;

/** Bytes that all weights together may take in memory, at most. */
const MEMORY_LIMIT = 2 ** 30;

/** A weight as the weightsManifest of a model.json lists it. */
export interface SparseEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Only `float32` can be stored. */
  readonly dtype: string;
  /** Must not be there: what is stored is exact. */
  readonly quantization?: unknown;
}

/** Which values of a weight are stored. */
interface Places {
  readonly name: string;
  readonly size: number;
  /** Where its bitmap is in the file; null where every value is stored. */
  readonly bitmap: number | null;
  /** How many are stored. */
  readonly count: number;
}

/**
 * The values of a compressed weight file: float32, little-endian, one weight after the other, which is
 * what `tf.io.fromMemory` takes as `weightData`. The caller owns them.
 *
 * @param bytes the file as written, or as a server that inflated it sends it.
 * @param entries every weight, in the order of model.json.
 * @param limit bytes that the values may take; default 1 GiB.
 * @throws {ModelFileError} when the file is not of this format, damaged, not of these weights, or holds
 *   a value that is not finite. Nothing is allocated for values before all sizes fit.
 */
export async function unpackSparse(
  bytes: Uint8Array,
  entries: readonly SparseEntry[],
  limit = MEMORY_LIMIT,
): Promise<ArrayBuffer> {
  const sizes = entries.map((entry) => sizeOf(entry));
  const values = sizes.reduce((sum, size) => sum + size, 0);
  if (!(4 * values <= limit)) {
    refuse(`the weights of model.json take ${4 * values} bytes, at most ${limit} are allowed`);
  }
  const longest = SPARSE_HEADER.length + entries.length + 4 * values;
  const file = isGzip(bytes) ? await inflate(bytes, longest) : bytes;
  const { places, start, stored } = placesOf(file, entries, sizes);
  const data = new Uint8Array(4 * values);
  let [at, next] = [0, 0];
  for (const { name, size, bitmap } of places) {
    const value = new DataView(data.buffer, 4 * at, 4 * size);
    for (let index = 0; index < size; index++) {
      if (bitmap !== null && !((file[bitmap + (index >> 3)]! >> (index & 7)) & 1)) continue;
      for (let plane = 0; plane < 4; plane++) {
        value.setUint8(4 * index + plane, file[start + plane * stored + next]!);
      }
      requireFinite(name, index, value.getFloat32(4 * index, true));
      next++;
    }
    at += size;
  }
  return data.buffer;
}

function refuse(reason: string, options?: ErrorOptions): never {
  throw new ModelFileError(SPARSE_FILE, reason, options);
}

function sizeOf({ name, shape, dtype, quantization }: SparseEntry): number {
  if (dtype !== 'float32' || quantization !== undefined) {
    refuse(`weight ${name} must be float32 and not quantized`);
  }
  const lengths: unknown = shape; // a browser hands in what its JSON.parse made
  if (!Array.isArray(lengths)) refuse(`weight ${name} must have a shape`);
  let size = 1;
  for (const length of lengths as unknown[]) {
    const isLength = Number.isInteger(length) && (length as number) >= 0;
    size *= isLength ? (length as number) : NaN;
    if (!Number.isSafeInteger(size)) {
      refuse(`weight ${name} must have a shape of whole numbers whose product is below 2^53`);
    }
  }
  return size;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Inflates gzip; stops as soon as more comes out than there can be. */
async function inflate(bytes: Uint8Array, longest: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    const file = new Blob([bytes]).stream();
    const reader = file.pipeThrough(new DecompressionStream('gzip')).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const chunk = part.value as Uint8Array;
      length += chunk.length;
      parts.push(chunk);
      if (length <= longest) continue;
      await reader.cancel();
      break;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    refuse(`it is no gzip file: ${reason}`, { cause: error });
  }
  if (length > longest) refuse(`it holds more than the ${longest} bytes that its weights can take`);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** What comes before the values: the kind of each weight, and its bitmap. */
function placesOf(
  file: Uint8Array,
  entries: readonly SparseEntry[],
  sizes: readonly number[],
): { places: Places[]; start: number; stored: number } {
  for (let index = 0; index < SPARSE_HEADER.length; index++) {
    if (file[index] === SPARSE_HEADER.charCodeAt(index)) continue;
    refuse(`it must begin with ${SPARSE_HEADER.trim()}`);
  }
  let start = SPARSE_HEADER.length;
  const places = sizes.map((size, index) => {
    const weight = placesAt(file, start, entries[index]!.name, size);
    start += weight.bitmap === null ? 1 : 1 + Math.ceil(size / 8);
    return weight;
  });
  const stored = places.reduce((sum, { count }) => sum + count, 0);
  if (file.length === start + 4 * stored) return { places, start, stored };
  refuse(`its ${stored} values take ${4 * stored} bytes, there are ${file.length - start}`);
}

function placesAt(file: Uint8Array, at: number, name: string, size: number): Places {
  const kind = file[at];
  if (kind === sectionKinds.dense) return { name, size, bitmap: null, count: size };
  if (kind !== sectionKinds.bitmap) {
    refuse(`weight ${name} must be stored as 0 or 1, got ${kind ?? 'the end of the file'}`);
  }
  const end = at + 1 + Math.ceil(size / 8);
  if (end > file.length) refuse(`it ends in the bitmap of weight ${name}`);
  let count = 0;
  for (let place = at + 1; place < end; place++) {
    for (let bits = file[place]!; bits > 0; bits &= bits - 1) count++;
  }
  const used = size % 8;
  if (used > 0 && file[end - 1]! >> used > 0) {
    refuse(`the bitmap of weight ${name} has bits behind its ${size} values`);
  }
  return { name, size, bitmap: at + 1, count };
}

function requireFinite(name: string, index: number, value: number): void {
  if (!Number.isFinite(value)) refuse(`value ${index} of weight ${name} must be finite, got ${value}`); // prettier-ignore
}
