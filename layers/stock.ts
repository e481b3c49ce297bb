/**
 * The stock layer classes that ours extend. tfjs-layers does not export them, so each is taken from
 * an instance; what we use of their insides is declared here and nowhere else.
 */
import * as tf from '@tensorflow/tfjs';

/** A stock layer as its subclasses see it. */
export declare abstract class StockLayer extends tf.layers.Layer {
  static className: string;
  constructor(config: tf.serialization.ConfigDict);
  override addWeight(
    name: string,
    shape: tf.Shape,
    dtype: tf.DataType,
    initializer: ReturnType<typeof tf.initializers.ones>,
    regularizer?: undefined,
    trainable?: boolean,
  ): tf.LayerVariable;
}

/**
 * A layer with a kernel. Convolutions and Dense: `kernel` [..., in, out]; transposed convolutions:
 * `kernel` [..., out, in]; DepthwiseConv2D: `depthwiseKernel` [kh, kw, in, multiplier], whose output
 * channel is c * multiplier + m; SeparableConv2D: that and `pointwiseKernel` [1, 1, in * multiplier, out].
 */
export declare abstract class StockKernelLayer extends StockLayer {
  kernel: tf.LayerVariable;
  depthwiseKernel: tf.LayerVariable;
  pointwiseKernel: tf.LayerVariable;
  /** [out]; null where the layer has none. */
  bias: tf.LayerVariable | null;
}

/** BatchNormalization: vectors over the channels; no gamma without scale, no beta without center. */
export declare abstract class StockBatchNormalization extends StockLayer {
  /** Keras writes an array of one where this library writes its number. */
  readonly axis: number | readonly number[];
  readonly momentum: number;
  readonly epsilon: number;
  gamma: tf.LayerVariable | undefined;
  beta: tf.LayerVariable | undefined;
  movingMean: tf.LayerVariable;
  movingVariance: tf.LayerVariable;
}

/** Declared abstract above only because they have no body of their own; the real classes are not. */
export type Concrete<C extends abstract new (config: tf.serialization.ConfigDict) => StockLayer> =
  (new (config: tf.serialization.ConfigDict) => InstanceType<C>) & Omit<C, 'prototype'>;

// The constructor of an instance is its class; tfjs types it as a bare Function.
const classOf = <C extends abstract new (config: tf.serialization.ConfigDict) => StockLayer>(
  layer: tf.layers.Layer,
): Concrete<C> => layer.constructor as unknown as Concrete<C>;

export const Conv1D = classOf<typeof StockKernelLayer>(
  tf.layers.conv1d({ filters: 1, kernelSize: 1 }),
);
export const Conv2D = classOf<typeof StockKernelLayer>(
  tf.layers.conv2d({ filters: 1, kernelSize: 1 }),
);
export const Conv3D = classOf<typeof StockKernelLayer>(
  tf.layers.conv3d({ filters: 1, kernelSize: 1 }),
);
export const Conv2DTranspose = classOf<typeof StockKernelLayer>(
  tf.layers.conv2dTranspose({ filters: 1, kernelSize: 1 }),
);
export const Conv3DTranspose = classOf<typeof StockKernelLayer>(
  tf.layers.conv3dTranspose({ filters: 1, kernelSize: 1 }),
);
export const SeparableConv2D = classOf<typeof StockKernelLayer>(
  tf.layers.separableConv2d({ filters: 1, kernelSize: 1 }),
);
export const Dense = classOf<typeof StockKernelLayer>(tf.layers.dense({ units: 1 }));
export const DepthwiseConv2D = classOf<typeof StockKernelLayer>(
  tf.layers.depthwiseConv2d({ kernelSize: 1 }),
);
export const BatchNormalization = classOf<typeof StockBatchNormalization>(
  tf.layers.batchNormalization({}),
);
