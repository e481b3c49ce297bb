import { registerLayerHandler } from '../handler';
import { activation, passThrough, spatial } from './activation';
import { conv2d, dense, depthwiseConv2d } from './convolution';
import { add, concatenate } from './merge';
import { batchNormalization } from './normalization';
import { cropping2d, flatten, inputLayer, zeroPadding2d } from './shape';

const handlers = {
  InputLayer: inputLayer,
  Conv2D: conv2d,
  DepthwiseConv2D: depthwiseConv2d,
  Dense: dense,
  BatchNormalization: batchNormalization,
  Activation: activation,
  ReLU: passThrough,
  LeakyReLU: passThrough,
  ELU: passThrough,
  Dropout: passThrough,
  SpatialDropout1D: passThrough,
  MaxPooling2D: spatial,
  AveragePooling2D: spatial,
  GlobalAveragePooling2D: spatial,
  GlobalMaxPooling2D: spatial,
  UpSampling2D: spatial,
  ZeroPadding2D: zeroPadding2d,
  Cropping2D: cropping2d,
  Flatten: flatten,
  Add: add,
  Concatenate: concatenate,
} as const;

for (const [className, handler] of Object.entries(handlers)) {
  registerLayerHandler(className, handler);
}
