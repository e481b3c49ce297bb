import * as tf from '@tensorflow/tfjs';

/** What we use of the inside of DepthwiseConv2D. */
interface Depthwise extends tf.layers.Layer {
  readonly depthwiseConstraint: tf.serialization.Serializable | null;
}

/**
 * Lets DepthwiseConv2D tell its constraint: the library writes the regularizer in its place, so that a layer
 * with a regularizer cannot be loaded where it was saved.
 */
export function repairDepthwiseConfig(): void {
  const depthwiseRegularizer = tf.regularizers.l2();
  const layer = tf.layers.depthwiseConv2d({ kernelSize: 1, depthwiseRegularizer });
  if (layer.getConfig().depthwiseConstraint === null) return;
  const prototype = Object.getPrototypeOf(layer) as Depthwise;
  const mistaken = Object.getOwnPropertyDescriptor(prototype, 'getConfig')!.value as (
    this: Depthwise,
  ) => tf.serialization.ConfigDict;
  prototype.getConfig = function (this: Depthwise) {
    const constraint = this.depthwiseConstraint;
    const depthwiseConstraint = constraint && {
      className: constraint.getClassName(),
      config: constraint.getConfig(),
    };
    return { ...mistaken.call(this), depthwiseConstraint };
  };
}
