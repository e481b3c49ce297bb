import type { JsonObject, JsonValue } from '../json';
import { canonicalJson } from '../json';
import { sha256 } from '../sha256';
import { CheckpointStateError } from './checkpoint-errors';
import {
  arrayTypes,
  checkpointFormat,
  dataNames,
  nameFault,
  sizeOf,
  valueFault,
} from './checkpoint-layout';
import type { DataFiles, TensorEntry } from './checkpoint-layout';
import type { NamedArray, TrainingState } from './training-state';

/** A checkpoint as the bytes of its files. */
export interface Encoded {
  readonly data: DataFiles;
  readonly manifest: Uint8Array;
  /** Bytes of the whole checkpoint. */
  readonly bytes: number;
}

/**
 * SHA-256, in hexadecimal, of a training state: the same for two states exactly when every name,
 * type, shape and byte of their tensors and their records are the same.
 */
export function stateHash(state: TrainingState): string {
  return sha256(encodeCheckpoint(0, state).manifest); // which holds the hashes of index, bytes and record
}

/** @throws {CheckpointStateError} naming the tensor, when the state must not be saved. */
export function encodeCheckpoint(step: number, state: TrainingState): Encoded {
  const names = [...state.tensors.keys()].sort();
  const tensors: TensorEntry[] = [];
  let total = 0;
  for (const name of names) {
    const { dtype, shape, values } = checkArray(name, state.tensors.get(name)!);
    tensors.push({ name, dtype, shape: [...shape], offset: total, bytes: values.byteLength });
    total += values.byteLength;
  }
  const binary = new Uint8Array(total);
  for (const { name, offset } of tensors) {
    const { buffer, byteOffset, byteLength } = state.tensors.get(name)!.values;
    binary.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
  }
  const data = {
    'state.json': encodeRecord(step, state.record),
    'tensors.bin': binary,
    'tensors.json': Buffer.from(canonicalJson({ tensors: tensors as unknown as JsonValue })),
  };
  const manifest = encodeManifest(step, data);
  const sizes = dataNames.map((name) => data[name].byteLength);
  return { data, manifest, bytes: sizes.reduce((sum, size) => sum + size, manifest.byteLength) };
}

function encodeRecord(step: number, record: JsonObject): Uint8Array {
  try {
    return Buffer.from(canonicalJson({ record, step }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointStateError(`the record cannot be saved: ${reason}`, null, { cause: error });
  }
}

function encodeManifest(step: number, data: DataFiles): Uint8Array {
  const files = Object.fromEntries(
    dataNames.map((name) => [name, { bytes: data[name].byteLength, sha256: sha256(data[name]) }]),
  );
  return Buffer.from(canonicalJson({ files, format: checkpointFormat, step }));
}

function checkArray(name: string, array: NamedArray): NamedArray {
  const fault = nameFault(name) ?? arrayFault(array);
  if (fault === null) return array;
  throw new CheckpointStateError(`tensor ${JSON.stringify(name)} ${fault}`, name);
}

/** What is wrong with an array; null when nothing is. */
function arrayFault({ dtype, shape, values }: NamedArray): string | null {
  if (!(values instanceof arrayTypes[dtype])) {
    return `of type ${dtype} must be a ${arrayTypes[dtype].name}, got a ${values.constructor.name}`;
  }
  if (sizeOf(shape) !== values.length) {
    return `of shape [${shape.join(', ')}] cannot hold ${values.length} values`;
  }
  return valueFault(dtype, values);
}
