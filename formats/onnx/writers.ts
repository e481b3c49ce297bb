import { conv2d, dense, depthwiseConv2d, separableConv2d } from './kernel-layers';
import * as plain from './plain-layers';
import type { OnnxWriter } from './site';

/** The writer of each layer class, by its class name. */
export const onnxWriters: Readonly<Record<string, OnnxWriter>> = {
  InputLayer: plain.identity,
  // layers with kernels
  Conv2D: conv2d,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
  Dense: dense,
  // normalization
  BatchNormalization: plain.batchNormalization,
  Rescaling: plain.rescaling,
  // activations
  Activation: plain.activation,
  ReLU: plain.relu,
  LeakyReLU: plain.leakyReLU,
  ELU: plain.elu,
  ThresholdedReLU: plain.thresholdedReLU,
  PReLU: plain.prelu,
  Softmax: plain.softmax,
  // noise
  Dropout: plain.identity,
  SpatialDropout1D: plain.identity,
  GaussianNoise: plain.identity,
  GaussianDropout: plain.identity,
  AlphaDropout: plain.identity,
  // space
  MaxPooling2D: plain.maxPooling2d,
  AveragePooling2D: plain.averagePooling2d,
  GlobalAveragePooling2D: plain.globalAveragePooling2d,
  GlobalMaxPooling2D: plain.globalMaxPooling2d,
  ZeroPadding2D: plain.zeroPadding2d,
  Cropping2D: plain.cropping2d,
  UpSampling2D: plain.upSampling2d,
  // shape
  Flatten: plain.flatten,
  Reshape: plain.reshape,
  Permute: plain.permute,
  // several inputs
  Add: plain.add,
  Average: plain.average,
  Maximum: plain.maximum,
  Minimum: plain.minimum,
  Multiply: plain.multiply,
  Concatenate: plain.concatenate,
};
