import { gzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs';
import { sha256 } from '../../files';
import { ModelFileError } from '../model-file-error';
import { requireWeights } from '../tfjs/digests';
import { parseModelJson } from '../tfjs/model-json';
import { buildWith } from '../tfjs/read-model';
import { SPARSE_FILE, SPARSE_HEADER, sectionKinds, unpackSparse } from './sparse-unpack';
import { checkTopology } from '../tfjs/topology';

/** The strongest; inflating takes no longer for it. */
const LEVEL = 9;

/** Bytes of a network's weights in each form of a file. */
export interface WeightFileSizes {
  /** As a stock model has them. */
  readonly bytes: number;
  /** The same, gzipped as a server may send it. */
  readonly gzipBytes: number;
  /** As `sparseWeights` writes them. */
  readonly sparseBytes: number;
}

/**
 * The weights of a stock model as a compressed file of the format secateur-sparse/1: of each weight
 * the places and values that are not zero, gzipped. Its size falls with the weights that are kept.
 *
 * The model's own model.json describes them: write this file beside it. The model is borrowed.
 *
 * @throws {ModelFileError} naming the weight, when one is not float32 or a value is not finite.
 */
export function sparseWeights(model: tf.LayersModel): Uint8Array {
  const stored = model.weights.map((weight) => store(weight));
  const header = Buffer.from(SPARSE_HEADER, 'ascii');
  const places = stored.map((weight) => weight.places);
  const planes = planesOf(stored.map(({ values }) => values));
  return gzipSync(Buffer.concat([header, ...places, ...planes]), { level: LEVEL });
}

/** What the weights of a stock model take on a disk or a wire; throws as `sparseWeights`. */
export function weightFileSizes(model: tf.LayersModel): WeightFileSizes {
  const sparseBytes = sparseWeights(model).length;
  const stock = Buffer.concat(model.weights.map((weight) => bytesOf(weight)));
  const gzipBytes = gzipSync(stock, { level: LEVEL }).length;
  return { bytes: stock.length, gzipBytes, sparseBytes };
}

/**
 * The stock model of a model.json and the compressed weight file beside it, bit for bit what was
 * written. The caller owns it.
 *
 * Everything is checked before anything is built, as `readModel` does.
 *
 * @param bytes weights.sparse.
 * @param modelJson model.json; the weight files that it names are not read.
 * @throws {ModelFileError} when one of them is not what it should be, with the reason.
 */
export async function readSparse(
  bytes: Uint8Array,
  modelJson: Uint8Array,
): Promise<tf.LayersModel> {
  const json = parseModelJson('model.json', modelJson);
  const topology = checkTopology('model.json', json.topology);
  const entries = json.groups.flatMap(({ weights }) => weights.map(({ entry }) => entry));
  const data = await unpackSparse(bytes, entries);
  requireWeights(SPARSE_FILE, json, sha256(new Uint8Array(data)), [SPARSE_FILE]);
  return buildWith(SPARSE_FILE, { json, topology }, () => tf.io.decodeWeights(data, entries));
}

/** A weight's values as the model holds them: float32 in the machine's order, which is little-endian. */
function bytesOf(weight: tf.LayerVariable): Uint8Array {
  const { buffer, byteOffset, byteLength } = weight.read().dataSync();
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** One weight as it is stored: which of its values, in the shorter of the two ways, and these. */
interface Stored {
  readonly places: Uint8Array;
  readonly values: Float32Array;
}

function store(weight: tf.LayerVariable): Stored {
  const values = finiteValues(weight);
  const isStored = (value: number): boolean => !Object.is(value, 0); // -0 is: bit for bit
  const kept = values.filter(isStored);
  const places = new Uint8Array(1 + Math.ceil(values.length / 8));
  if (places.length - 1 + 4 * kept.length >= 4 * values.length) {
    return { places: Uint8Array.of(sectionKinds.dense), values };
  }
  places[0] = sectionKinds.bitmap;
  values.forEach((value, index) => {
    if (isStored(value)) places[1 + (index >> 3)]! |= 1 << (index & 7);
  });
  return { places, values: kept };
}

function finiteValues(weight: tf.LayerVariable): Float32Array {
  const { originalName: name } = weight;
  const { dtype } = weight.read();
  if (dtype !== 'float32') {
    throw new ModelFileError(SPARSE_FILE, `weight ${name} must be float32, got ${dtype}`);
  }
  const values = weight.read().dataSync<'float32'>();
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return values;
  throw new ModelFileError(
    SPARSE_FILE,
    `value ${wrong} of weight ${name} must be finite, got ${values[wrong]}`,
  );
}

/** The first bytes of all values, then the second ones, ...: alike bytes together pack better. */
function planesOf(weights: readonly Float32Array[]): Uint8Array[] {
  const count = weights.reduce((sum, { length }) => sum + length, 0);
  const planes = Array.from({ length: 4 }, () => new Uint8Array(count));
  const bytes = new DataView(new ArrayBuffer(4));
  let at = 0;
  for (const values of weights) {
    for (const value of values) {
      bytes.setFloat32(0, value, true);
      planes.forEach((plane, index) => (plane[at] = bytes.getUint8(index)));
      at++;
    }
  }
  return planes;
}
