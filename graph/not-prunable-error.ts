import { SecateurError } from '../errors';

/**
 * Thrown when a removal is asked for that the network cannot bear: no exact smaller network exists.
 */
export class NotPrunableError extends SecateurError {
  override readonly name = 'NotPrunableError';

  constructor(
    /** Path of the layer whose channels were to go, or that would be left without any. */
    readonly layer: string,
    /** Why they must stay; it names the layer that is the cause, if that is another one. */
    readonly reason: string,
  ) {
    super(`${layer} is frozen: ${reason}`);
  }
}
