import { SecateurError } from '../errors';
import type { FormatId } from './catalogue';

/** A network holds a layer that the format it is to be written in, or our writer, does not know. */
export class UnsupportedLayerError extends SecateurError {
  override readonly name = 'UnsupportedLayerError';

  /**
   * @param form the format.
   * @param path the layer's path in the model.
   * @param className its class.
   * @param reason what is missing, as the end of a sentence that begins with the layer.
   */
  constructor(
    readonly form: FormatId,
    readonly path: string,
    readonly className: string,
    readonly reason: string,
  ) {
    super(
      `${path} (${className}) ${reason}; the other forms are written without ${form} in the option format`,
    );
  }
}
