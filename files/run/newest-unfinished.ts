import * as path from 'node:path';
import type { FileLayer } from '../file-layer';
import { errorCode } from '../disk-error';
import { nodeFiles } from '../file-layer';
import { RunDirectoryError } from './run-directory-error';
import { configName, readStatus } from './run-status';

/**
 * The run under `runsRoot` that was made last and is not `done`, whether or not a live process holds
 * it (opening it tells); null when there is none. A run that never wrote its configuration has
 * nothing to go on with and does not count.
 */
export async function newestUnfinished(
  runsRoot: string,
  options: { readonly files?: FileLayer } = {},
): Promise<string | null> {
  const { files = nodeFiles } = options;
  const names = await files.list(runsRoot).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  let newest: { folder: string; name: string; created: string } | null = null;
  for (const name of names) {
    const folder = path.join(runsRoot, name);
    const created = await findUnfinished(folder, files);
    if (created === null) continue;
    if (newest === null || isLater({ name, created }, newest)) newest = { folder, name, created };
  }
  return newest?.folder ?? null;
}

interface Dated {
  readonly name: string;
  readonly created: string;
}

function isLater(one: Dated, other: Dated): boolean {
  if (one.created !== other.created) return one.created > other.created;
  return one.name.localeCompare(other.name, 'en', { numeric: true }) > 0;
}

async function findUnfinished(folder: string, files: FileLayer): Promise<string | null> {
  try {
    const { state, created } = await readStatus(folder, files);
    if (state === 'done') return null;
    return (await files.status(path.join(folder, configName))) === null ? null : created;
  } catch (error) {
    if (error instanceof RunDirectoryError) return null; // not a run, or not to be read as one
    throw error;
  }
}
