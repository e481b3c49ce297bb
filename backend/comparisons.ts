import * as tf from '@tensorflow/tfjs';

/** Operations whose answers are true or false, by the names of what they read. */
const comparisons = [
  [
    [tf.Greater, tf.Less, tf.LessEqual, tf.Equal, tf.NotEqual],
    ['a', 'b'],
  ],
  [
    [tf.LogicalAnd, tf.LogicalOr],
    ['a', 'b'],
  ],
  [[tf.LogicalNot, tf.Any, tf.All], ['x']],
] as const;

/**
 * Gives comparisons the gradient zero, which they have wherever they have one; the library knows that of >= alone,
 * so that behind ThresholdedReLU and Masking nothing could be trained or scored by gradients.
 */
export function installZeroGradients(): void {
  for (const [kernels, inputs] of comparisons) {
    for (const kernelName of kernels) {
      const known = tf.getGradient(kernelName) as tf.GradConfig | undefined;
      if (!known)
        tf.registerGradient({ kernelName, inputsToSave: [...inputs], gradFunc: zeros(inputs) });
    }
  }
}

const zeros =
  (inputs: readonly string[]): tf.GradFunc =>
  (_, saved) =>
    Object.fromEntries(inputs.map((name, at) => [name, () => tf.zeros(saved[at]!.shape)]));
