import * as tf from '@tensorflow/tfjs';

/**
 * Makes the JavaScript `cpu` backend sum the products of a matMul in one go; elsewhere does nothing.
 *
 * It sums blocks of 48 and rounds each to float32. Removing a zero from the middle then moves the
 * borders of the blocks and with them the last bit of the result, so that a network without its
 * zeros could not equal, bit for bit, the network with them.
 */
export function sumWithoutBlocks(): void {
  if (tf.getBackend() === 'cpu') (tf.backend() as { blockSize?: number }).blockSize = Infinity;
}
