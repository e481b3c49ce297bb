import { constants as bufferLimits } from 'node:buffer';
import * as path from 'node:path';
import type { FileLayer } from '../file-layer';
import type { JsonObject, JsonValue } from '../json';
import { isJsonObject, parseCanonicalJson } from '../json';
import { MalformedFileError } from '../malformed-file-error';
import { sha256 } from '../sha256';
import {
  checkpointFormat,
  dataNames,
  folderName,
  isCount,
  manifestName,
} from './checkpoint-layout';
import type { DataFiles, DataName } from './checkpoint-layout';

const manifestLimit = 65_536; // bytes; a real one has about 400
const jsonLimit = 67_108_864; // bytes

/** The bytes of a checkpoint, known to be those that were written. */
interface Verified {
  readonly step: number;
  readonly manifest: Buffer;
  readonly data: DataFiles;
}

/** Reads a checkpoint folder and checks every length and hash; parses the manifest only. */
export async function readVerified(folder: string, files: FileLayer): Promise<Verified> {
  const status = await files.status(folder);
  if (status?.kind !== 'folder') refuse(folder, status === null ? 'is missing' : 'is not a folder');
  const file = path.join(folder, manifestName);
  const manifest = await files.read(file, manifestLimit);
  const { step, expected } = parseManifest(file, parseCanonicalJson(manifest, file));
  const name = path.basename(folder);
  if (/^ckpt-\d+$/.test(name) && name !== folderName(step)) {
    refuse(file, `names step ${step}, the folder another`);
  }
  const data: Partial<Record<DataName, Uint8Array>> = {};
  for (const dataName of dataNames) {
    data[dataName] = await readFile(path.join(folder, dataName), expected[dataName], files);
  }
  return { step, manifest, data: data as DataFiles };
}

interface Expected {
  readonly bytes: number;
  readonly sha256: string;
}

async function readFile(file: string, expected: Expected, files: FileLayer): Promise<Uint8Array> {
  const limit = file.endsWith('.json') ? jsonLimit : bufferLimits.MAX_LENGTH;
  const bytes = await files.read(file, limit);
  if (bytes.byteLength !== expected.bytes) {
    refuse(file, `has ${bytes.byteLength} bytes, the manifest says ${expected.bytes}`);
  }
  if (sha256(bytes) !== expected.sha256) refuse(file, 'does not match its SHA-256');
  return bytes;
}

function parseManifest(
  file: string,
  value: JsonValue,
): { step: number; expected: Readonly<Record<DataName, Expected>> } {
  if (!isJsonObject(value)) refuse(file, 'is not a JSON object');
  if (value.format !== checkpointFormat) {
    refuse(
      file,
      `has format ${JSON.stringify(value.format)}, this version reads "${checkpointFormat}"`,
    );
  }
  const { step, files } = value;
  if (!hasKeys(value, ['files', 'format', 'step']) || !isCount(step)) {
    refuse(file, 'must hold files, format and a step >= 0, nothing else');
  }
  if (!isJsonObject(files) || !hasKeys(files, dataNames)) {
    refuse(file, `must list the files ${dataNames.join(', ')} and no other`);
  }
  for (const name of dataNames) {
    if (!isExpected(files[name])) refuse(file, `must give bytes and sha256 for ${name}`);
  }
  return { step, expected: files as unknown as Record<DataName, Expected> };
}

function isExpected(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value) || !hasKeys(value, ['bytes', 'sha256'])) return false;
  const hash = value.sha256;
  return isCount(value.bytes) && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash);
}

/** Whether an object has exactly these keys, given in sorted order. */
export function hasKeys(value: JsonObject, keys: readonly string[]): boolean {
  const found = Object.keys(value).sort();
  return found.length === keys.length && found.every((key, index) => key === keys[index]);
}

/** @throws {MalformedFileError} always. */
export function refuse(file: string, reason: string): never {
  throw new MalformedFileError(file, reason);
}
