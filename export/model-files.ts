import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

/** Bytes of one weight file: browsers cache files of this size. */
const SHARD_BYTES = 4 * 1024 * 1024;
const MODEL_JSON_LIMIT = 64 * 1024 * 1024;

/** A model file cannot be read as a network. */
export class ModelFileError extends Error {
  override readonly name = 'ModelFileError';
  readonly exitCode = 1;

  constructor(
    readonly file: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${reason}`, options);
  }
}

/** The folder that was to be written holds something that is not an earlier export. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  readonly exitCode = 2;
}

/**
 * Writes a network as `model.json` and weight files of 4 MB, with further files beside it.
 *
 * The folder appears whole or not at all: it is written under another name and renamed. An earlier
 * export in its place (a folder that holds model.json) is replaced.
 *
 * @param extras further files by name, such as pruning.json.
 * @throws {FolderInUseError} when the folder holds anything else.
 */
export async function writeModel(
  model: tf.LayersModel,
  folder: string,
  extras: Readonly<Record<string, string>> = {},
): Promise<void> {
  await requireFree(folder);
  const files = { ...(await modelFiles(model)), ...extras };
  const temporary = `${path.resolve(folder)}.tmp-${process.pid}`;
  await fs.rm(temporary, { recursive: true, force: true });
  await fs.mkdir(temporary, { recursive: true });
  try {
    for (const [name, content] of Object.entries(files)) {
      await fs.writeFile(path.join(temporary, name), content, { flush: true });
    }
    await syncFolder(temporary);
    await swapIn(temporary, folder);
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** Bytes that the model's own files take. */
export async function modelBytes(model: tf.LayersModel): Promise<number> {
  return totalBytes(await modelFiles(model));
}

function totalBytes(files: Readonly<Record<string, string | Buffer>>): number {
  return Object.values(files).reduce<number>((sum, file) => sum + Buffer.byteLength(file), 0);
}

/** Refuses a folder that is neither missing, nor empty, nor an earlier export. */
export async function requireFree(folder: string): Promise<void> {
  const names = await fs.readdir(folder).catch((error: unknown): string[] => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  if (names.length > 0 && !names.includes('model.json')) {
    throw new FolderInUseError(
      `${folder} must be empty or hold an earlier export, it holds ${names.slice(0, 3).join(', ')}`,
    );
  }
}

/** The files of a model by name, as tf.loadLayersModel reads them. */
async function modelFiles(model: tf.LayersModel): Promise<Record<string, string | Buffer>> {
  const files: Record<string, string | Buffer> = {};
  const collect = (artifacts: tf.io.ModelArtifacts): Promise<tf.io.SaveResult> => {
    const data = artifacts.weightData;
    const parts = (Array.isArray(data) ? data : [data!]).map((part) => Buffer.from(part));
    const weights = Buffer.concat(parts);
    const count = Math.max(1, Math.ceil(weights.length / SHARD_BYTES));
    const paths = Array.from(
      { length: count },
      (_, index) => `group1-shard${index + 1}of${count}.bin`,
    );
    paths.forEach((name, index) => {
      files[name] = weights.subarray(index * SHARD_BYTES, (index + 1) * SHARD_BYTES);
    });
    files['model.json'] = JSON.stringify({
      format: 'layers-model',
      generatedBy: `TensorFlow.js tfjs-layers v${tf.version_layers}`,
      convertedBy: null,
      modelTopology: artifacts.modelTopology,
      weightsManifest: [{ paths, weights: artifacts.weightSpecs }],
    });
    const modelArtifactsInfo = { dateSaved: new Date(0), modelTopologyType: 'JSON' as const };
    return Promise.resolve({ modelArtifactsInfo });
  };
  await model.save(tf.io.withSaveHandler(collect));
  return files;
}

async function swapIn(temporary: string, folder: string): Promise<void> {
  const old = `${path.resolve(folder)}.old-${process.pid}`;
  const replaced: boolean = await fs.rename(folder, old).then(
    () => true,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    },
  );
  await fs.rename(temporary, folder);
  await syncFolder(path.dirname(path.resolve(folder)));
  if (replaced) await fs.rm(old, { recursive: true, force: true });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

interface ModelJson {
  readonly modelTopology: object;
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: tf.io.WeightsManifestEntry[];
  }[];
}

/**
 * Reads a LayersModel from its `model.json`.
 *
 * Weight files must lie in the same folder under plain names and have exactly the bytes that the
 * weights' shapes ask for; nothing outside the folder is read.
 *
 * @throws {ModelFileError} when the file is no such model, with the reason.
 */
export async function readModel(file: string): Promise<tf.LayersModel> {
  const json = parseModelJson(file, await readFile(file, file, MODEL_JSON_LIMIT));
  const specs = json.weightsManifest.flatMap(({ weights }) => weights);
  const wanted = specs.reduce((sum, spec) => sum + bytesOf(file, spec), 0);
  const parts: Buffer[] = [];
  let left = wanted;
  for (const name of json.weightsManifest.flatMap(({ paths }) => paths)) {
    const part = await readFile(file, weightPath(file, name), left);
    left -= part.length;
    parts.push(part);
  }
  if (left !== 0) {
    throw new ModelFileError(
      file,
      `its weight files must hold ${wanted} bytes, they hold ${wanted - left}`,
    );
  }
  const weights = Buffer.concat(parts);
  const weightData = weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length);
  const { modelTopology } = json;
  try {
    return await tf.loadLayersModel(
      tf.io.fromMemory({
        modelTopology,
        weightSpecs: specs,
        weightData: weightData,
      }),
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelFileError(file, `it is no network that TensorFlow.js can build: ${reason}`, {
      cause: error,
    });
  }
}

function parseModelJson(file: string, bytes: Buffer): ModelJson {
  let json: Partial<ModelJson> | null;
  try {
    json = JSON.parse(bytes.toString('utf8')) as Partial<ModelJson> | null;
  } catch (error) {
    throw new ModelFileError(file, 'it is not JSON', { cause: error });
  }
  const { modelTopology, weightsManifest } = json ?? {};
  if (typeof modelTopology !== 'object' || !Array.isArray(weightsManifest)) {
    const graph = 'it must be a LayersModel (modelTopology and weightsManifest)';
    throw new ModelFileError(file, `${graph}; a GraphModel cannot be pruned`);
  }
  for (const group of weightsManifest as unknown[]) {
    const { paths, weights } = (group ?? {}) as Record<string, unknown>;
    if (!Array.isArray(paths) || !Array.isArray(weights)) {
      throw new ModelFileError(
        file,
        'each group of its weightsManifest must have paths and weights',
      );
    }
  }
  return { modelTopology, weightsManifest: weightsManifest as ModelJson['weightsManifest'] };
}

function weightPath(file: string, name: unknown): string {
  if (typeof name !== 'string' || !/^[\w][\w.-]*$/.test(name)) {
    throw new ModelFileError(
      file,
      `its weight files must have plain names, got ${JSON.stringify(name)}`,
    );
  }
  return path.join(path.dirname(file), name);
}

const bytesPerValue: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1 };

function bytesOf(file: string, spec: tf.io.WeightsManifestEntry): number {
  const { name, shape, dtype, quantization } = spec;
  const size = bytesPerValue[quantization ? '' : dtype];
  const isShape =
    Array.isArray(shape) && shape.every((length) => Number.isInteger(length) && length >= 0);
  if (size === undefined || !isShape) {
    throw new ModelFileError(
      file,
      `weight ${String(name)} must be a float32, int32 or bool array of a known shape, not quantized`,
    );
  }
  return shape.reduce((product, length) => product * length, size);
}

async function readFile(model: string, file: string, limit: number): Promise<Buffer> {
  const status = await fs.lstat(file).catch((error: unknown) => {
    throw new ModelFileError(model, `cannot read ${file}`, { cause: error });
  });
  const isModel = model === file; // only the file that the user names may be a link
  if (!status.isFile() && !(isModel && status.isSymbolicLink())) {
    throw new ModelFileError(model, `${file} must be a regular file`);
  }
  if (status.size > limit) {
    throw new ModelFileError(
      model,
      `${file} must be at most ${limit} bytes, it has ${status.size}`,
    );
  }
  return fs.readFile(file);
}
