import * as tf from '@tensorflow/tfjs';

type Config = tf.serialization.ConfigDict;

/** What we use of the inside of the layers whose configs are repaired. */
interface Separable extends tf.layers.Layer {
  readonly depthMultiplier: number;
}

interface Convolution extends tf.layers.Layer {
  readonly dataFormat: string;
}

interface Depthwise extends tf.layers.Layer {
  readonly depthwiseConstraint: tf.serialization.Serializable | null;
}

/**
 * Lets layers tell what the library forgets in their `getConfig`, so that they can be rebuilt, and saved and
 * loaded: SeparableConv2D its `depthMultiplier`, Conv1D that it is channelsFirst, DepthwiseConv2D its
 * constraint, in the place of which the library writes the regularizer.
 */
export function repairConfigs(): void {
  const one = { filters: 1, kernelSize: 1 };
  repair(tf.layers.separableConv2d(one), (layer) => {
    const { depthMultiplier } = layer as Separable;
    return { depthMultiplier };
  });
  repair(tf.layers.conv1d(one), (layer) => {
    const { dataFormat } = layer as Convolution;
    return dataFormat === 'channelsFirst' ? { dataFormat } : {};
  });
  repair(tf.layers.depthwiseConv2d(one), (layer) => {
    const { depthwiseConstraint: constraint } = layer as Depthwise;
    // A file of the library has the regularizer there, which is read as if it were a constraint.
    const isNone = !constraint || constraint.getClassName() === 'L1L2';
    const told = isNone
      ? null
      : { className: constraint.getClassName(), config: constraint.getConfig() };
    return { depthwiseConstraint: told };
  });
}

/** Adds what `more` answers to the config of every layer of this one's class. */
function repair(layer: tf.layers.Layer, more: (layer: tf.layers.Layer) => Config): void {
  const prototype = Object.getPrototypeOf(layer) as tf.layers.Layer;
  const forgetful: (this: tf.layers.Layer) => Config = Reflect.get(prototype, 'getConfig');
  prototype.getConfig = function (this: tf.layers.Layer) {
    return { ...forgetful.call(this), ...more(this) };
  };
}
