import { SecateurError } from '../errors';

/** The network diverged: there is nothing finite to go on with. */
export class DivergedError extends SecateurError {
  override readonly name = 'DivergedError';

  /**
   * @param step the step (0-based) that was taken last, or whose loss it is.
   * @param what what is no longer finite, as a sentence without its end.
   */
  constructor(
    readonly step: number,
    epoch: number,
    what: string,
    options?: ErrorOptions,
  ) {
    super(
      `${what} at step ${step} (epoch ${epoch}, both counted from 0): lower the learning rate or ` +
        'warm it up for longer; the checkpoints saved before are intact',
      options,
    );
  }
}
