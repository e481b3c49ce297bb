import * as fs from 'node:fs';
import * as path from 'node:path';
import { asDiskError } from '../disk-error';
import { nodeFiles } from '../file-layer';
import { ensureFolder } from '../folders';
import { RunLock } from './run-lock';

/**
 * Holds a folder that is about to be written, there already or not, until it is disposed: of several who want to write
 * it one does, and the others are told. The lock lies beside the folder, whose content is not touched.
 *
 * @param purpose tells locks of one folder apart: who holds it for one may hold it for another.
 * @throws {RunInUseError} while a live process, this one too, holds it for the same purpose.
 * @throws {DiskError} when the disk is full or failing.
 */
export async function holdFolder(folder: string, purpose = 'lock'): Promise<Disposable> {
  const target = await fs.promises.realpath(folder).catch(() => path.resolve(folder));
  const parent = path.dirname(target);
  const name = `.${path.basename(target)}.${purpose}`;
  try {
    await ensureFolder(parent);
    const lock = new RunLock(parent, fs.linkSync, name, target);
    return {
      [Symbol.dispose]: () => {
        lock.release();
      },
    };
  } catch (error) {
    throw await asDiskError(error, path.join(parent, name), null, nodeFiles);
  }
}

/** Holds a folder while something is done. Throws as `holdFolder`, and what is thrown meanwhile. */
export async function whileHolding<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const held = await holdFolder(folder);
  try {
    return await act();
  } finally {
    held[Symbol.dispose]();
  }
}
