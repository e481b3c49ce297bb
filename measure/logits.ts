import * as tf from '@tensorflow/tfjs';
import { isModel } from '../layers';

/** Keeps the logarithm of a probability finite; its gradient vanishes below. */
const SMALLEST = 1e-7;

/**
 * The network's logits for a batch, [n, classes].
 *
 * A network that ends in a softmax, as Keras classifiers do, answers probabilities: their logarithms
 * are logits of the same softmax.
 */
export function logitsOf(model: tf.LayersModel, images: tf.Tensor, training: boolean): tf.Tensor2D {
  const output = model.apply(images, { training }) as tf.Tensor2D;
  return endsInSoftmax(model) ? tf.log(tf.clipByValue(output, SMALLEST, 1)) : output;
}

/** Whether the model's output layer is a softmax or has one as its activation. */
export function endsInSoftmax(model: tf.LayersModel): boolean {
  const last = model.outputs[0]!.sourceLayer;
  if (isModel(last)) return endsInSoftmax(last);
  return last.getClassName() === 'Softmax' || last.getConfig().activation === 'softmax';
}
