import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { errorCode, removeTree, writeNewFile } from '../../files';
import type { FileLayer } from '../../files';
import { formatCatalogue } from '../catalogue';

/** The weight files of an export; those of one that takes the place of another have a name of their own meanwhile. */
export const weightFile = /^group1-shard\d+of\d+(\.[0-9a-f]{12})?\.bin$/;

const modelFile = formatCatalogue.tfjs.file;

/**
 * Puts a finished export in its place. Whoever reads there, or finds there what a kill has left, finds the earlier
 * network whole or the new one whole: a folder cannot be exchanged for another in one step, but a file can.
 *
 * So the new weights are first laid beside the earlier ones under other names, and a model.json that names them takes
 * over, in one step; then they go to their own names, and the finished model.json takes over. What describes the
 * earlier network is away before the first of these steps, what describes the new one is there after the last.
 *
 * @param draft folder of the export, beside the target; it is gone when it returns.
 */
export async function takePlace(draft: string, target: string, files: FileLayer): Promise<void> {
  if ((await files.status(path.join(target, modelFile))) !== null) {
    await replaceExport(draft, target, files);
    return;
  }
  try {
    await files.rename(draft, target); // which may be an empty folder
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(errorCode(error) ?? '')) throw error;
    await files.removeFolder(target); // where a folder never takes the place of another
    await files.rename(draft, target);
  }
  await files.syncFolder(path.dirname(target));
}

async function replaceExport(draft: string, target: string, files: FileLayer): Promise<void> {
  const names = await files.list(draft);
  const shards = names.filter((name) => weightFile.test(name));
  const others = names.filter((name) => name !== modelFile && !shards.includes(name));
  const earlier = (await files.list(target)).filter((name) => name !== modelFile);
  const meanwhile = await layBeside(draft, target, shards, files);
  const move = async (moved: readonly string[]): Promise<void> => {
    for (const name of moved) await files.rename(path.join(draft, name), path.join(target, name));
    await files.syncFolder(target);
  };
  await move(shards);
  await move([modelFile]);
  await move(others);
  const gone = [...meanwhile, ...earlier.filter((name) => !names.includes(name))];
  await removeFiles(target, gone, files);
  await removeTree(draft, files);
}

/**
 * Makes the weights of a draft those of the target, under names of their own, which it answers; the draft stays. Where it
 * fails the earlier export is as it was.
 */
async function layBeside(
  draft: string,
  target: string,
  shards: readonly string[],
  files: FileLayer,
): Promise<string[]> {
  const token = randomBytes(6).toString('hex');
  const names = new Map(shards.map((name) => [name, name.replace(/\.bin$/, `.${token}.bin`)]));
  const json = path.join(draft, '.meanwhile.json');
  const aside = new Map<string, string>();
  try {
    for (const [name, meanwhile] of names) {
      const bytes = await files.read(path.join(draft, name), Infinity);
      await writeNewFile(path.join(target, meanwhile), bytes, files);
    }
    const model = await files.read(path.join(draft, modelFile), Infinity);
    await writeNewFile(json, renameShards(model, names), files);
    await files.syncFolder(target);
    for (const name of await files.list(target)) {
      if (name === modelFile || weightFile.test(name)) continue;
      const place = path.join(draft, `.earlier-${name}`);
      await files.rename(path.join(target, name), place);
      aside.set(name, place);
    }
    await files.rename(json, path.join(target, modelFile));
    return [...names.values()];
  } catch (error) {
    for (const [name, place] of aside) await files.rename(place, path.join(target, name));
    await removeFiles(target, [...names.values()], files).catch(() => undefined);
    throw error;
  }
}

/** A model.json whose weights have other names. */
function renameShards(json: Buffer, names: ReadonlyMap<string, string>): Buffer {
  const model = JSON.parse(json.toString('utf8')) as {
    readonly weightsManifest: readonly { readonly paths: readonly string[] }[];
  };
  const weightsManifest = model.weightsManifest.map((group) => ({
    ...group,
    paths: group.paths.map((name) => names.get(name) ?? name),
  }));
  return Buffer.from(JSON.stringify({ ...model, weightsManifest }));
}

async function removeFiles(
  folder: string,
  names: readonly string[],
  files: FileLayer,
): Promise<void> {
  for (const target of names.map((name) => path.join(folder, name))) {
    if ((await files.status(target)) !== null) await files.removeFile(target);
  }
}
