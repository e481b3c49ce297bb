import * as path from 'node:path';
import { SecateurError } from '../errors';
import type { FileLayer } from './file-layer';

/** Where and why a disk operation failed. */
export interface DiskErrorDetails {
  readonly path: string;
  /** The code of the operating system, such as `ENOSPC`. */
  readonly code: string;
  /** Bytes the whole operation needs; null when unknown. */
  readonly bytesNeeded: number | null;
  /** Bytes free after the temporary files were removed; null when unknown. */
  readonly bytesFree: number | null;
  /** Files that can still be made; null when unknown. Default null. */
  readonly filesFree?: number | null;
}

/** More than any operation of ours makes at once: with fewer left, it was they that ran out. */
const FEW = 16;

/** What ENOSPC says too where there are bytes enough. */
const NO_INODES = 'not as many files fit on the disk (inodes)';

const diskFailures: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would exceed the size limit',
  EIO: 'the disk reports an input/output error',
  EVERIFY: 'what was read back is not what was written',
  EMFILE: 'too many files are open in this program (ulimit -n)',
  ENFILE: 'too many files are open on this machine',
};

/** The disk is full or failing; what was saved before is intact. */
export class DiskError extends SecateurError {
  override readonly name = 'DiskError';
  override readonly exitCode = 4;
  readonly path: string;
  readonly code: string;
  readonly bytesNeeded: number | null;
  readonly bytesFree: number | null;

  constructor(details: DiskErrorDetails, options?: ErrorOptions) {
    const { path, code, bytesNeeded, bytesFree, filesFree = null } = details;
    const figure = (bytes: number | null): string => (bytes === null ? 'unknown' : String(bytes));
    // Both figures are of after the cleaning up, which gave back what the operation had taken.
    const hasRoom = bytesFree !== null && bytesNeeded !== null && bytesFree > bytesNeeded;
    const isOfFiles = code === 'ENOSPC' && hasRoom && filesFree !== null && filesFree < FEW;
    const reason = isOfFiles ? `${NO_INODES}, ${filesFree} free` : diskFailures[code];
    super(
      `cannot write ${path}: ${reason ?? 'the disk failed'} (${code}); ` +
        `bytes needed: ${figure(bytesNeeded)}, bytes free: ${figure(bytesFree)}`,
      options,
    );
    this.path = path;
    this.code = code;
    this.bytesNeeded = bytesNeeded;
    this.bytesFree = bytesFree;
  }
}

/** The code of an operating-system error, such as `ENOENT`; undefined for any other value. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/**
 * The `DiskError` for a full or failing disk; any other error is returned as it is.
 *
 * @param bytesNeeded bytes of the whole operation.
 */
export async function asDiskError(
  error: unknown,
  target: string,
  bytesNeeded: number | null,
  files: FileLayer,
): Promise<unknown> {
  const code = errorCode(error);
  if (code === undefined || !Object.hasOwn(diskFailures, code) || error instanceof DiskError) {
    return error;
  }
  const folder = path.dirname(target);
  const bytesFree = await files.freeBytes(folder).catch(() => null);
  const filesFree = await files.freeFiles(folder).catch(() => null);
  const details = { path: target, code, bytesNeeded, bytesFree, filesFree };
  return new DiskError(details, { cause: error });
}
