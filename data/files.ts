import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { statusOf } from '../files/path-status';
import { sha256 } from '../files/sha256';
import { DataError, messageOf } from './data-error';
import type { FileDigest } from './data-set';

/** More than any known data set's file holds; stops a decompression bomb. */
const LARGEST_FILE_BYTES = 2 ** 30;

/** Whether `path` is a file, links followed. */
export function isFile(path: string): boolean {
  return statusOf(path)?.isFile() ?? false;
}

/**
 * The path of `name` or of `name.gz` in a folder; the plain file wins.
 *
 * @throws {DataError} when neither is there.
 */
export function findFile(folder: string, name: string, remedy?: string): string {
  const plain = join(folder, name);
  const found = [plain, `${plain}.gz`].find(isFile);
  if (found === undefined) {
    const isFolder = statusOf(folder)?.isDirectory() ?? false;
    throw new DataError({
      file: plain,
      expected: `a file of that name, plain or .gz`,
      found: isFolder ? 'no such file' : `no folder ${folder}`,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
  return found;
}

/**
 * The content of a file, decompressed if its name ends in `.gz`.
 *
 * @param most bytes of content that are expected; not many more are ever decompressed.
 * @throws {DataError} when it cannot be read, is not whole or holds more.
 */
export function readWhole(path: string, most = LARGEST_FILE_BYTES): Uint8Array {
  const maxOutputLength = Math.min(most, LARGEST_FILE_BYTES);
  const expected = `a whole, readable gzip file of at most ${maxOutputLength} bytes of content`;
  return readAs(path, expected, () => {
    const bytes = readFileSync(path);
    return path.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength }) : bytes;
  });
}

/** The first bytes of a file's content, decompressed if its name ends in `.gz`; fewer where it is shorter. Throws as `readWhole`. */
export function readBeginning(path: string, bytes: number): Uint8Array {
  return readAs(path, 'a readable gzip file', () => {
    const packed = readFirst(path, Math.max(bytes, FIRST_PACKED_BYTES));
    if (!path.endsWith('.gz')) return packed.subarray(0, bytes);
    const finishFlush = constants.Z_SYNC_FLUSH; // the rest is not there, which is no fault
    return gunzipSync(packed, { finishFlush }).subarray(0, bytes);
  });
}

/** Enough to hold a header; at most 1,032 times as much comes out of it (deflate's highest ratio). */
const FIRST_PACKED_BYTES = 4_096;

function readFirst(path: string, count: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(count);
    return buffer.subarray(0, readSync(file, buffer, 0, count, 0));
  } finally {
    closeSync(file);
  }
}

function readAs(path: string, ofPacked: string, read: () => Uint8Array): Uint8Array {
  try {
    return read();
  } catch (cause) {
    const expected = path.endsWith('.gz') ? ofPacked : 'a readable file';
    throw new DataError({ file: path, expected, found: messageOf(cause), cause });
  }
}

/** Name, size and hash of a file's content. */
export function digestOf(name: string, bytes: Uint8Array): FileDigest {
  return { name, bytes: bytes.byteLength, sha256: sha256(bytes) };
}
