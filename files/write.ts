/**
 * Files that are whole or absent: write under a temporary name, flush, rename, flush the folder.
 *
 * Everything goes through a `FileLayer`, so that a test can fail any single operation or cut the
 * power between two of them.
 */

import * as path from 'node:path';
import { asDiskError } from './disk-error';
import { nodeFiles } from './file-layer';
import type { FileLayer, OpenFile } from './file-layer';
import { Leftover } from './leftovers';

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
