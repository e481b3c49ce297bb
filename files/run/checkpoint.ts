/**
 * Checkpoints: the training state as a folder that is whole or not there.
 *
 * `ckpt-00001200` holds tensors.bin (raw little-endian bytes, one array after the other),
 * tensors.json (the index into it), state.json (the record) and manifest.json (length and SHA-256 of
 * the three). Nothing is parsed before its hash is right, and no path is ever taken from a file.
 */

import { constants as bufferLimits } from 'node:buffer';
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import type { FileLayer, JsonObject, JsonValue } from '../durable-files';
import {
  asDiskError,
  canonicalJson,
  DiskError,
  ensureFolder,
  errorCode,
  isForbiddenKey,
  isJsonObject,
  Leftover,
  MalformedFileError,
  nodeFiles,
  parseCanonicalJson,
  removeTree,
  sweepLeftovers,
  writeNewFile,
} from '../durable-files';

/** An array of numbers with a shape; `bool` holds 0 and 1, one byte each. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** All that a run needs to go on as if it had never stopped. */
export interface TrainingState {
  /** Weights, masks and optimizer slots; names carry a prefix such as `model/` or `optimizer/`. */
  readonly tensors: ReadonlyMap<string, NamedArray>;
  /** Step, epoch, keep set, best metrics, configuration, fingerprints, versions. */
  readonly record: JsonObject;
}

/** How `saveCheckpoint` treats the checkpoints that are there already. */
export interface SaveCheckpointOptions {
  /** How many to keep, the new one included, at least 1. @default 2 */
  readonly keep?: number;
  /** Steps that are never deleted, such as that of the best validation. @default [] */
  readonly protect?: readonly number[];
  /** Told when an old checkpoint could not be deleted, which does not fail the save. */
  readonly warn?: (message: string) => void;
  /** @default nodeFiles */
  readonly files?: FileLayer;
}

/** A checkpoint that was passed over, and why. */
export interface SkippedCheckpoint {
  readonly path: string;
  readonly reason: string;
}

/** A checkpoint in memory; the arrays belong to the caller. */
export interface LoadedCheckpoint {
  readonly path: string;
  readonly step: number;
  readonly state: TrainingState;
  /** Newer checkpoints that could not be used, newest first. */
  readonly skipped: readonly SkippedCheckpoint[];
}

/** The state handed to `saveCheckpoint` must not be saved; nothing was written. */
export class CheckpointStateError extends Error {
  override readonly name = 'CheckpointStateError';
  readonly exitCode = 1;

  constructor(
    message: string,
    /** The tensor at fault; null when it is the record. */
    readonly tensor: string | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A checkpoint folder is not what was saved. */
export class CheckpointDamagedError extends Error {
  override readonly name = 'CheckpointDamagedError';
  readonly exitCode = 3;

  constructor(
    readonly path: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`checkpoint ${path} cannot be used: ${reason}`, options);
  }
}

/** There are checkpoints, but none that can be used. */
export class NoValidCheckpointError extends Error {
  override readonly name = 'NoValidCheckpointError';
  readonly exitCode = 3;

  constructor(
    readonly folder: string,
    /** Each checkpoint and why it was refused, newest first. */
    readonly skipped: readonly SkippedCheckpoint[],
  ) {
    const list = skipped.map(({ path, reason }) => `\n  ${path}: ${reason}`).join('');
    super(`no valid checkpoint in ${folder}:${list}`);
  }
}

const format = 'secateur-checkpoint/1';
const manifestName = 'manifest.json';
const dataNames = ['state.json', 'tensors.bin', 'tensors.json'] as const;
const manifestLimit = 65_536; // bytes; a real one has about 400
const jsonLimit = 67_108_864; // bytes
const maxNameLength = 1024;
const maxRank = 16;
const itemBytes = { float32: 4, int32: 4, bool: 1 } as const;
const arrayTypes = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

type DataName = (typeof dataNames)[number];
type DataFiles = Readonly<Record<DataName, Uint8Array>>;

interface Encoded {
  readonly data: DataFiles;
  readonly manifest: Uint8Array;
  /** Bytes of the whole checkpoint. */
  readonly bytes: number;
}

/**
 * Saves the state of a step as `folder/ckpt-<step>` and then deletes the older checkpoints that are
 * not to be kept; newer ones are left alone. The state is copied before the first await. A save at a
 * step that is there already keeps that folder when it holds the same state, else replaces it.
 *
 * @param step number of finished steps, at least 0.
 * @returns the path of the checkpoint, which has been read back and compared.
 * @throws {CheckpointStateError} naming the tensor, when a value is not finite or the state is not
 *   consistent; nothing is written then.
 * @throws {DiskError} when the disk is full or failing; earlier checkpoints are intact then and
 *   nothing of the new one remains.
 */
export async function saveCheckpoint(
  folder: string,
  step: number,
  state: TrainingState,
  options: SaveCheckpointOptions = {},
): Promise<string> {
  const settings = { keep: 2, protect: [], warn: () => undefined, files: nodeFiles, ...options };
  const { files } = settings;
  requireCount('step', step, 0);
  requireCount('keep', settings.keep, 1);
  const encoded = encode(step, state);
  const name = folderName(step);
  const target = path.join(folder, name);
  try {
    await ensureFolder(folder, files);
    await sweepLeftovers(folder, files);
    if (!(await holds(target, encoded, files))) await install(folder, name, encoded, files);
  } catch (error) {
    throw await asDiskError(error, target, encoded.bytes, files);
  }
  await removeOlder(folder, step, settings);
  return target;
}

/**
 * Loads the valid checkpoint with the highest step.
 *
 * @returns null when there is no checkpoint at all.
 * @throws {NoValidCheckpointError} when there are some but none can be used.
 */
export async function loadNewestCheckpoint(
  folder: string,
  options: { readonly files?: FileLayer } = {},
): Promise<LoadedCheckpoint | null> {
  const { files = nodeFiles } = options;
  await sweepLeftovers(folder, files);
  const skipped: SkippedCheckpoint[] = [];
  for (const step of await stepsIn(folder, files)) {
    const candidate = path.join(folder, folderName(step));
    try {
      return { ...(await loadCheckpoint(candidate, options)), skipped };
    } catch (error) {
      if (!(error instanceof CheckpointDamagedError)) throw error;
      skipped.push({ path: candidate, reason: error.reason });
    }
  }
  if (skipped.length > 0) throw new NoValidCheckpointError(folder, skipped);
  return null;
}

/**
 * Loads one checkpoint folder, after its hashes were checked.
 *
 * @throws {CheckpointDamagedError} with the reason.
 */
export async function loadCheckpoint(
  folder: string,
  options: { readonly files?: FileLayer } = {},
): Promise<LoadedCheckpoint> {
  try {
    const { step, data } = await readVerified(folder, options.files ?? nodeFiles);
    return { path: folder, step, state: decode(folder, step, data), skipped: [] };
  } catch (error) {
    throw asDamage(folder, error);
  }
}

/**
 * SHA-256, in hexadecimal, of a training state: the same for two states exactly when every name,
 * type, shape and byte of their tensors and their records are the same.
 */
export function stateHash(state: TrainingState): string {
  return sha256(encode(0, state).manifest); // which holds the hashes of index, bytes and record
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function requireCount(name: string, value: number, least: number): void {
  if (isCount(value) && value >= least) return;
  throw new RangeError(`${name} must be an integer >= ${least}, got ${value}`);
}

function folderName(step: number): string {
  return `ckpt-${String(step).padStart(8, '0')}`;
}

/** The steps that have a folder, highest first; its content is not looked at. */
async function stepsIn(folder: string, files: FileLayer): Promise<number[]> {
  const names = await files.list(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return names
    .map((name) => Number(/^ckpt-(\d{8,16})$/.exec(name)?.[1] ?? Number.NaN))
    .filter((step, index) => isCount(step) && folderName(step) === names[index])
    .sort((one, other) => other - one);
}

// ---------------------------------------------------------------------------------------- to bytes

interface TensorEntry {
  readonly name: string;
  readonly dtype: NamedArray['dtype'];
  readonly shape: readonly number[];
  /** First byte in tensors.bin; each array begins where the one before it ends. */
  readonly offset: number;
  readonly bytes: number;
}

function encode(step: number, state: TrainingState): Encoded {
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
  return Buffer.from(canonicalJson({ files, format, step }));
}

function checkArray(name: string, array: NamedArray): NamedArray {
  const fault = nameFault(name) ?? arrayFault(array);
  if (fault === null) return array;
  throw new CheckpointStateError(`tensor ${JSON.stringify(name)} ${fault}`, name);
}

/** What is wrong with a tensor's name; null when nothing is. */
function nameFault(name: string): string | null {
  if (name.length === 0 || name.length > maxNameLength) {
    return `must have a name of 1 to ${maxNameLength} characters, got ${name.length}`;
  }
  if (/[\p{Cc}\\]/u.test(name)) return 'has a control character or a backslash in its name';
  const isReserved = (part: string): boolean =>
    part === '' || part === '.' || part === '..' || isForbiddenKey(part);
  if (name.split('/').some(isReserved)) return 'has an empty or reserved part in its name';
  return null;
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

function valueFault(dtype: NamedArray['dtype'], values: NamedArray['values']): string | null {
  if (dtype === 'int32') return null;
  const limit = dtype === 'bool' ? 1 : Infinity;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (value <= limit && Number.isFinite(value)) continue;
    const allowed = dtype === 'bool' ? '0 or 1' : 'finite';
    return `must be ${allowed}, got ${value} at index ${index}`;
  }
  return null;
}

/** Number of values of a shape; NaN for a shape that no array has. */
function sizeOf(shape: readonly unknown[]): number {
  if (shape.length > maxRank || !shape.every(isCount)) return Number.NaN;
  const size = shape.reduce((product, length) => product * length, 1);
  return Number.isSafeInteger(size) ? size : Number.NaN;
}

// ------------------------------------------------------------------------------------- to the disk

/** Whether the folder holds exactly this checkpoint, undamaged. */
async function holds(target: string, encoded: Encoded, files: FileLayer): Promise<boolean> {
  if ((await files.status(target)) === null) return false;
  try {
    const { manifest } = await readVerified(target, files);
    return manifest.equals(encoded.manifest);
  } catch {
    return false; // damaged or unreadable: it is replaced
  }
}

async function install(
  folder: string,
  name: string,
  encoded: Encoded,
  files: FileLayer,
): Promise<void> {
  const temporary = new Leftover('tmp', name);
  const aside = new Leftover('old', name);
  const draft = path.join(folder, temporary.name);
  const target = path.join(folder, name);
  let isPlaced = false;
  try {
    await writeFolder(draft, encoded, files);
    if ((await files.status(target)) !== null) {
      await files.rename(target, path.join(folder, aside.name));
    }
    await files.rename(draft, target);
    isPlaced = true;
    await files.syncFolder(folder);
    await verify(target, encoded, files);
  } catch (error) {
    // Its name may not be on the disk: out with it, so that a failed save changes nothing.
    if (isPlaced) await files.rename(target, draft).catch(() => undefined);
    throw error;
  } finally {
    temporary.settle();
    aside.settle();
    await sweepLeftovers(folder, files); // puts back what was set aside if nothing took its place
  }
}

async function writeFolder(draft: string, encoded: Encoded, files: FileLayer): Promise<void> {
  await files.makeFolder(draft);
  for (const name of dataNames) {
    await writeNewFile(path.join(draft, name), encoded.data[name], files);
  }
  // Last: a folder with a manifest has everything that the manifest names.
  await writeNewFile(path.join(draft, manifestName), encoded.manifest, files);
  await files.syncFolder(draft);
}

async function verify(target: string, encoded: Encoded, files: FileLayer): Promise<void> {
  try {
    const { manifest } = await readVerified(target, files);
    if (manifest.equals(encoded.manifest)) return;
  } catch (error) {
    if (!(error instanceof MalformedFileError)) throw error;
  }
  throw new DiskError({
    path: target,
    code: 'EVERIFY',
    bytesNeeded: encoded.bytes,
    bytesFree: await files.freeBytes(path.dirname(target)).catch(() => null),
  });
}

async function removeOlder(
  folder: string,
  step: number,
  options: Required<SaveCheckpointOptions>,
): Promise<void> {
  const { keep, protect, warn, files } = options;
  try {
    const older = (await stepsIn(folder, files)).filter((other) => other < step);
    const unwanted = older.slice(keep - 1).filter((other) => !protect.includes(other));
    for (const old of unwanted) await discard(folder, folderName(old), files);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    warn(`an old checkpoint in ${folder} could not be deleted: ${reason}`);
  }
}

/** Deletes a checkpoint; it is never seen in part under its own name. */
async function discard(folder: string, name: string, files: FileLayer): Promise<void> {
  const trash = new Leftover('trash', name);
  const target = path.join(folder, trash.name);
  try {
    await files.rename(path.join(folder, name), target);
    await files.syncFolder(folder);
    await removeTree(target, files);
  } finally {
    trash.settle();
  }
}

// ----------------------------------------------------------------------------------- from the disk

interface Verified {
  readonly step: number;
  readonly manifest: Buffer;
  readonly data: DataFiles;
}

/** Reads a checkpoint folder and checks every length and hash; parses the manifest only. */
async function readVerified(folder: string, files: FileLayer): Promise<Verified> {
  const status = await files.status(folder);
  if (status?.kind !== 'folder') refuse(folder, status === null ? 'is missing' : 'is not a folder');
  const file = path.join(folder, manifestName);
  const manifest = await files.read(file, manifestLimit);
  const { step, expected } = parseManifest(file, parseCanonicalJson(manifest, file));
  const name = path.basename(folder);
  if (/^ckpt-\d+$/.test(name) && name !== folderName(step)) {
    refuse(file, `names step ${step}, the folder another`);
  }
  const data: Partial<Record<DataName, Uint8Array>> = {};
  for (const dataName of dataNames) {
    data[dataName] = await readFile(path.join(folder, dataName), expected[dataName], files);
  }
  return { step, manifest, data: data as DataFiles };
}

interface Expected {
  readonly bytes: number;
  readonly sha256: string;
}

async function readFile(file: string, expected: Expected, files: FileLayer): Promise<Uint8Array> {
  const limit = file.endsWith('.json') ? jsonLimit : bufferLimits.MAX_LENGTH;
  const bytes = await files.read(file, limit);
  if (bytes.byteLength !== expected.bytes) {
    refuse(file, `has ${bytes.byteLength} bytes, the manifest says ${expected.bytes}`);
  }
  if (sha256(bytes) !== expected.sha256) refuse(file, 'does not match its SHA-256');
  return bytes;
}

function parseManifest(
  file: string,
  value: JsonValue,
): { step: number; expected: Readonly<Record<DataName, Expected>> } {
  if (!isJsonObject(value)) refuse(file, 'is not a JSON object');
  if (value.format !== format) {
    refuse(file, `has format ${JSON.stringify(value.format)}, this version reads "${format}"`);
  }
  const { step, files } = value;
  if (!hasKeys(value, ['files', 'format', 'step']) || !isCount(step)) {
    refuse(file, 'must hold files, format and a step >= 0, nothing else');
  }
  if (!isJsonObject(files) || !hasKeys(files, dataNames)) {
    refuse(file, `must list the files ${dataNames.join(', ')} and no other`);
  }
  for (const name of dataNames) {
    if (!isExpected(files[name])) refuse(file, `must give bytes and sha256 for ${name}`);
  }
  return { step, expected: files as unknown as Record<DataName, Expected> };
}

function isExpected(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value) || !hasKeys(value, ['bytes', 'sha256'])) return false;
  const hash = value.sha256;
  return isCount(value.bytes) && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash);
}

/** Whether an object has exactly these keys, given in sorted order. */
function hasKeys(value: JsonObject, keys: readonly string[]): boolean {
  const found = Object.keys(value).sort();
  return found.length === keys.length && found.every((key, index) => key === keys[index]);
}

/** The hash proves that the bytes are as written, not that this project wrote them: all is checked. */
function decode(folder: string, step: number, data: DataFiles): TrainingState {
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

function refuse(file: string, reason: string): never {
  throw new MalformedFileError(file, reason);
}

/** Failures of the process, not of the checkpoint: passing over it for these would lose work. */
const passingCodes = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR', 'EAGAIN']);

function asDamage(folder: string, error: unknown): unknown {
  if (error instanceof MalformedFileError) {
    const file = path.relative(folder, error.path);
    const reason = file === '' ? error.reason : `${file} ${error.reason}`;
    return new CheckpointDamagedError(folder, reason, { cause: error });
  }
  const code = errorCode(error);
  if (code === undefined || passingCodes.has(code)) return error;
  const named = error as { path?: unknown };
  const file = typeof named.path === 'string' ? path.relative(folder, named.path) : '';
  const reason = code === 'ENOENT' ? 'is missing' : `cannot be read (${code})`;
  return new CheckpointDamagedError(folder, `${file} ${reason}`.trim(), { cause: error });
}
