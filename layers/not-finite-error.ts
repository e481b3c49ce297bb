import { SecateurError } from '../errors';

/** A network holds or answers NaN or infinity: there is nothing to measure, prune or prove. */
export class NotFiniteError extends SecateurError {
  override readonly name = 'NotFiniteError';

  /** @param source the network. @param what is not finite, as a sentence without its end. */
  constructor(
    readonly source: string,
    readonly what: string,
  ) {
    super(`${source}: ${what}: the network diverged, and there is nothing to measure or prove`);
  }
}
