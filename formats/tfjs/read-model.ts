import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { MalformedFileError, nodeFiles } from '../../files';
import type { JsonObject } from '../../files';
import { forEachLayer } from '../../layers';
import { buildModel, disposeWeights } from '../../layers/build-model';
import { ModelFileError } from '../model-file-error';
import { HEAD_BYTES, recognize } from '../recognize';
import { readDigestCheck, requireWeights } from './digests';
import type { DigestCheck } from './digests';
import { MODEL_JSON_LIMIT, parseModelJson } from './model-json';
import type { ModelJson, WeightGroup } from './model-json';
import { modelPlace } from './model-place';
import { checkTopology } from './topology';
import type { Topology } from './topology';

/**
 * Reads a LayersModel from its `model.json`, as tfjs, Keras' converter and Teachable Machine write
 * it; quantized weights become float32. The caller owns the model.
 *
 * A config of Keras 3, and keys and layers of Keras that TensorFlow.js does not read, are translated into
 * stock layers that compute the same, or refused by layer and key.
 *
 * Everything is checked before anything is built: the weight files lie in the same folder under
 * plain names, are no links, have exactly the bytes that the weights' shapes ask for, and the layers
 * have no more weights than that. Nothing outside the folder is read. Files that a pruning.json beside them names must
 * have the SHA-256 that it says, and the weights that of the metadata, where this project wrote the model.json.
 *
 * @param given its path, `file://` or `~/` before it or not; or a folder that holds it, or a run.
 * @param note hears, layer by layer, what the file says and the model does not do.
 * @throws {ModelFileError} when the file is no such model, with the reason and, for a file of another
 *   kind, what to do with it.
 */
export async function readModel(
  given: string,
  note: (words: string) => void = () => undefined,
): Promise<tf.LayersModel> {
  const file = await modelPlace(given);
  const bytes = await readModelJson(file);
  const check = await readDigestCheck(file, note);
  check(path.basename(file), bytes);
  const json = parseModelJson(file, bytes);
  const topology = checkTopology(file, json.topology, note);
  await checkWeightFiles(file, json.groups);
  return buildWith(file, { json, topology }, () => readWeights(file, json, check));
}

/**
 * Builds a network and gives it its weights; the caller owns it.
 *
 * @param file named in the errors.
 * @param read the layers' weights by name, which are freed.
 * @param topology what `checkTopology` made of the file's.
 * @throws {ModelFileError} when tfjs cannot build it, or the weights do not fit; whatever `read` throws.
 */
export async function buildWith(
  file: string,
  { json, topology }: { readonly json: ModelJson; readonly topology: Topology },
  read: () => Promise<tf.NamedTensorMap> | tf.NamedTensorMap,
): Promise<tf.LayersModel> {
  const model = await buildFrom(file, json, topology);
  try {
    const weights = await read();
    try {
      tf.tidy(() => {
        model.loadWeights(weightsFor(model, weights), true); // a weight with a constraint makes tensors of its own
      });
    } finally {
      tf.dispose(weights);
    }
    if (json.metadata) model.setUserDefinedMetadata(json.metadata);
    return model;
  } catch (error) {
    disposeWeights(model);
    throw error instanceof ModelFileError ? error : refuseBuilding(file, error);
  }
}

/** Builds the network with all weights zero; a second time where layers depend on the shapes of the first. */
async function buildFrom(
  file: string,
  json: ModelJson,
  topology: Topology,
): Promise<tf.LayersModel> {
  const build = (from: JsonObject): Promise<tf.LayersModel> =>
    buildModel(from, valuesOf(json)).catch((error: unknown) => {
      throw refuseBuilding(file, error);
    });
  const model = await build(topology.model);
  const shapes = inputShapes(model);
  if (!topology.needsShapes && !isTooDeep(model, shapes)) return model;
  disposeWeights(model);
  return build(checkTopology(file, json.topology, undefined, shapes).model);
}

/** The shape of each layer's input, by path. */
function inputShapes(model: tf.LayersModel): Map<string, tf.Shape> {
  const shapes = new Map<string, tf.Shape>();
  forEachLayer(model, ({ inboundNodes }, path) => {
    const shape = inboundNodes[0]?.inputShapes[0]; // a list even of one, whatever the types say
    if (Array.isArray(shape)) shapes.set(path, shape);
  });
  return shapes;
}

/** Whether a BatchNormalization is of a rank that tfjs builds and then cannot compute. */
function isTooDeep(model: tf.LayersModel, shapes: ReadonlyMap<string, tf.Shape>): boolean {
  let isDeep = false;
  forEachLayer(model, (layer, path) => {
    const rank = shapes.get(path)?.length ?? 0;
    isDeep ||= layer.getClassName() === 'BatchNormalization' && rank > 4;
  });
  return isDeep;
}

/**
 * The weights under the names that the model has for them.
 *
 * Converters put the names of models and cells around the layer's: `sequential/conv/kernel`. What fits no
 * weight keeps its name, by which TensorFlow.js refuses it.
 */
function weightsFor(model: tf.LayersModel, weights: tf.NamedTensorMap): tf.NamedTensorMap {
  const names = new Set(model.weights.map(({ originalName }) => originalName));
  const others = Object.keys(weights).filter((name) => !names.has(name));
  if (others.length === 0) return weights;
  const free = new Set([...names].filter((name) => !Object.hasOwn(weights, name)));
  const renamed = new Map<string, string>();
  for (const name of others) {
    const own = namesWithin(name).find((shorter) => free.delete(shorter));
    if (own !== undefined) renamed.set(name, own);
  }
  const entries = Object.entries(weights);
  return Object.fromEntries(entries.map(([name, weight]) => [renamed.get(name) ?? name, weight]));
}

/** What a weight's name is without those around its layer's, the longest first; a cell's name may go too. */
function namesWithin(name: string): string[] {
  const parts = name.split('/');
  return parts.flatMap((_, start) => {
    const left = parts.slice(start);
    return left.length < 2 ? [] : [left, [...left.slice(0, -2), ...left.slice(-1)]].map(joined);
  });
}

const joined = (parts: readonly string[]): string => parts.join('/');

function valuesOf({ groups }: ModelJson): number {
  const own = groups.flatMap(({ weights }) => weights).filter(({ isOfLayer }) => isOfLayer);
  return own.reduce((sum, { size }) => sum + size, 0);
}

function refuseBuilding(file: string, error: unknown): ModelFileError {
  const reason = error instanceof Error ? error.message : String(error);
  return new ModelFileError(file, `it is no network that TensorFlow.js can build: ${reason}`, {
    cause: error,
  });
}

/** Only the file that the user names may be a link. */
async function readModelJson(file: string): Promise<Buffer> {
  const target = await fs.realpath(file).catch((error: unknown) => {
    throw refuseReading(file, file, error);
  });
  const foreign = recognize(await readHead(file, target));
  if (foreign !== null) throw new ModelFileError(file, `it is ${foreign}`);
  return readFile(file, target, MODEL_JSON_LIMIT);
}

/** The first bytes of a file, however large it is. */
async function readHead(model: string, file: string): Promise<Buffer> {
  try {
    const status = await nodeFiles.status(file);
    if (status?.kind !== 'file') return Buffer.from('{'); // the reader says what is wrong with it
    await using handle = await fs.open(file, 'r');
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw refuseReading(model, file, error);
  }
}

/** Compares the sizes of the weight files with what the shapes ask for, before anything is read. */
async function checkWeightFiles(file: string, groups: readonly WeightGroup[]): Promise<void> {
  for (const { paths, weights } of groups) {
    let held = 0;
    for (const name of paths) held += await sizeOf(file, weightFile(file, name));
    const wanted = weights.reduce((sum, { bytes }) => sum + bytes, 0);
    if (held !== wanted) {
      throw new ModelFileError(
        file,
        `its weight files ${paths.slice(0, 3).join(', ')} must hold ${wanted} bytes, they hold ${held}`,
      );
    }
  }
}

async function sizeOf(model: string, file: string): Promise<number> {
  const status = await nodeFiles.status(file).catch((error: unknown) => {
    throw refuseReading(model, file, error);
  });
  if (status?.kind === 'file') return status.bytes;
  const wrong = status === null ? 'does not exist' : 'must be a regular file, not a link or folder';
  throw new ModelFileError(model, `its weight file ${file} ${wrong}`);
}

/** The layers' weights by name; the caller owns them. */
async function readWeights(
  file: string,
  json: ModelJson,
  check: DigestCheck,
): Promise<tf.NamedTensorMap> {
  const tensors: tf.NamedTensorMap = {};
  const sha256 = createHash('sha256');
  try {
    for (const { paths, weights } of json.groups) {
      const wanted = weights.reduce((sum, { bytes }) => sum + bytes, 0);
      const data = await readGroup(file, paths, wanted, check);
      sha256.update(new Uint8Array(data));
      let at = 0;
      for (const { bytes, entry, isOfLayer } of weights) {
        const part = data.slice(at, (at += bytes));
        if (isOfLayer) Object.assign(tensors, tf.io.decodeWeights(part, [entry]));
      }
    }
    requireWeights(file, json, sha256.digest('hex'));
    return tensors;
  } catch (error) {
    tf.dispose(tensors);
    throw error;
  }
}

/** The bytes of the files one after the other. */
async function readGroup(
  file: string,
  paths: readonly string[],
  bytes: number,
  check: DigestCheck,
): Promise<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const name of paths) {
    const part = await readFile(file, weightFile(file, name), bytes - at);
    check(name, part);
    data.set(part, at);
    at += part.length;
  }
  if (at === bytes) return data.buffer;
  throw new ModelFileError(file, `its weight files changed while they were read`);
}

function weightFile(file: string, name: string): string {
  return path.join(path.dirname(file), name);
}

async function readFile(model: string, file: string, limit: number): Promise<Buffer> {
  try {
    return await nodeFiles.read(file, limit);
  } catch (error) {
    throw refuseReading(model, file, error);
  }
}

function refuseReading(model: string, file: string, error: unknown): ModelFileError {
  const reason =
    error instanceof MalformedFileError
      ? error.message
      : `cannot read ${file} (${error instanceof Error ? error.message : String(error)})`;
  return new ModelFileError(model, reason, { cause: error });
}
