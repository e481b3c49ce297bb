import { SecateurError } from '../errors';

/** TensorFlow.js cannot differentiate an operation of the network, which computes all the same. */
export class MissingGradientError extends SecateurError {
  override readonly name = 'MissingGradientError';

  constructor(
    /** The operation, by the name of its kernel. */
    readonly kernel: string,
    options?: ErrorOptions,
  ) {
    super(
      `TensorFlow.js has no gradient of ${kernel}, which a layer of the network computes by: it can be pruned ` +
        'by a method that sees no gradients (norm-filter, fpgm), and neither trained nor scored by them',
      options,
    );
  }
}

/**
 * Runs what takes gradients.
 *
 * @throws {MissingGradientError} where TensorFlow.js has none; whatever else `take` throws.
 */
export function takingGradients<T>(take: () => T): T {
  try {
    return take();
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    const [, named] = /gradient function not found for (\w+)/.exec(said) ?? [];
    const isCut = said.startsWith('Cannot compute gradient of y=f(x)'); // an operation off the tape
    const kernel = named ?? (isCut ? 'what leads from the kernels to the answer' : undefined);
    throw kernel === undefined ? error : new MissingGradientError(kernel, { cause: error });
  }
}
