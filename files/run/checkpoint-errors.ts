import * as path from 'node:path';
import { SecateurError } from '../../errors';
import { errorCode } from '../disk-error';
import { MalformedFileError } from '../malformed-file-error';

/** A checkpoint that was passed over, and why. */
export interface SkippedCheckpoint {
  readonly path: string;
  readonly reason: string;
}

/** The state handed to `saveCheckpoint` must not be saved; nothing was written. */
export class CheckpointStateError extends SecateurError {
  override readonly name = 'CheckpointStateError';

  constructor(
    message: string,
    /** The tensor at fault; null when it is the record. */
    readonly tensor: string | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A checkpoint folder is not what was saved. */
export class CheckpointDamagedError extends SecateurError {
  override readonly name = 'CheckpointDamagedError';
  override readonly exitCode = 3;

  constructor(
    readonly path: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`checkpoint ${path} cannot be used: ${reason}`, options);
  }
}

/** There are checkpoints, but none that can be used. */
export class NoValidCheckpointError extends SecateurError {
  override readonly name = 'NoValidCheckpointError';
  override readonly exitCode = 3;

  constructor(
    readonly folder: string,
    /** Each checkpoint and why it was refused, newest first. */
    readonly skipped: readonly SkippedCheckpoint[],
  ) {
    const list = skipped.map(({ path, reason }) => `\n  ${path}: ${reason}`).join('');
    super(`no valid checkpoint in ${folder}:${list}`);
  }
}

/** Failures of the process, not of the checkpoint: passing over it for these would lose work. */
const passingCodes = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR', 'EAGAIN']);

/** The `CheckpointDamagedError` for a file that is missing or wrong; any other error is returned as it is. */
export function asDamage(folder: string, error: unknown): unknown {
  if (error instanceof MalformedFileError) {
    const file = path.relative(folder, error.path);
    const reason = file === '' ? error.reason : `${file} ${error.reason}`;
    return new CheckpointDamagedError(folder, reason, { cause: error });
  }
  const code = errorCode(error);
  if (code === undefined || passingCodes.has(code)) return error;
  const named = error as { path?: unknown };
  const file = typeof named.path === 'string' ? path.relative(folder, named.path) : '';
  const reason = code === 'ENOENT' ? 'is missing' : `cannot be read (${code})`;
  return new CheckpointDamagedError(folder, `${file} ${reason}`.trim(), { cause: error });
}
