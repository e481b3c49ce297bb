import { SecateurError } from '../../errors';

/** A directory cannot be used for the run that was asked for. */
export class RunDirectoryError extends SecateurError {
  override readonly name = 'RunDirectoryError';
  override readonly exitCode = 2;

  constructor(
    readonly path: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`run directory ${path} ${reason}`, options);
  }
}
