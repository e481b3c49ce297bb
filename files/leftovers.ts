import { createHash, randomBytes } from 'node:crypto';
import * as os from 'node:os';
import * as path from 'node:path';
import { nodeFiles } from './file-layer';
import type { FileLayer } from './file-layer';
import { removeTree } from './folders';
import { isProcessAlive } from './processes';

type LeftoverKind = 'tmp' | 'trash' | 'old';

const processToken = randomBytes(6).toString('hex');
const hostToken = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
const namesInUse = new Set<string>();
const leftoverPattern = /^\.(tmp|trash|old)-(.+)-([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{12})-\d+$/;
const foreignGraceMs = 3_600_000;
let leftoverCount = 0;

/**
 * The name of something that must not outlive its process: `tmp` not finished, `trash` being
 * deleted, `old` moved aside while its successor takes its place. The name says whose it is.
 */
export class Leftover {
  readonly name: string;

  constructor(kind: LeftoverKind, label: string) {
    const owner = `${hostToken}-${process.pid}-${processToken}`;
    this.name = `.${kind}-${label}-${owner}-${leftoverCount++}`;
    namesInUse.add(this.name);
  }

  /** Says that this process is done with the name; what is still there is fair to remove. */
  settle(): void {
    namesInUse.delete(this.name);
  }
}

/**
 * Removes what dead processes left in a folder; a thing moved aside whose successor never came is
 * put back. Never fails: what cannot be removed is left for the next time.
 *
 * A process of another machine cannot be asked, so its leftovers go when they are an hour old.
 */
export async function sweepLeftovers(folder: string, files: FileLayer = nodeFiles): Promise<void> {
  const names = await files.list(folder).catch(() => []);
  for (const name of names) {
    const match = leftoverPattern.exec(name);
    if (match !== null) await sweep(folder, match, files).catch(() => undefined);
  }
}

async function sweep(folder: string, match: RegExpExecArray, files: FileLayer): Promise<void> {
  const [name, kind, label] = match as unknown as [string, LeftoverKind, string];
  const target = path.join(folder, name);
  if (!(await isAbandoned(target, match, files))) return;
  const origin = path.join(folder, label);
  if (kind === 'old' && (await files.status(origin)) === null) {
    await files.rename(target, origin);
    await files.syncFolder(folder);
  } else {
    await removeTree(target, files);
  }
}

async function isAbandoned(
  target: string,
  match: RegExpExecArray,
  files: FileLayer,
): Promise<boolean> {
  const [name, , , host, pid, token] = match as unknown as string[];
  if (token === processToken) return !namesInUse.has(name!);
  if (host === hostToken) return Number(pid) === process.pid || !isProcessAlive(Number(pid));
  const status = await files.status(target);
  return status !== null && Date.now() - status.modifiedMs > foreignGraceMs;
}
