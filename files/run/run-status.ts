import * as path from 'node:path';
import type { FileLayer } from '../file-layer';
import type { JsonObject } from '../json';
import { errorCode } from '../disk-error';
import { isJsonObject, parseCanonicalJson } from '../json';
import { MalformedFileError } from '../malformed-file-error';
import { fields, object, oneOf, text } from '../shape';
import type { Shape } from '../shape';
import { RunDirectoryError } from './run-directory-error';

/** Where a run stands: `stopped` by a signal with everything saved; the owner of a dead `running` crashed. */
export type RunState = (typeof runStates)[number];

/** What status.json says of a run. */
export interface RunStatus {
  readonly state: RunState;
  /** When the run was made and last changed its state, ISO 8601, UTC. */
  readonly created: string;
  readonly updated: string;
  /** What the caller of `setStatus` wanted known, such as the step or the cause of a failure. */
  readonly details: JsonObject;
}

const runStates = ['running', 'stopped', 'done', 'failed'] as const;
export const statusFormat = 'secateur-run/1';
const time = text(
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  'a time such as 2026-01-31T09:30:00.000Z',
);
const statusShape: Shape<RunStatus> = fields({
  format: oneOf([statusFormat]),
  state: oneOf(runStates),
  created: time,
  updated: time,
  details: object,
});
export const statusName = 'status.json';
export const configName = 'config.json';

/** Where runs go that are given no folder. */
export const RUNS = 'runs';
const jsonLimit = 16_777_216; // bytes

/** Whether a run diverged: gone on with as it is, it would again, being deterministic. */
export function hasDiverged({ state, details }: RunStatus): boolean {
  const { diverged, reason } = details;
  // Version 0.1.0 wrote the reason alone.
  const isSaid = typeof reason === 'string' && reason.startsWith('DivergedError');
  return state === 'failed' && (diverged === true || isSaid);
}

/** What status.json in a folder says. @throws {RunDirectoryError} when there is none that can be read. */
export async function readStatus(folder: string, files: FileLayer): Promise<RunStatus> {
  const value = await readJsonObject(path.join(folder, statusName), files);
  try {
    return statusShape(value, { file: statusName, key: '' });
  } catch (error) {
    if (!(error instanceof MalformedFileError)) throw error;
    const reason = `has a ${statusName} that this version cannot read: ${error.reason}`;
    throw new RunDirectoryError(folder, reason, { cause: error });
  }
}

/** Reads a JSON object of a run. @throws {RunDirectoryError} when there is none that can be read. */
export async function readJsonObject(file: string, files: FileLayer): Promise<JsonObject> {
  const folder = path.dirname(file);
  try {
    const value = parseCanonicalJson(await files.read(file, jsonLimit), file);
    if (isJsonObject(value)) return value;
  } catch (error) {
    const code = errorCode(error);
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    const reason = isMissing
      ? `holds no run: there is no ${path.basename(file)}`
      : `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new RunDirectoryError(folder, reason, { cause: error });
  }
  throw new RunDirectoryError(folder, `has a ${path.basename(file)} that is not a JSON object`);
}
