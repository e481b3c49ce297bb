import * as tf from '@tensorflow/tfjs';
import { native, T } from './native';
import type { AttributeValue, NativeEngine } from './native';
import { batchNormBackward, batchNormForward } from './normalized-batch';

/** One training call of a BatchNormalization. */
export interface BatchNormalization {
  /** [..., c] */
  readonly x: tf.Tensor;
  /** [c] */
  readonly gamma: tf.Tensor1D;
  /** [c] */
  readonly beta: tf.Tensor1D;
  readonly epsilon: number;
  /** Weight of the old moving average, in [0, 1): Keras' convention (PyTorch's is 1 - this). */
  readonly momentum: number;
  /** Moving averages before this call, [c] each. */
  readonly moving: { readonly mean: tf.Tensor; readonly variance: tf.Tensor };
  /** Takes the moving averages after this call; they are disposed when it returns. */
  readonly onMoved: (mean: tf.Tensor, variance: tf.Tensor) => void;
}

/**
 * Normalizes a batch by its own statistics: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta.
 *
 * The normalization takes the biased variance, the moving average the unbiased one, n / (n - 1).
 * One fused TensorFlow operation forward and one backward on the native engine; elsewhere composite.
 *
 * @returns y, the shape of x; the caller owns it. Gradients reach x, gamma and beta.
 */
export function batchNormalizeTraining(call: BatchNormalization): tf.Tensor {
  const { x, gamma } = call;
  const engine = native('FusedBatchNormV3');
  const normalize = (images: tf.Tensor4D): tf.Tensor =>
    engine ? normalizeFused(engine, call, images) : composite(call, images);
  if (x.shape.length === 4) return normalize(x as tf.Tensor4D);
  const rows: [number, number, number, number] = [x.size / gamma.size, 1, 1, gamma.size];
  return tf.tidy(() => tf.reshape(normalize(tf.reshape(x, rows)), x.shape));
}

function normalizeFused(engine: NativeEngine, call: BatchNormalization, x: tf.Tensor4D): tf.Tensor {
  const attributes: Record<string, AttributeValue> = {
    ...T,
    U: { type: 'float32' },
    epsilon: { float: call.epsilon },
    data_format: { string: 'NHWC' },
    is_training: { bool: true },
  };
  const normalize = tf.customGrad((...args) => {
    const [images, gamma, beta, save] = args as unknown as OperationArguments;
    const outputs = engine.run(
      'FusedBatchNormV3',
      { ...attributes, exponential_avg_factor: { float: 1 - call.momentum } },
      [images, gamma, beta, call.moving.mean, call.moving.variance],
      6,
    );
    const [y, mean, variance, ...reserve] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    call.onMoved(mean, variance);
    save([images, gamma, ...reserve]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        engine.run('FusedBatchNormGradV3', attributes, [dy, ...saved], 5).slice(0, 3),
    };
  });
  return normalize(x, call.gamma, call.beta);
}

function composite(call: BatchNormalization, x: tf.Tensor4D): tf.Tensor {
  const { epsilon, momentum, moving } = call;
  const count = x.size / call.gamma.size; // values per channel
  const normalize = tf.customGrad((...args) => {
    const [images, gamma, beta, save] = args as unknown as OperationArguments;
    const { y, mean, variance, inverse } = batchNormForward(images, gamma, beta, epsilon);
    const unbiased = tf.mul(variance, count / Math.max(1, count - 1));
    call.onMoved(
      average(moving.mean, mean, momentum),
      average(moving.variance, unbiased, momentum),
    );
    save([images, gamma, mean, inverse]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        batchNormBackward(dy as tf.Tensor4D, ...(saved as BackwardArguments)),
    };
  });
  return normalize(x, call.gamma, call.beta);
}

type OperationArguments = [
  tf.Tensor4D,
  tf.Tensor1D,
  tf.Tensor1D,
  (tensors: readonly tf.Tensor[]) => void,
];

type BackwardArguments = [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];

function average(old: tf.Tensor, value: tf.Tensor, momentum: number): tf.Tensor {
  return tf.add(tf.mul(old, momentum), tf.mul(value, 1 - momentum));
}
