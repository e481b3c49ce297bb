/**
 * Files that are whole or absent: write under a temporary name, flush, rename, flush the folder.
 *
 * Everything goes through a `FileLayer`, so that a test can fail any single operation or cut the
 * power between two of them. JSON has one canonical form here; what is read back must be in it.
 */

import { createHash, randomBytes } from 'node:crypto';
import { constants, readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

/** A value that JSON can carry without loss; `canonicalJson` refuses NaN, Infinity and -0. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** What `FileLayer.status` tells of a path; a symbolic link is `other`. */
export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'other';
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** A file open for writing. */
export interface OpenFile {
  /** Writes some of `bytes`, from the first on, and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Returns once what was written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The file operations this project relies on; errors are those of `node:fs`. */
export interface FileLayer {
  /** `wx`: a new file, EEXIST if there is one. `a`: append, created where missing. */
  open(path: string, flags: 'wx' | 'a'): Promise<OpenFile>;
  /** The whole of a regular file of at most `limit` bytes; follows no symbolic link. */
  read(path: string, limit: number): Promise<Buffer>;
  /** What the path is itself, links not followed; null when there is nothing. */
  status(path: string): Promise<FileStatus | null>;
  /** Names in a folder. */
  list(path: string): Promise<string[]>;
  /** One new folder, EEXIST if there is one. */
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Returns once the names in the folder are on the disk; does nothing where folders cannot be synced. */
  syncFolder(path: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** Removes an empty folder. */
  removeFolder(path: string): Promise<void>;
  /** Bytes an unprivileged user can still write at `path`; null when unknown. */
  freeBytes(path: string): Promise<number | null>;
}

/** A file is not what it must be: wrong kind, too large, not canonical JSON. */
export class MalformedFileError extends Error {
  override readonly name = 'MalformedFileError';
  readonly exitCode = 1;

  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${path}: ${reason}`);
  }
}

/** Where and why a disk operation failed. */
export interface DiskErrorDetails {
  readonly path: string;
  /** The code of the operating system, such as `ENOSPC`. */
  readonly code: string;
  /** Bytes the whole operation needs; null when unknown. */
  readonly bytesNeeded: number | null;
  /** Bytes free after the temporary files were removed; null when unknown. */
  readonly bytesFree: number | null;
}

const diskFailures: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would exceed the size limit',
  EIO: 'the disk reports an input/output error',
  EVERIFY: 'what was read back is not what was written',
};

/** The disk is full or failing; what was saved before is intact. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly exitCode = 4;
  readonly path: string;
  readonly code: string;
  readonly bytesNeeded: number | null;
  readonly bytesFree: number | null;

  constructor(details: DiskErrorDetails, options?: ErrorOptions) {
    const { path, code, bytesNeeded, bytesFree } = details;
    const figure = (bytes: number | null): string => (bytes === null ? 'unknown' : String(bytes));
    super(
      `cannot write ${path}: ${diskFailures[code] ?? 'the disk failed'} (${code}); ` +
        `bytes needed: ${figure(bytesNeeded)}, bytes free: ${figure(bytesFree)}`,
      options,
    );
    this.path = path;
    this.code = code;
    this.bytesNeeded = bytesNeeded;
    this.bytesFree = bytesFree;
  }
}

/** The code of an operating-system error, such as `ENOENT`; undefined for any other value. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/**
 * The `DiskError` for a full or failing disk; any other error is returned as it is.
 *
 * @param bytesNeeded bytes of the whole operation.
 */
export async function asDiskError(
  error: unknown,
  target: string,
  bytesNeeded: number | null,
  files: FileLayer,
): Promise<unknown> {
  const code = errorCode(error);
  if (code === undefined || !Object.hasOwn(diskFailures, code) || error instanceof DiskError) {
    return error;
  }
  const bytesFree = await files.freeBytes(path.dirname(target)).catch(() => null);
  return new DiskError({ path: target, code, bytesNeeded, bytesFree }, { cause: error });
}

/** The disk of this machine. */
export const nodeFiles: FileLayer = {
  async open(target, flags) {
    const handle = await fs.open(target, flags);
    return {
      write: async (bytes) => (await handle.write(bytes)).bytesWritten,
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  async read(target, limit) {
    // O_NONBLOCK: a named pipe planted in place of the file must not hang the reader.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await openWithoutLinks(target, flags);
    try {
      const status = await handle.stat();
      if (!status.isFile()) throw new MalformedFileError(target, 'is not a regular file');
      refuseOversize(target, status.size, limit);
      return await readExactly(handle, target, status.size);
    } finally {
      await handle.close();
    }
  },
  async status(target) {
    try {
      const status = await fs.lstat(target);
      const kind = status.isFile() ? 'file' : status.isDirectory() ? 'folder' : 'other';
      return { kind, bytes: status.size, modifiedMs: status.mtimeMs };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
  },
  list: (target) => fs.readdir(target),
  makeFolder: (target) => fs.mkdir(target),
  rename: (from, to) => fs.rename(from, to),
  async syncFolder(target) {
    if (process.platform === 'win32') return; // folders cannot be opened there
    const handle = await fs.open(target, 'r');
    try {
      await handle.sync();
    } catch (error) {
      if (errorCode(error) !== 'EINVAL') throw error; // file systems without folder sync say EINVAL
    } finally {
      await handle.close();
    }
  },
  removeFile: (target) => fs.unlink(target),
  removeFolder: (target) => fs.rmdir(target),
  async freeBytes(target) {
    const status = await fs.statfs(target);
    return status.bavail * status.bsize;
  },
};

async function openWithoutLinks(target: string, flags: number): Promise<fs.FileHandle> {
  try {
    return await fs.open(target, flags);
  } catch (error) {
    if (errorCode(error) !== 'ELOOP') throw error;
    throw new MalformedFileError(target, 'is a symbolic link, which is not followed');
  }
}

async function readExactly(handle: fs.FileHandle, target: string, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size;) {
    const { bytesRead } = await handle.read(bytes, done, size - done, done);
    if (bytesRead === 0) throw new MalformedFileError(target, 'became shorter while it was read');
    done += bytesRead;
  }
  return bytes;
}

/** Throws `MalformedFileError` when a file of `bytes` is larger than `limit`. */
export function refuseOversize(target: string, bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new MalformedFileError(target, `has ${bytes} bytes, at most ${limit} are allowed`);
}

/** Writes all of `bytes`, however few the file takes at a time. */
export async function writeAll(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const written = await file.write(bytes.subarray(done));
    if (written <= 0) throw Object.assign(new Error('a write made no progress'), { code: 'EIO' });
    done += written;
  }
}

/**
 * Writes a file that must not exist yet and returns once it is on the disk (its name is not, until
 * the folder is synced). On an error the caller removes the file: after a failed sync the system
 * may hold the lost pages for clean, so a second sync would prove nothing.
 */
export async function writeNewFile(
  target: string,
  bytes: Uint8Array,
  files: FileLayer = nodeFiles,
): Promise<void> {
  const file = await files.open(target, 'wx');
  try {
    await writeAll(file, bytes);
    await file.sync();
  } catch (error) {
    await file.close().catch(() => undefined); // the first error is the one to report
    throw error;
  }
  await file.close();
}

/**
 * Puts `bytes` at `target`, whole and on the disk, whatever was there before; a reader sees the old
 * file or the new one.
 *
 * @throws {DiskError} when the disk is full or failing; the old file stays and no temporary one.
 */
export async function replaceFile(
  target: string,
  bytes: Uint8Array,
  files: FileLayer = nodeFiles,
): Promise<void> {
  const folder = path.dirname(target);
  const temporary = new Leftover('tmp', path.basename(target));
  const draft = path.join(folder, temporary.name);
  try {
    await writeNewFile(draft, bytes, files);
    await files.rename(draft, target);
    await files.syncFolder(folder);
  } catch (error) {
    await files.removeFile(draft).catch(() => undefined); // absent, or swept at the next start
    throw await asDiskError(error, target, bytes.byteLength, files);
  } finally {
    temporary.settle();
  }
}

/** Makes a folder and its missing parents, all on the disk when it returns. */
export async function ensureFolder(target: string, files: FileLayer = nodeFiles): Promise<void> {
  const parent = path.dirname(target);
  try {
    await files.makeFolder(target);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    if (errorCode(error) !== 'ENOENT' || parent === target) throw error;
    await ensureFolder(parent, files);
    await ensureFolder(target, files);
    return;
  }
  await files.syncFolder(parent);
}

/** Removes a file or a folder with all it holds; follows no link and minds nothing missing. */
export async function removeTree(target: string, files: FileLayer = nodeFiles): Promise<void> {
  const status = await files.status(target);
  if (status === null) return;
  if (status.kind !== 'folder') {
    await files.removeFile(target);
    return;
  }
  for (const name of await files.list(target)) await removeTree(path.join(target, name), files);
  await files.removeFolder(target);
}

type LeftoverKind = 'tmp' | 'trash' | 'old';

const processToken = randomBytes(6).toString('hex');
const hostToken = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
const namesInUse = new Set<string>();
const leftoverPattern = /^\.(tmp|trash|old)-(.+)-([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{12})-\d+$/;
const foreignGraceMs = 3_600_000;
let leftoverCount = 0;

/**
 * The name of something that must not outlive its process: `tmp` not finished, `trash` being
 * deleted, `old` moved aside while its successor takes its place. The name says whose it is.
 */
export class Leftover {
  readonly name: string;

  constructor(kind: LeftoverKind, label: string) {
    const owner = `${hostToken}-${process.pid}-${processToken}`;
    this.name = `.${kind}-${label}-${owner}-${leftoverCount++}`;
    namesInUse.add(this.name);
  }

  /** Says that this process is done with the name; what is still there is fair to remove. */
  settle(): void {
    namesInUse.delete(this.name);
  }
}

/**
 * Removes what dead processes left in a folder; a thing moved aside whose successor never came is
 * put back. Never fails: what cannot be removed is left for the next time.
 *
 * A process of another machine cannot be asked, so its leftovers go when they are an hour old.
 */
export async function sweepLeftovers(folder: string, files: FileLayer = nodeFiles): Promise<void> {
  const names = await files.list(folder).catch(() => []);
  for (const name of names) {
    const match = leftoverPattern.exec(name);
    if (match !== null) await sweep(folder, match, files).catch(() => undefined);
  }
}

async function sweep(folder: string, match: RegExpExecArray, files: FileLayer): Promise<void> {
  const [name, kind, label] = match as unknown as [string, LeftoverKind, string];
  const target = path.join(folder, name);
  if (!(await isAbandoned(target, match, files))) return;
  const origin = path.join(folder, label);
  if (kind === 'old' && (await files.status(origin)) === null) {
    await files.rename(target, origin);
    await files.syncFolder(folder);
  } else {
    await removeTree(target, files);
  }
}

async function isAbandoned(
  target: string,
  match: RegExpExecArray,
  files: FileLayer,
): Promise<boolean> {
  const [name, , , host, pid, token] = match as unknown as string[];
  if (token === processToken) return !namesInUse.has(name!);
  if (host === hostToken) return Number(pid) === process.pid || !isProcessAlive(Number(pid));
  const status = await files.status(target);
  return status !== null && Date.now() - status.modifiedMs > foreignGraceMs;
}

/**
 * Whether a process of this machine is running; a zombie is not.
 *
 * @param start what `processStart` gave for it: tells it from a later process with the same number.
 */
export function isProcessAlive(pid: number, start: string | null = null): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
  const seen = processStart(pid);
  if (seen === 'zombie') return false;
  return start === null || seen === null || seen === start;
}

/** When a process started, as boot and clock ticks since; null where the system does not tell. */
export function processStart(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' '); // the name may hold anything
    return fields[0] === 'Z' || fields[0] === 'X' ? 'zombie' : `${boot}/${fields[19]!}`;
  } catch {
    return null;
  }
}

const maxDepth = 64;
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a name could reach into an object's prototype. */
export function isForbiddenKey(key: string): boolean {
  return forbiddenKeys.has(key);
}

/**
 * The one way to write a value as JSON: keys sorted by code unit, no white space.
 *
 * @throws {TypeError} naming the place, for NaN, Infinity, -0, undefined, anything that is not plain
 *   data, a key such as `__proto__`, or nesting deeper than 64.
 */
export function canonicalJson(value: JsonValue): string {
  return writeJson(value, '$', 0);
}

function writeJson(value: unknown, place: string, depth: number): string {
  if (depth > maxDepth) throw new TypeError(`${place}: nested deeper than ${maxDepth}`);
  if (typeof value === 'number') return writeNumber(value, place);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    // Array.from shows the holes of a sparse array as undefined, which is refused.
    const items = Array.from(value as unknown[], (item, index) =>
      writeJson(item, `${place}[${index}]`, depth + 1),
    );
    return `[${items.join(',')}]`;
  }
  if (!isPlainObject(value)) {
    throw new TypeError(`${place}: must be plain JSON data, got ${describe(value)}`);
  }
  const entries = Object.keys(value).sort();
  return `{${entries.map((key) => writeEntry(value, key, place, depth)).join(',')}}`;
}

function writeEntry(
  value: Record<string, unknown>,
  key: string,
  place: string,
  depth: number,
): string {
  if (isForbiddenKey(key)) throw new TypeError(`${place}: the key ${key} is not allowed`);
  return `${JSON.stringify(key)}:${writeJson(value[key], `${place}.${key}`, depth + 1)}`;
}

function writeNumber(value: number, place: string): string {
  if (Number.isFinite(value) && !Object.is(value, -0)) return String(value);
  const received = Object.is(value, -0) ? '-0' : String(value);
  throw new TypeError(`${place}: must be a finite number other than -0, got ${received}`);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null) return true;
  // By shape, not identity: an object of another realm (a test runner's sandbox) is plain too.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'an object with a class' : typeof value;
}

/**
 * Reads what `canonicalJson` wrote; anything else is refused, be it the same data in another
 * notation, which also rules out a repeated key.
 *
 * @param source the file, for the error.
 * @throws {MalformedFileError} with the reason.
 */
export function parseCanonicalJson(bytes: Uint8Array, source: string): JsonValue {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value = JSON.parse(text) as JsonValue;
    if (canonicalJson(value) !== text) throw new TypeError('not in canonical form');
    return value;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MalformedFileError(source, `is not the JSON that was written: ${reason}`);
  }
}

/** Whether a JSON value is an object, not a list and not null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
