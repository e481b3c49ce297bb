import { SecateurError } from '../errors';

/** A file is not what it must be: wrong kind, too large, not canonical JSON. */
export class MalformedFileError extends SecateurError {
  override readonly name = 'MalformedFileError';

  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${path}: ${reason}`);
  }
}
