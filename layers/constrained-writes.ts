import * as tf from '@tensorflow/tfjs';

interface Writable {
  write: (this: tf.LayerVariable, value: tf.Tensor) => tf.LayerVariable;
}

/**
 * Frees what a constraint makes of a value that is written to a weight: the library forgets it, one tensor for each
 * such weight of a network that is loaded.
 */
export function mendConstrainedWrites(): void {
  const prototype = tf.LayerVariable.prototype as unknown as Writable;
  const stockWrite = prototype.write;
  prototype.write = function (value) {
    tf.tidy(() => {
      stockWrite.call(this, value); // the variable holds what it was given by itself
    });
    return this;
  };
}
