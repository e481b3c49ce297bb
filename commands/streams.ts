/** The errors of stdout and stderr, in one place: whoever reads them may go away at any time, and a disk may be full. */

/** What a stream says once nobody reads it any more: a pipe whose reader died, a terminal that was closed. */
const goneCodes = new Set(['EPIPE', 'ECONNRESET', 'ENOTCONN']);

/** The exit code of a program whose result could not be written. */
const EXIT_DISK = 4;

/**
 * Takes the errors of both streams, which would otherwise end the program wherever it is. Call it once, at the start.
 *
 * A reader that went away has seen what it wanted: what is written from then on is dropped, the work goes on with its
 * files, and the exit code is that of the work. A result that could not be written for another reason, as on a full
 * disk, is said on stderr, and a program that would have ended with 0 ends with 4.
 */
export function guardStreams(): void {
  process.stderr.on('error', () => undefined); // there is nowhere left to say it
  let failure: Error | null = null;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isGone(error, process.stdout) || failure !== null) return;
    failure = error;
    process.stderr.write(`the result could not be written to stdout: ${error.message}\n`);
  });
  process.once('exit', (code) => {
    if (code === 0 && failure !== null) process.exitCode = EXIT_DISK;
  });
}

function isGone({ code = '' }: NodeJS.ErrnoException, stream: NodeJS.WriteStream): boolean {
  return goneCodes.has(code) || (code === 'EIO' && stream.isTTY); // a terminal that hung up
}
