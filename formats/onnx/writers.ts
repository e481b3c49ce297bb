import {
  convolution,
  dense,
  depthwiseConv2d,
  separableConv2d,
  transposedConvolution,
} from './kernel-layers';
import * as plain from './plain-layers';
import * as pooling from './pooling';
import type { OnnxWriter } from './site';

/** The writer of each layer class, by its class name. */
export const onnxWriters: Readonly<Record<string, OnnxWriter>> = {
  InputLayer: plain.identity,
  // layers with kernels
  Conv1D: convolution,
  Conv2D: convolution,
  Conv3D: convolution,
  Conv2DTranspose: transposedConvolution,
  Conv3DTranspose: transposedConvolution,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
  Dense: dense,
  Embedding: plain.embedding,
  // normalization
  BatchNormalization: plain.batchNormalization,
  LayerNormalization: plain.layerNormalization,
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
  MaxPooling1D: pooling.maxPooling,
  MaxPooling2D: pooling.maxPooling,
  MaxPooling3D: pooling.maxPooling,
  AveragePooling1D: pooling.averagePooling,
  AveragePooling2D: pooling.averagePooling,
  AveragePooling3D: pooling.averagePooling,
  GlobalAveragePooling1D: pooling.globalAveragePooling1d,
  GlobalAveragePooling2D: pooling.globalAveragePooling2d,
  GlobalMaxPooling1D: pooling.globalMaxPooling1d,
  GlobalMaxPooling2D: pooling.globalMaxPooling2d,
  ZeroPadding2D: plain.zeroPadding2d,
  Cropping2D: plain.cropping2d,
  UpSampling2D: plain.upSampling2d,
  // shape
  Flatten: plain.flatten,
  Reshape: plain.reshape,
  Permute: plain.permute,
  RepeatVector: plain.repeatVector,
  // several inputs
  Add: plain.add,
  Average: plain.average,
  Maximum: plain.maximum,
  Minimum: plain.minimum,
  Multiply: plain.multiply,
  Concatenate: plain.concatenate,
};
