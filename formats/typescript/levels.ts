import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import { ensureFolder, nodeFiles, replaceFile } from '../../files';
import type { FileLayer } from '../../files';
import { writeChecked } from '../tfjs/model-files';
import type { CheckedWrite, Extras } from '../tfjs/model-files';
import { typescriptSource } from './typescript-source';
import type { SourceOptions } from './typescript-source';

/** Which network at which pruning level is stored, and under which folder. */
export interface LevelPlace {
  /** The folder of all stored networks. */
  readonly modelPath: string;
  readonly dataset: string;
  /** The named subset of the classes; `all` for the whole data set. */
  readonly subset: string;
  readonly network: string;
  /** Fraction removed, in [0, 1). */
  readonly rate: number;
}

/** The files of one stored level. */
export interface LevelFiles {
  /** `{modelPath}/{dataset}/{subset}/{network}_{level}.ts` */
  readonly source: string;
  /** The folder of that name without `.ts`: model.json, the weight files and the extras. */
  readonly folder: string;
}

/** A network to be stored at one level. */
export interface Level {
  readonly model: tf.LayersModel;
  readonly place: LevelPlace;
  readonly source?: SourceOptions;
  /** Further files beside model.json by name, such as pruning.json. */
  readonly extras?: Extras;
  /** Looks at the written folder before it takes its place (`CheckedWrite`). Default nobody. */
  readonly check?: CheckedWrite['check'];
}

/**
 * Where a level is stored; a level is the percentage removed: 30 for rate 0.3, 12.5 for 0.125.
 *
 * @throws {OptionError} when a name is not a plain file name, or the rate outside [0, 1).
 */
export function levelPath({ modelPath, dataset, subset, network, rate }: LevelPlace): LevelFiles {
  for (const [what, name] of Object.entries({ dataset, subset, network })) {
    if (!/^\w[\w.-]*$/.test(name)) {
      throw new OptionError({
        option: what,
        allowed: "letters, digits, '_', '-' and '.'",
        received: name,
      });
    }
  }
  if (!(rate >= 0 && rate < 1)) {
    throw new OptionError({ option: 'rate', allowed: 'in [0, 1)', received: rate });
  }
  const level = Number((rate * 100).toFixed(6)); // 0.07 * 100 is 7.000000000000001
  const folder = path.join(modelPath, dataset, subset, `${network}_${level}`);
  return { source: `${folder}.ts`, folder };
}

/**
 * Stores one level: the LayersModel with its weights in a folder, the source beside it.
 *
 * The source is made before anything is written, the folder appears whole or not at all, and the source
 * is replaced last: whoever is stopped in between leaves the source of before, if any. The model is borrowed.
 *
 * @throws {FolderInUseError} when the folder holds anything but an earlier export.
 * @throws {UnsupportedLayerError} when the network cannot be written as source; nothing is written.
 * @throws {DiskError} when the disk is full or failing; what `check` throws, when nothing is written.
 */
export async function writeLevel(level: Level, files: FileLayer = nodeFiles): Promise<LevelFiles> {
  const { model, place, source = {}, extras = {}, check } = level;
  const target = levelPath(place);
  const notes = [
    ...(source.notes ?? []),
    `Its weights: the .bin files of ${path.basename(target.folder)}/, first to last.`,
  ];
  const text = typescriptSource(model, { ...source, notes });
  await writeChecked(model, target.folder, { extras, check, files });
  await ensureFolder(path.dirname(target.source), files);
  await replaceFile(target.source, Buffer.from(text), files);
  return target;
}

/**
 * Stores several levels, one after the other; a level may be made when its turn comes.
 *
 * @param levels borrowed models; one that is made for its turn may be disposed of when the next is asked for.
 */
export async function writeLevels(
  levels: Iterable<Level> | AsyncIterable<Level>,
  files: FileLayer = nodeFiles,
): Promise<LevelFiles[]> {
  const written: LevelFiles[] = [];
  for await (const level of levels) written.push(await writeLevel(level, files));
  return written;
}
