import * as tf from '@tensorflow/tfjs';

/**
 * How far a network's answers are from its teacher's, per sample, in nats.
 *
 * Formula: T^2 KL(p || q), p = softmax(teacher / T), q = softmax(student / T);
 *   gradient by the student's logits: T (q - p), of about the same size at every T.
 *
 * @param student [n, classes], logits; the gradient reaches them.
 * @param teacher [n, classes], logits; constants.
 * @param temperature T, above 0.
 * @returns [n], 0 where the two agree; the caller owns it.
 */
export function distillationLoss(
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  temperature: number,
): tf.Tensor1D {
  const loss = tf.customGrad((...args) => {
    const [logits, save] = args as unknown as [tf.Tensor2D, (kept: tf.Tensor[]) => void];
    const logP = tf.logSoftmax(tf.div(teacher, temperature));
    const logQ = tf.logSoftmax(tf.div(logits, temperature));
    const p = tf.exp(logP);
    save([tf.mul(tf.sub(tf.exp(logQ), p), temperature)]);
    return {
      value: tf.mul(tf.sum(tf.mul(p, tf.sub(logP, logQ)), 1), temperature ** 2),
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(tf.expandDims(dy, 1), saved!),
    };
  });
  return loss(student) as tf.Tensor1D;
}
