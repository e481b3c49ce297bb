import * as path from 'node:path';
import type { JsonValue } from '../json';
import { isJsonObject, parseCanonicalJson } from '../json';
import { arrayTypes, isCount, itemBytes, nameFault, sizeOf, valueFault } from './checkpoint-layout';
import type { DataFiles, TensorEntry } from './checkpoint-layout';
import type { NamedArray, TrainingState } from './training-state';
import { hasKeys, refuse } from './verified-checkpoint';

/** The hash proves that the bytes are as written, not that this project wrote them: all is checked. */
export function decodeState(folder: string, step: number, data: DataFiles): TrainingState {
  const stateFile = path.join(folder, 'state.json');
  const state = parseCanonicalJson(data['state.json'], stateFile);
  if (!isJsonObject(state) || !hasKeys(state, ['record', 'step'])) {
    refuse(stateFile, 'must hold record and step, nothing else');
  }
  const record = state.record;
  if (!isJsonObject(record)) refuse(stateFile, 'must hold a record that is a JSON object');
  if (state.step !== step) refuse(stateFile, 'belongs to another step than the manifest');
  return { tensors: decodeTensors(folder, data), record };
}

function decodeTensors(folder: string, data: DataFiles): Map<string, NamedArray> {
  const file = path.join(folder, 'tensors.json');
  const index = parseCanonicalJson(data['tensors.json'], file);
  const list = isJsonObject(index) && hasKeys(index, ['tensors']) ? index.tensors : undefined;
  if (!Array.isArray(list)) refuse(file, 'must hold a list of tensors, nothing else');
  const binary = data['tensors.bin'];
  const entries = parseIndex(file, list as readonly JsonValue[], binary.byteLength);
  const tensors = new Map<string, NamedArray>();
  for (const { name, dtype, shape, offset, bytes } of entries) {
    const { buffer } = new Uint8Array(binary.subarray(offset, offset + bytes)); // a copy, aligned
    const values = new arrayTypes[dtype](buffer);
    const fault = valueFault(dtype, values);
    if (fault !== null) refuse(file, `lists tensor ${JSON.stringify(name)}, which ${fault}`);
    tensors.set(name, { shape, dtype, values });
  }
  return tensors;
}

/** The index, once it is known to cover tensors.bin from the first byte to the last, each once. */
function parseIndex(file: string, list: readonly JsonValue[], total: number): TensorEntry[] {
  const entries: TensorEntry[] = [];
  let end = 0;
  for (const item of list) {
    const entry = parseEntry(file, item);
    const before = entries.at(-1)?.name;
    if (before !== undefined && before >= entry.name) {
      refuse(file, `lists ${JSON.stringify(entry.name)} twice or out of order`);
    }
    if (entry.offset !== end) {
      const kind = entry.offset < end ? 'overlaps the one before it' : 'leaves a hole before it';
      refuse(file, `lists tensor ${JSON.stringify(entry.name)}, which ${kind}`);
    }
    end += entry.bytes;
    entries.push(entry);
  }
  if (end !== total) refuse(file, `describes ${end} bytes, tensors.bin has ${total}`);
  return entries;
}

function parseEntry(file: string, item: JsonValue): TensorEntry {
  if (!isJsonObject(item) || !hasKeys(item, ['bytes', 'dtype', 'name', 'offset', 'shape'])) {
    refuse(file, 'must give bytes, dtype, name, offset and shape for each tensor, nothing else');
  }
  const { bytes, dtype, name, offset, shape } = item;
  const fault = typeof name === 'string' ? nameFault(name) : 'has no name';
  if (fault !== null) refuse(file, `lists tensor ${JSON.stringify(name)}, which ${fault}`);
  const place = `tensor ${JSON.stringify(name)}`;
  if (!isDtype(dtype)) refuse(file, `gives ${place} the unknown type ${JSON.stringify(dtype)}`);
  if (!Array.isArray(shape) || bytes !== sizeOf(shape) * itemBytes[dtype]) {
    refuse(file, `gives ${place} a shape that does not fit its bytes`);
  }
  if (!isCount(offset)) refuse(file, `gives ${place} no valid offset`);
  // The checks above are those of TensorEntry; the compiler cannot follow them through the record.
  return item as unknown as TensorEntry;
}

function isDtype(value: JsonValue | undefined): value is NamedArray['dtype'] {
  return typeof value === 'string' && Object.hasOwn(itemBytes, value);
}
