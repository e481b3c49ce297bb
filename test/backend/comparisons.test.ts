import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOn } from '../engines';
import { random } from '../tensors';

const { layers } = tf;

/** The gradient of the sum of what a layer makes of x, by x. */
function gradientThrough(layer: tf.layers.Layer, x: tf.Tensor): number[] {
  return tf.tidy(() => {
    const gradient = tf.grad((input: tf.Tensor) => tf.sum(layer.apply(input) as tf.Tensor))(x);
    return [...gradient.dataSync()];
  });
}

describeOn(['cpu', 'tensorflow', 'wasm'], 'a comparison within a layer', () => {
  it('lets the gradient of ThresholdedReLU through where the value passes', () => {
    const x = tf.tensor2d([[-1, 0.2, 0.5, 3]]);
    const layer = layers.thresholdedReLU({ theta: 0.4 });
    expect(gradientThrough(layer, x)).toEqual([0, 0, 1, 1]);
  });

  it('lets the gradient of Masking through at the steps that stay', () => {
    const x = tf.tensor3d([[[0, 0], [1, 0], [2, 3]]]); // prettier-ignore
    expect(gradientThrough(layers.masking(), x)).toEqual([0, 0, 1, 1, 1, 1]);
  });

  it('has the gradient zero by both sides, of the shape of each', () => {
    const operations = [tf.greater, tf.less, tf.lessEqual, tf.equal, tf.notEqual];
    for (const compare of operations) {
      const [a, b] = [random([2, 3]), random([3])];
      const count = (x: tf.Tensor, y: tf.Tensor): tf.Tensor =>
        tf.sum(tf.cast(compare(x, y), 'float32'));
      const [byA, byB] = tf.grads(count)([a, b]);
      expect([...byA!.dataSync(), ...byB!.dataSync()]).toEqual(Array(9).fill(0));
      expect([byA!.shape, byB!.shape]).toEqual([a.shape, b.shape]);
    }
  });
});
