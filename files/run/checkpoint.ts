/**
 * Checkpoints: the training state as a folder that is whole or not there.
 *
 * `ckpt-00001200` holds tensors.bin (raw little-endian bytes, one array after the other),
 * tensors.json (the index into it), state.json (the record) and manifest.json (length and SHA-256 of
 * the three). Nothing is parsed before its hash is right, and no path is ever taken from a file.
 */

import * as path from 'node:path';
import { OptionError } from '../../errors';
import type { FileLayer } from '../file-layer';
import { asDiskError, DiskError, errorCode } from '../disk-error';
import { nodeFiles } from '../file-layer';
import { ensureFolder, removeTree } from '../folders';
import { Leftover, sweepLeftovers } from '../leftovers';
import { MalformedFileError } from '../malformed-file-error';
import { writeNewFile } from '../write';
import { CheckpointDamagedError, NoValidCheckpointError, asDamage } from './checkpoint-errors';
import type { SkippedCheckpoint } from './checkpoint-errors';
import { dataNames, folderName, isCount, manifestName } from './checkpoint-layout';
import { decodeState } from './decode-checkpoint';
import { encodeCheckpoint } from './encode-checkpoint';
import type { Encoded } from './encode-checkpoint';
import type { TrainingState } from './training-state';
import { readVerified } from './verified-checkpoint';

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

/** A checkpoint in memory; the arrays belong to the caller. */
export interface LoadedCheckpoint {
  readonly path: string;
  readonly step: number;
  readonly state: TrainingState;
  /** Newer checkpoints that could not be used, newest first. */
  readonly skipped: readonly SkippedCheckpoint[];
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
  const encoded = encodeCheckpoint(step, state);
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

/** How checkpoints are looked at. */
export interface LoadOptions {
  /**
   * Takes the state in; where it throws a MalformedFileError the checkpoint counts as damaged. Default anything goes.
   */
  readonly accept?: (loaded: LoadedCheckpoint) => void;
  /** Only checkpoints up to this step count. @default all */
  readonly upTo?: number;
  /** @default nodeFiles */
  readonly files?: FileLayer;
}

/**
 * Loads the valid checkpoint with the highest step.
 *
 * @param place a folder of checkpoints, or several, of which the first is taken where they have the same step.
 * @returns null when there is no checkpoint at all.
 * @throws {NoValidCheckpointError} when there are some but none can be used.
 */
export async function loadNewestCheckpoint(
  place: string | readonly string[],
  options: LoadOptions = {},
): Promise<LoadedCheckpoint | null> {
  const folders = [place].flat();
  const skipped: SkippedCheckpoint[] = [];
  for (const candidate of await findCandidates(folders, options)) {
    try {
      return { ...(await loadCheckpoint(candidate.path, options)), skipped };
    } catch (error) {
      if (!(error instanceof CheckpointDamagedError)) throw error;
      skipped.push({ path: candidate.path, reason: error.reason });
    }
  }
  if (skipped.length > 0) throw new NoValidCheckpointError(folders[0]!, skipped);
  return null;
}

/**
 * Loads one checkpoint folder, after its hashes were checked.
 *
 * @throws {CheckpointDamagedError} with the reason.
 */
export async function loadCheckpoint(
  folder: string,
  { accept, files = nodeFiles }: Pick<LoadOptions, 'accept' | 'files'> = {},
): Promise<LoadedCheckpoint> {
  try {
    const { step, data } = await readVerified(folder, files);
    const loaded = { path: folder, step, state: decodeState(folder, step, data), skipped: [] };
    accept?.(loaded);
    return loaded;
  } catch (error) {
    throw asDamage(folder, error);
  }
}

function requireCount(name: string, value: number, least: number): void {
  if (isCount(value) && value >= least) return;
  throw new OptionError({ option: name, allowed: `an integer >= ${least}`, received: value });
}

/** All checkpoints in some folders, the newest first. */
async function findCandidates(
  folders: readonly string[],
  { files = nodeFiles, upTo = Infinity }: LoadOptions,
): Promise<{ readonly step: number; readonly path: string }[]> {
  const found: { readonly step: number; readonly path: string }[] = [];
  for (const folder of folders) {
    await sweepLeftovers(folder, files);
    for (const step of await stepsIn(folder, files)) {
      if (step <= upTo) found.push({ step, path: path.join(folder, folderName(step)) });
    }
  }
  return found.sort((one, other) => other.step - one.step);
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
