import * as path from 'node:path';
import type { FileLayer } from '../file-layer';
import { errorCode } from '../disk-error';
import { nodeFiles } from '../file-layer';
import { RunDirectoryError } from './run-directory-error';
import { configName, hasDiverged, readStatus } from './run-status';
import type { RunStatus } from './run-status';

/** The newest runs of a kind; null where there is none. */
export interface NewestRuns {
  /** Neither done nor diverged, whether or not a live process holds it (opening it tells). */
  readonly unfinished: string | null;
  /** Diverged: as it is it would again. */
  readonly diverged: string | null;
  readonly done: string | null;
}

/**
 * The runs under `runsRoot` that were made last. A run that never wrote its configuration has
 * nothing to go on with and does not count.
 */
export async function findNewestRuns(
  runsRoot: string,
  options: { readonly files?: FileLayer } = {},
): Promise<NewestRuns> {
  const { files = nodeFiles } = options;
  const names = await files.list(runsRoot).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const newest = new Map<keyof NewestRuns, Dated>();
  for (const name of names) {
    const status = await readStartedRun(path.join(runsRoot, name), files);
    if (status === null) continue;
    const [kind, found] = [kindOf(status), { name, created: status.created }];
    const known = newest.get(kind);
    if (!known || isLater(found, known)) newest.set(kind, found);
  }
  const folderOf = (kind: keyof NewestRuns): string | null => {
    const found = newest.get(kind);
    return found ? path.join(runsRoot, found.name) : null;
  };
  return {
    unfinished: folderOf('unfinished'),
    diverged: folderOf('diverged'),
    done: folderOf('done'),
  };
}

/** The run that goes on where none is named: a diverged one only where it would not diverge again. */
export function pickToResume(
  { unfinished, diverged }: NewestRuns,
  { onNan }: { readonly onNan?: string | undefined },
): string | null {
  return (onNan === 'lower' ? diverged : null) ?? unfinished;
}

interface Dated {
  readonly name: string;
  readonly created: string;
}

function kindOf(status: RunStatus): keyof NewestRuns {
  if (status.state === 'done') return 'done';
  return hasDiverged(status) ? 'diverged' : 'unfinished';
}

function isLater(one: Dated, other: Dated): boolean {
  if (one.created !== other.created) return one.created > other.created;
  return one.name.localeCompare(other.name, 'en', { numeric: true }) > 0;
}

async function readStartedRun(folder: string, files: FileLayer): Promise<RunStatus | null> {
  try {
    const status = await readStatus(folder, files);
    return (await files.status(path.join(folder, configName))) === null ? null : status;
  } catch (error) {
    if (error instanceof RunDirectoryError) return null; // not a run, or not to be read as one
    throw error;
  }
}
