import * as path from 'node:path';
import { errorCode } from './disk-error';
import { nodeFiles } from './file-layer';
import type { FileLayer } from './file-layer';

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
