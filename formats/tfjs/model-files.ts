import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { OptionError, SecateurError } from '../../errors';
import {
  asDiskError,
  ensureFolder,
  errorCode,
  Leftover,
  nodeFiles,
  removeTree,
  sweepLeftovers,
  writeNewFile,
} from '../../files';
import type { FileLayer } from '../../files';
import { holdFolder } from '../../files/run/hold-folder';
import { filesBeside, formatCatalogue } from '../catalogue';
import { ModelFileError } from '../model-file-error';
import { takePlace, weightFile } from './take-place';
import { metadataOf, usageOf, usageOfWeights, withUsage } from '../usage';
import { WRITER } from './model-json';

/** Bytes of one weight file: browsers cache files of this size. */
const SHARD_BYTES = 4 * 1024 * 1024;

/** Whether an export consists of files of this name. */
function isOwnFile(name: string): boolean {
  return name === formatCatalogue.tfjs.file || weightFile.test(name) || filesBeside.has(name);
}

/** Further files beside model.json by name: text in UTF-8, or bytes. */
export type Extras = Readonly<Record<string, string | Uint8Array>>;

/** The folder that was to be written holds something that is not an earlier export. */
export class FolderInUseError extends SecateurError {
  override readonly name = 'FolderInUseError';
  override readonly exitCode = 2;
}

/**
 * Writes a network as `model.json` and weight files of 4 MB, with further files beside it.
 *
 * The folder appears whole or not at all: it is written under another name, brought to the disk and
 * renamed. An earlier export in its place is replaced: whoever reads or is stopped in between finds
 * the earlier network or the new one, whole (`takePlace`); the next call removes what was left
 * beside it. The model is borrowed; neither it nor the number of tensors changes.
 *
 * model.json says the SHA-256 of the weights in its metadata, by which a reader knows them again.
 *
 * @param extras further files by name, such as pruning.json.
 * @param files the disk; a test may give one that fails.
 * @throws {FolderInUseError} when the folder holds anything else.
 * @throws {RunInUseError} while somebody else writes it.
 * @throws {DiskError} when the disk is full or failing; an earlier export is still there.
 * @throws {ModelFileError} when two weights have one name, so that no loader could tell them apart.
 */
export function writeModel(
  model: tf.LayersModel,
  folder: string,
  extras: Extras = {},
  files: FileLayer = nodeFiles,
): Promise<void> {
  return writeChecked(model, folder, { extras, files });
}

/** What goes with a network that is written, and who looks at it first. */
export interface CheckedWrite {
  /** Further files by name. Default none. */
  readonly extras?: Extras;
  /**
   * Looks at the files, which lie in a folder of another name, before they take their place: where it throws,
   * nothing takes it. It answers files that go along, such as what it found. Default nobody looks.
   */
  readonly check?: ((draft: string, files: FileLayer) => Promise<Extras>) | undefined;
  /** The disk; a test may give one that fails. */
  readonly files?: FileLayer | undefined;
}

/** Writes as `writeModel` does, once the written files have passed a check; throws what the check throws. */
export async function writeChecked(
  model: tf.LayersModel,
  folder: string,
  { extras = {}, check, files = nodeFiles }: CheckedWrite,
): Promise<void> {
  const target = await placeOf(folder);
  const weights = weightsOf(model, target);
  checkExtras(extras);
  const parent = path.dirname(target);
  await sweepLeftovers(parent, files);
  await requireFree(target, Object.keys(extras));
  const draft = new Leftover('tmp', path.basename(target));
  const place = path.join(parent, draft.name);
  const held = await holdFolder(target, 'writing');
  try {
    await ensureFolder(parent, files);
    await files.makeFolder(place);
    await writeFiles(model, weights, place, extras, files);
    if (check) {
      const found = await check(place, files);
      checkExtras(found);
      await writeExtras(found, place, files);
    }
    await files.syncFolder(place);
    await takePlace(place, target, files);
  } catch (error) {
    await removeTree(place, files).catch(() => undefined); // the next call sweeps it
    throw await asDiskError(error, target, sizeOf(weights), files);
  } finally {
    draft.settle();
    held[Symbol.dispose]();
  }
}

/** Bytes that the model's own files take. */
export async function modelBytes(model: tf.LayersModel): Promise<number> {
  const weights = weightsOf(model, model.name);
  const sha256 = createHash('sha256');
  for await (const shard of shardsOf(weights)) sha256.update(shard);
  const json = modelJson(model, weights, sha256.digest('hex'));
  return sizeOf(weights) + Buffer.byteLength(json);
}

/**
 * Refuses a folder that is neither missing, nor empty, nor an earlier export: nothing that this
 * project did not write is ever replaced.
 *
 * @param extras names of further files that an earlier export may have had.
 * @throws {FolderInUseError} naming what is in the way.
 */
export async function requireFree(folder: string, extras: readonly string[] = []): Promise<void> {
  const names = await fs.readdir(folder).catch((error: unknown): string[] => {
    if (errorCode(error) === 'ENOENT') return [];
    if (errorCode(error) !== 'ENOTDIR') throw error;
    throw new FolderInUseError(`${folder} must be a folder or not there yet, it is a file`);
  });
  const others = names.filter((name) => !isOwnFile(name) && !extras.includes(name));
  const isExport = others.length === 0 && names.includes(formatCatalogue.tfjs.file);
  if (names.length === 0 || isExport) return;
  const held = (others.length > 0 ? others : names).slice(0, 3).join(', ');
  throw new FolderInUseError(`${folder} must be empty or hold an earlier export, it holds ${held}`);
}

/** Where a folder really is: replacing a link would leave the old export where it leads. */
async function placeOf(folder: string): Promise<string> {
  return fs.realpath(folder).catch(async (error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
    if ((await nodeFiles.status(folder)) === null) return path.resolve(folder);
    throw new FolderInUseError(`${folder} must be a folder or not there yet, it is a dead link`);
  });
}

function checkExtras(extras: Extras): void {
  for (const name of Object.keys(extras)) {
    const isOfModel = isOwnFile(name) && !filesBeside.has(name);
    if (isOfModel || !/^[\w-][\w.-]*$/.test(name)) {
      throw new OptionError({
        option: 'extras',
        problem: 'must have plain names of their own',
        received: name,
      });
    }
  }
}

/** A weight as the manifest lists it. */
interface NamedWeight {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly bytes: number;
  readonly variable: tf.LayerVariable;
}

function weightsOf(model: tf.LayersModel, place: string): NamedWeight[] {
  const names = new Set<string>();
  return model.weights.map((variable) => {
    const { originalName: name } = variable;
    if (names.has(name)) {
      throw new ModelFileError(
        place,
        `two weights have the name ${name}, so that the model could not be loaded again; ` +
          'layers need names of their own, in nested models too',
      );
    }
    names.add(name);
    const { shape, dtype } = variable.read();
    const bytes = tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype);
    return { name, shape: [...shape], dtype: dtype as NamedWeight['dtype'], bytes, variable };
  });
}

function sizeOf(weights: readonly NamedWeight[]): number {
  return weights.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Names of the weight files; a model without weights has an empty one, as tfjs writes it. */
function shardNames(bytes: number): string[] {
  const count = Math.max(1, Math.ceil(bytes / SHARD_BYTES));
  return Array.from({ length: count }, (_, index) => `group1-shard${index + 1}of${count}.bin`);
}

/** @param sha256 of the bytes of the weights. */
function modelJson(model: tf.LayersModel, weights: readonly NamedWeight[], sha256: string): string {
  return JSON.stringify({
    format: 'layers-model',
    generatedBy: `TensorFlow.js tfjs-layers v${tf.version_layers}`,
    convertedBy: WRITER,
    userDefinedMetadata: withUsage(metadataOf(model), usageOfWeights(usageOf(model), sha256)),
    modelTopology: model.toJSON(null, false) as object,
    weightsManifest: [
      {
        paths: shardNames(sizeOf(weights)),
        weights: weights.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
      },
    ],
  });
}

async function writeFiles(
  model: tf.LayersModel,
  weights: readonly NamedWeight[],
  folder: string,
  extras: Extras,
  files: FileLayer,
): Promise<void> {
  const names = shardNames(sizeOf(weights));
  const sha256 = createHash('sha256');
  for await (const shard of shardsOf(weights)) {
    sha256.update(shard);
    await writeNewFile(path.join(folder, names.shift()!), shard, files);
  }
  const json = modelJson(model, weights, sha256.digest('hex'));
  await writeExtras({ ...extras, [formatCatalogue.tfjs.file]: json }, folder, files);
}

async function writeExtras(extras: Extras, folder: string, files: FileLayer): Promise<void> {
  for (const [name, content] of Object.entries(extras)) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    await writeNewFile(path.join(folder, name), bytes, files);
  }
}

/** The weights' bytes one after the other, cut into files; a part is used up before the next. */
async function* shardsOf(weights: readonly NamedWeight[]): AsyncGenerator<Uint8Array> {
  const shard = new Uint8Array(Math.min(SHARD_BYTES, sizeOf(weights)));
  let filled = 0;
  let sent = 0;
  for (const { variable } of weights) {
    const values = await variable.read().data();
    let bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    while (bytes.length > 0) {
      const part = bytes.subarray(0, shard.length - filled);
      shard.set(part, filled);
      filled += part.length;
      bytes = bytes.subarray(part.length);
      if (filled < shard.length) continue;
      yield shard;
      sent++;
      filled = 0;
    }
  }
  if (filled > 0 || sent === 0) yield shard.subarray(0, filled);
}
