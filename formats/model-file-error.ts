import { SecateurError } from '../errors';

/** A model file cannot be read, or a model cannot be written, as a network. */
export class ModelFileError extends SecateurError {
  override readonly name = 'ModelFileError';

  constructor(
    readonly file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${reason}`, options);
  }
}
