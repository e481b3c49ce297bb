/** A file is not what it must be: wrong kind, too large, not canonical JSON. */
export class MalformedFileError extends Error {
  override readonly name = 'MalformedFileError';
  readonly exitCode = 1;

  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${path}: ${reason}`);
  }
}
