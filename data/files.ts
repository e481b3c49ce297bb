import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DataError, messageOf } from './data-error';
import type { FileDigest } from './data-set';

/** More than any known data set's file holds; stops a decompression bomb. */
const LARGEST_FILE_BYTES = 2 ** 30;

/** Whether `path` is a file, links followed. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
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
    const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
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
 * @throws {DataError} when it cannot be read or is not whole.
 */
export function readWhole(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path);
    return path.endsWith('.gz')
      ? gunzipSync(bytes, { maxOutputLength: LARGEST_FILE_BYTES })
      : bytes;
  } catch (cause) {
    const expected = path.endsWith('.gz') ? 'a whole, readable gzip file' : 'a readable file';
    throw new DataError({ file: path, expected, found: messageOf(cause), cause });
  }
}

/** Name, size and hash of a file's content. */
export function digestOf(name: string, bytes: Uint8Array): FileDigest {
  return { name, bytes: bytes.byteLength, sha256: sha256(bytes) };
}

/** Hex SHA-256. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}
