import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { isJsonObject, readInputText } from '../files';
import type { JsonObject, JsonValue } from '../files';
import { FolderInUseError, modelPlace, requireFree } from '../formats';

/** What goes to a folder, and what was read for it. */
export interface PlaceOptions {
  /** The networks that are read: models, or the paths of files; null and `dense` name none. */
  readonly read: readonly (tf.LayersModel | string | null | undefined)[];
  /** Where the network that is written comes from, as pruning.json says it. */
  readonly source: string;
  /** The network itself, where it may have been written before without a pruning.json. */
  readonly model?: tf.LayersModel;
  /** Whether an export of another network may be replaced. Default false. */
  readonly force?: boolean | undefined;
}

/**
 * Refuses a folder that a network must not be written to: one with files that are not of an export, one that holds
 * a network that is read, by whatever path or link, and an export of another network.
 *
 * An export is of the same network when its pruning.json names the same source, paths resolved; one without a
 * pruning.json, as `export` writes it, when it has the same layers.
 *
 * @throws {FolderInUseError} saying what is in the way; `force` helps against the last alone.
 */
export async function requirePlace(folder: string, options: PlaceOptions): Promise<void> {
  await requireFree(folder);
  const names = await fs.readdir(folder).catch((): string[] => []);
  if (names.length === 0) return;
  await requireNotRead(folder, options.read);
  const held = options.force ? null : await findOtherSource(folder, options);
  if (held === null) return;
  throw new FolderInUseError(
    `${folder} must be empty or hold an earlier export of ${options.source}, it holds one of ${held}; ` +
      'choose another folder, or replace it with the option force',
  );
}

/**
 * Refuses a folder that holds a network that is read: writing to it would replace the only copy.
 *
 * @throws {FolderInUseError}
 */
export async function requireNotRead(folder: string, read: PlaceOptions['read']): Promise<void> {
  const target = await identify(folder);
  if (target === null) return;
  const names = await fs.readdir(folder).catch((): string[] => []);
  const held = await Promise.all(names.map((name) => identify(path.join(folder, name))));
  for (const model of read) {
    if (typeof model !== 'string' || model === 'dense') continue;
    for (const file of await filesOf(model)) {
      const isHeld = held.includes((await identify(file)) ?? '') || (await isWithin(file, target));
      if (!isHeld) continue;
      throw new FolderInUseError(
        `${folder} must not hold a network that is read, it holds ${path.basename(file)} of ${model}: ` +
          'choose another folder',
      );
    }
  }
}

/** The files of a network: its model.json, and the weights that it names. Missing ones are for the reader to say. */
async function filesOf(model: string): Promise<string[]> {
  const file = await modelPlace(model).catch(() => null);
  if (file === null) return [];
  const { weightsManifest } = await readObject(file);
  const groups = Array.isArray(weightsManifest) ? (weightsManifest as JsonValue[]) : [];
  const names = groups.flatMap((group) => (isJsonObject(group) ? group.paths : []));
  const weights = names.filter((name) => typeof name === 'string');
  const whole = [file, ...weights.map((name) => path.join(path.dirname(file), name))];
  const real = await Promise.all(whole.map((name) => fs.realpath(name).catch(() => name)));
  return [...new Set([...whole, ...real].map((name) => path.resolve(name)))];
}

/** Whether a file lies in a folder, or in one within it. */
async function isWithin(file: string, folder: string): Promise<boolean> {
  for (let at = file; at !== path.dirname(at);) {
    at = path.dirname(at);
    if ((await identify(at)) === folder) return true;
  }
  return false;
}

/** What a file or folder is the same by, whatever it is called: its device and number, links followed. */
async function identify(place: string): Promise<string | null> {
  const status = await fs.stat(place, { bigint: true }).catch(() => null);
  return status && `${status.dev}:${status.ino}`;
}

/** Of what the export in a folder is, where it is of another network; null where it is of the same. */
async function findOtherSource(
  folder: string,
  { source, model }: PlaceOptions,
): Promise<string | null> {
  const { source: held } = await readObject(path.join(folder, 'pruning.json'));
  if (typeof held === 'string') {
    const [one, other] = await Promise.all([resolve(held), resolve(source)]);
    return held === source || one === other ? null : held;
  }
  const { modelTopology } = await readObject(path.join(folder, 'model.json'));
  const own: unknown = model?.toJSON(null, false);
  const isSame = own !== undefined && layersOf(own) === layersOf(modelTopology);
  return isSame ? null : 'a network whose source is not known';
}

/** The layers of a topology as text: neither what their weights began with, nor who wrote it. */
function layersOf(topology: unknown): string {
  const isBeside = (key: string): boolean => /initializer$|^keras_version$/i.test(key);
  return JSON.stringify([topology], (key, value: unknown) => (isBeside(key) ? null : value));
}

/** The file that a source names; an architecture's name stays as good as it was. */
async function resolve(source: string): Promise<string> {
  const file = await modelPlace(source).catch(() => source);
  return fs.realpath(file).catch(() => path.resolve(file));
}

/** The object in a file of JSON; an empty one where there is none. */
async function readObject(file: string): Promise<JsonObject> {
  try {
    const value = JSON.parse(await readInputText(file)) as JsonValue;
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
