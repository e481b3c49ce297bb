import * as fs from 'node:fs';
import * as path from 'node:path';
import { pino, stdTimeFunctions } from 'pino';
import type { Level, Logger } from 'pino';
import { MalformedFileError } from '../malformed-file-error';

/** The event log of a run: what happened and when, for people. */
export interface EventLog {
  readonly logger: Logger;
  /** Why the last line could not be written; null when all were. Logging itself never fails. */
  readonly failure: Error | null;
  close(): void;
}

/**
 * Opens log.jsonl in a folder for appending; each line is on its way to the disk when the call that
 * logs it returns. A line torn by a kill stays, on a line of its own.
 *
 * @param options.level lowest level that is written. @default 'info'
 */
export function openEventLog(folder: string, options: { readonly level?: Level } = {}): EventLog {
  const target = path.join(folder, 'log.jsonl');
  endTornLine(target);
  const destination = pino.destination({
    dest: target,
    sync: true,
    append: true,
    maxLength: 1_000_000,
  });
  let failure: Error | null = null;
  destination.on('error', (error: Error) => {
    failure = error; // a full disk must not end the training by way of its log
  });
  const { level = 'info' } = options;
  const logger = pino(
    { level, base: { pid: process.pid }, timestamp: stdTimeFunctions.isoTime },
    destination,
  );
  return {
    logger,
    get failure() {
      return failure;
    },
    close() {
      // Not flushSync, which never returns while the disk is full; each line was written at once.
      destination.destroy();
    },
  };
}

function endTornLine(target: string): void {
  const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants; // a pipe in its place must not hang us
  const file = fs.openSync(target, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0o666);
  try {
    const status = fs.fstatSync(file);
    if (status.isFIFO()) throw new MalformedFileError(target, 'is a pipe');
    const { size } = status;
    const last = Buffer.alloc(1);
    if (size === 0) return;
    fs.readSync(file, last, 0, 1, size - 1);
    if (last[0] !== 0x0a) fs.writeSync(file, '\n');
  } finally {
    fs.closeSync(file);
  }
}
