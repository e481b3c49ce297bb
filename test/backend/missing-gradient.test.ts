import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { MissingGradientError, takingGradients } from '../../backend/missing-gradient';

describe('a gradient that TensorFlow.js does not have', () => {
  it('is an error that names the operation', () => {
    const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    const cropped = (image: tf.Tensor): tf.Tensor =>
      tf.image.cropAndResize(image as tf.Tensor4D, [[0, 0, 1, 1]], [0], [1, 1]);
    const take = (): tf.Tensor => takingGradients(() => tf.grad(cropped)(x));
    expect(take).toThrow(MissingGradientError);
    expect(take).toThrow('no gradient of CropAndResize');
  });

  it('is one too where nothing leads from the weights to the answer', () => {
    const take = (): tf.Tensor => takingGradients(() => tf.grad(() => tf.scalar(1))(tf.scalar(2)));
    expect(take).toThrow(MissingGradientError);
  });

  it('is told from whatever else goes wrong', () => {
    const take = (): never =>
      takingGradients(() => {
        throw new RangeError('another');
      });
    expect(take).toThrow(RangeError);
  });
});
