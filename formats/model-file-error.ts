/** A model file cannot be read, or a model cannot be written, as a network. */
export class ModelFileError extends Error {
  override readonly name = 'ModelFileError';
  readonly exitCode = 1;

  constructor(
    readonly file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${reason}`, options);
  }
}
