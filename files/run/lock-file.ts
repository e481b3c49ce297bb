import * as fs from 'node:fs';
import * as path from 'node:path';
import { errorCode } from '../disk-error';
import { RunDirectoryError } from './run-directory-error';

/** Who holds a run directory. */
export interface RunOwner {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly started: string;
}

/** What a lock file holds. */
export interface LockRecord extends RunOwner {
  /** Names this lock among all that ever were. */
  readonly token: string;
  /** Tells the owner from a later process with its number; null where the system does not tell. */
  readonly processStart: string | null;
}

const readAttempts = 20;
const readPauseMs = 20;

/** Reads a lock file; null when there is none. */
export function readLock(file: string): LockRecord | null {
  for (let attempt = 1; ; attempt++) {
    try {
      return parseLock(file);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      if (!(error instanceof SyntaxError)) throw error;
      if (attempt === readAttempts) throw refuseLock(file, error);
    }
    // On a disk without hard links the file may be seen while its owner still writes it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, readPauseMs);
  }
}

function parseLock(file: string): LockRecord {
  if (!fs.statSync(file).isFile()) throw new SyntaxError('it is not a regular file');
  const value = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<LockRecord> | null;
  const { pid, host, started, token, processStart: start } = value ?? {};
  const isComplete = Number.isSafeInteger(pid) && pid! > 0 && typeof host === 'string';
  if (!isComplete || typeof started !== 'string' || !/^[0-9a-f]{24}$/.test(String(token))) {
    throw new SyntaxError('fields are missing');
  }
  return { pid: pid!, host, started, token: token!, processStart: start ?? null };
}

function refuseLock(file: string, error: SyntaxError): Error {
  return new RunDirectoryError(
    path.dirname(file),
    `has a ${path.basename(file)} that cannot be read (${error.message}); ` +
      'delete it if no run uses it',
    { cause: error },
  );
}
