import type * as tf from '@tensorflow/tfjs';
import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { ModelFileError } from '../model-file-error';

/** A weight as a weightsManifest describes it, checked. */
export interface WeightSpec {
  readonly name: string;
  /** Values. */
  readonly size: number;
  /** Bytes in the weight file: fewer than the values take where they are quantized. */
  readonly bytes: number;
  /** False for an optimizer's own weights, which no layer takes. */
  readonly isOfLayer: boolean;
  /** For `tf.io.decodeWeights`. */
  readonly entry: tf.io.WeightsManifestEntry;
}

const storedBytes: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1 };
const quantizedBytes: Readonly<Record<string, number>> = { uint8: 1, uint16: 2, float16: 2 };

/**
 * Checks one entry of a weightsManifest.
 *
 * @throws {ModelFileError} naming the weight.
 */
export function weightSpecOf(file: string, json: JsonValue): WeightSpec {
  const spec = isJsonObject(json) ? json : {};
  const { name, shape, dtype } = spec;
  if (!isName(name)) {
    throw new ModelFileError(file, `a weight must have a name, got ${excerpt(name)}`);
  }
  const size = sizeOf(shape);
  if (size === null) {
    throw new ModelFileError(
      file,
      `weight ${name} must have a shape of whole numbers whose product is below 2^53, got ${excerpt(shape)}`,
    );
  }
  if (typeof dtype !== 'string' || !Object.hasOwn(storedBytes, dtype)) {
    throw new ModelFileError(
      file,
      `weight ${name} must be float32, int32 or bool, got ${excerpt(dtype)}`,
    );
  }
  const bytesPerValue = Object.hasOwn(spec, 'quantization')
    ? quantizedSize(file, name, dtype, spec.quantization)
    : storedBytes[dtype]!;
  return {
    name,
    size,
    bytes: size * bytesPerValue,
    isOfLayer: spec.group !== 'optimizer',
    entry: spec as unknown as tf.io.WeightsManifestEntry,
  };
}

/** Whether a value can name a layer or weight: text that no object has as a property already. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && !(value in Object.prototype);
}

function sizeOf(shape: JsonValue | undefined): number | null {
  if (!Array.isArray(shape)) return null;
  let size = 1;
  for (const length of shape as JsonValue[]) {
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 0) return null;
    size *= length;
    if (!Number.isSafeInteger(size)) return null; // also where a later 0 would make it small again
  }
  return size;
}

/** Bytes per value of the quantizations that `tf.io` knows. */
function quantizedSize(
  file: string,
  name: string,
  dtype: string,
  quantization: JsonValue | undefined,
): number {
  const { dtype: stored, ...range } = isJsonObject(quantization) ? quantization : {};
  const bytes = typeof stored === 'string' ? (quantizedBytes[stored] ?? null) : null;
  const isPossible =
    stored === 'float16' ? dtype === 'float32' : dtype !== 'bool' && hasRange(range);
  if (bytes === null || !Object.hasOwn(quantizedBytes, stored as string) || !isPossible) {
    throw new ModelFileError(
      file,
      `weight ${name} must be quantized to uint8 or uint16 with min and scale, or from float32 to ` +
        `float16, got ${dtype} as ${excerpt(quantization)}`,
    );
  }
  return bytes;
}

function hasRange({ min, scale }: JsonObject): boolean {
  return typeof min === 'number' && typeof scale === 'number';
}

function excerpt(value: JsonValue | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value).slice(0, 80);
}
