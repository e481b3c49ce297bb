/** A directory cannot be used for the run that was asked for. */
export class RunDirectoryError extends Error {
  override readonly name = 'RunDirectoryError';
  readonly exitCode = 2;

  constructor(
    readonly path: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`run directory ${path} ${reason}`, options);
  }
}
