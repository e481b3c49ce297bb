import * as tf from '@tensorflow/tfjs';

/** What we use of the inside of SeparableConv2D. */
interface Separable extends tf.layers.Layer {
  readonly depthMultiplier: number;
}

/**
 * Lets SeparableConv2D tell its `depthMultiplier`: the library forgets it in `getConfig`, so that a
 * layer with another multiplier than 1 can be neither rebuilt nor saved and loaded.
 */
export function repairSeparableConfig(): void {
  const layer = tf.layers.separableConv2d({ filters: 1, kernelSize: 1 });
  if ('depthMultiplier' in layer.getConfig()) return;
  const prototype = Object.getPrototypeOf(layer) as Separable;
  const forgetful = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(prototype), 'getConfig')!
    .value as (this: Separable) => tf.serialization.ConfigDict;
  prototype.getConfig = function (this: Separable) {
    return { ...forgetful.call(this), depthMultiplier: this.depthMultiplier };
  };
}
