import type * as tf from '@tensorflow/tfjs';
import { BatchNormalization } from './stock';

/** What a wrapper says of the layer that it calls step by step; tfjs does not export its class. */
interface TimeDistributed extends tf.layers.Layer {
  readonly layer: tf.layers.Layer;
}

/**
 * Lets a BatchNormalization within a TimeDistributed compute in training as in inference and keep its averages: Keras' rule for
 * a frozen one. It has no masks, so it stays the stock layer, whose `call` is told that nothing is trained.
 *
 * @param layer any layer of a copy that is to be trained; others are left as they are.
 * @param isWithinFrozen whether a model around it is frozen. Default false.
 */
export function keepWrappedAverages(layer: tf.layers.Layer, isWithinFrozen = false): void {
  if (layer.getClassName() !== 'TimeDistributed') return;
  const { layer: inner } = layer as TimeDistributed;
  if (!(inner instanceof BatchNormalization)) return;
  if (!isWithinFrozen && !isFrozen(layer as TimeDistributed, inner)) return;
  const call = inner.call.bind(inner);
  inner.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: false });
}

function isFrozen(
  wrapper: TimeDistributed,
  inner: InstanceType<typeof BatchNormalization>,
): boolean {
  const own = [inner.gamma, inner.beta].filter((weight) => weight !== undefined);
  const isOwnFrozen = own.length > 0 && own.every((weight) => !weight.trainable);
  return isOwnFrozen || !wrapper.trainable || !inner.trainable;
}
