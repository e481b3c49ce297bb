import { SecateurError } from '../errors';

/** The network diverged: there is nothing finite to go on with. */
export class DivergedError extends SecateurError {
  override readonly name = 'DivergedError';

  /**
   * @param step the step (0-based) that was taken last, or whose loss it is.
   * @param what what is no longer finite, as a sentence without its end.
   * @param lowered how often the learning rate has been divided by 10 already.
   */
  constructor(
    readonly step: number,
    readonly epoch: number,
    readonly what: string,
    options?: ErrorOptions,
    lowered: number | null = null,
  ) {
    const advice =
      lowered === null
        ? 'the same run would do so again. It goes on at a tenth of the learning rate, from the last end of an ' +
          'epoch, with the option resume and the option onNan lower; or begin a new run'
        : `although the learning rate was divided by 10 ${lowered} times, which is the most: begin a new run`;
    super(
      `${what} at step ${step} (epoch ${epoch}, both counted from 0): ${advice} with a lower learning rate or a ` +
        'longer warm-up',
      options,
    );
  }

  /** The same where the learning rate has been lowered as often as it may be. */
  afterLowering(times: number): DivergedError {
    return new DivergedError(this.step, this.epoch, this.what, { cause: this.cause }, times);
  }
}
