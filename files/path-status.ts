import { statSync } from 'node:fs';
import type { Stats } from 'node:fs';

/** What is at `path`, links followed; undefined where there is nothing, be it that what is to hold it is no folder. */
export function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}
