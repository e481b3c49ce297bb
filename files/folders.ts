import * as path from 'node:path';
import { SecateurError } from '../errors';
import { errorCode } from './disk-error';
import { nodeFiles } from './file-layer';
import type { FileLayer } from './file-layer';

/** A path that is to be a folder is a link that leads nowhere. */
export class DeadLinkError extends SecateurError {
  override readonly name = 'DeadLinkError';
  override readonly exitCode = 2;

  constructor(readonly path: string) {
    super(`${path} must be a folder or not there yet, it is a link that leads nowhere`);
  }
}

/**
 * Makes a folder and its missing parents, all on the disk when it returns.
 *
 * @throws {DeadLinkError} when it or a parent is one.
 */
export async function ensureFolder(target: string, files: FileLayer = nodeFiles): Promise<void> {
  const parent = path.dirname(target);
  try {
    await files.makeFolder(target);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') {
      await refuseDeadLink(target, files);
      return;
    }
    if (errorCode(error) !== 'ENOENT' || parent === target) throw error;
    await ensureFolder(parent, files);
    await ensureFolder(target, files);
    return;
  }
  await files.syncFolder(parent);
}

async function refuseDeadLink(target: string, files: FileLayer): Promise<void> {
  if ((await files.status(target))?.kind !== 'other') return;
  await files.list(target).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') throw new DeadLinkError(target);
    throw error;
  });
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
