/** Whether the files of an export are those that were written: their SHA-256 in pruning.json beside them. */
import * as path from 'node:path';
import { isJsonObject, nodeFiles, sha256 as sha256Of } from '../../files';
import type { FileLayer, JsonObject, JsonValue } from '../../files';
import { formatCatalogue } from '../catalogue';
import { ModelFileError } from '../model-file-error';
import { isSha256, readUsage } from '../usage';
import type { Usage } from '../usage';
import { MODEL_JSON_LIMIT } from './model-json';
import type { ModelJson } from './model-json';

/** The file that says what was removed, and of which files the network consists. */
export const MANIFEST_FILE = 'pruning.json';

/** By name, what a file was when it was written. */
export type FileDigests = Readonly<
  Record<string, { readonly bytes: number; readonly sha256: string }>
>;

/** What pruning.json says of the files of a network and of its use. */
export interface WrittenFacts {
  readonly usage: Usage;
  readonly files: FileDigests;
}

/** What is to be said of the files in a folder, as they were written: all but pruning.json, which says it. */
export async function describeWritten(folder: string, files: FileLayer): Promise<WrittenFacts> {
  const json = await files.read(path.join(folder, formatCatalogue.tfjs.file), MODEL_JSON_LIMIT);
  const { userDefinedMetadata } = JSON.parse(json.toString('utf8')) as JsonObject;
  const metadata = isJsonObject(userDefinedMetadata) ? userDefinedMetadata : null;
  return { usage: readUsage(metadata), files: await digestFiles(folder, files) };
}

async function digestFiles(folder: string, files: FileLayer): Promise<FileDigests> {
  const names = (await files.list(folder)).filter((name) => name !== MANIFEST_FILE).sort();
  const digests: [string, FileDigests[string]][] = [];
  for (const name of names) {
    const bytes = await files.read(path.join(folder, name), Infinity);
    digests.push([name, { bytes: bytes.length, sha256: sha256Of(bytes) }]);
  }
  return Object.fromEntries(digests);
}

/** Refuses the bytes of a file that are not those that were written. */
export type DigestCheck = (name: string, bytes: Uint8Array) => void;

/**
 * The check of the files in a folder against the pruning.json beside them.
 *
 * Files that it does not name pass, and all of them where there is none, or none that says hashes.
 *
 * @param file named in the error.
 * @param note hears of a pruning.json that cannot be read.
 * @returns throws a ModelFileError naming the file.
 */
export async function readDigestCheck(
  file: string,
  note: (words: string) => void = () => undefined,
): Promise<DigestCheck> {
  const written = await readManifest(path.join(path.dirname(file), MANIFEST_FILE), note);
  return (name, bytes) => {
    const entry = Object.hasOwn(written, name) ? written[name] : undefined;
    const sha256 = isJsonObject(entry) ? entry.sha256 : undefined;
    if (!isSha256(sha256) || sha256 === sha256Of(bytes)) return;
    throw new ModelFileError(
      file,
      `${name} is not the file that was written, for its SHA-256 is another than in ${MANIFEST_FILE}: it is ` +
        `damaged, or was changed; take the export again, or, if the change is wanted, remove ${name} ` +
        `from "files" in ${MANIFEST_FILE}`,
    );
  };
}

/** What a pruning.json says of files, by name; an empty object where it says nothing. */
async function readManifest(place: string, note: (words: string) => void): Promise<JsonObject> {
  const status = await nodeFiles.status(place).catch(() => null);
  if (status?.kind !== 'file') return {};
  try {
    const bytes = await nodeFiles.read(place, MODEL_JSON_LIMIT);
    const manifest = JSON.parse(bytes.toString('utf8')) as JsonValue;
    const files = isJsonObject(manifest) ? manifest.files : undefined;
    return isJsonObject(files) ? files : {};
  } catch {
    note(
      `${MANIFEST_FILE} beside it cannot be read: the files are not compared with their SHA-256`,
    );
    return {};
  }
}

/**
 * Refuses weights that are not those with which a model.json of ours was written: by the hash in its metadata.
 *
 * Where others wrote the file, who may have trained on and saved the metadata as it was, and where the weights have
 * been quantized since, the hash says nothing.
 *
 * @param file named in the error. @param sha256 of the bytes of all weights. @param names where they were.
 * @throws {ModelFileError}
 */
export function requireWeights(
  file: string,
  { isOwn, metadata, groups }: ModelJson,
  sha256: string,
  names: readonly string[] = groups.flatMap(({ paths }) => paths),
): void {
  const { weightsSha256 = sha256 } = readUsage(metadata);
  const isQuantized = groups.some(({ weights }) => weights.some(({ entry }) => entry.quantization));
  if (!isOwn || isQuantized || weightsSha256 === sha256) return;
  throw new ModelFileError(
    file,
    `the weights in ${names.slice(0, 3).join(', ')} are not those that were written, for their SHA-256 is another ` +
      'than weightsSha256 in the metadata of model.json: a file is damaged, or was changed; take the export ' +
      'again, or, if the change is wanted, remove weightsSha256',
  );
}
