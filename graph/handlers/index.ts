import { addLayerHandler } from '../handler';
import type { LayerHandler } from '../handler';
import { activation, dropout, passThrough, prelu, softmax, spatial } from './activation';
import { convRecurrent, recurrent } from './closed';
import {
  conv1d,
  conv2d,
  conv2dTranspose,
  conv3d,
  conv3dTranspose,
  dense,
  depthwiseConv2d,
  embedding,
  separableConv2d,
} from './convolution';
import { add, concatenate, dot, extremum, multiply } from './merge';
import { batchNormalization, layerNormalization } from './normalization';
import { categoryEncoding, masking, rescaling, resizing } from './preprocessing';
import { cropping2d, flatten, inputLayer, permute, reshape, zeroPadding2d } from './shape';
import { timeDistributed } from './wrapper';

const handlers: Readonly<Record<string, LayerHandler>> = {
  InputLayer: inputLayer,
  // layers with kernels
  Conv1D: conv1d,
  Conv2D: conv2d,
  Conv3D: conv3d,
  Conv2DTranspose: conv2dTranspose,
  Conv3DTranspose: conv3dTranspose,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
  Dense: dense,
  Embedding: embedding,
  // normalization
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  // activations
  Activation: activation,
  ReLU: passThrough,
  LeakyReLU: passThrough,
  ELU: passThrough,
  ThresholdedReLU: passThrough,
  PReLU: prelu,
  Softmax: softmax,
  // noise
  Dropout: dropout,
  SpatialDropout1D: passThrough,
  GaussianNoise: passThrough,
  GaussianDropout: passThrough,
  AlphaDropout: passThrough,
  // space
  MaxPooling1D: spatial,
  MaxPooling2D: spatial,
  MaxPooling3D: spatial,
  AveragePooling1D: spatial,
  AveragePooling2D: spatial,
  AveragePooling3D: spatial,
  GlobalAveragePooling1D: spatial,
  GlobalAveragePooling2D: spatial,
  GlobalMaxPooling1D: spatial,
  GlobalMaxPooling2D: spatial,
  UpSampling2D: spatial,
  ZeroPadding2D: zeroPadding2d,
  Cropping2D: cropping2d,
  CenterCrop: passThrough,
  // shape
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
  RepeatVector: passThrough,
  // several inputs
  Add: add,
  Average: add,
  Maximum: extremum,
  Minimum: extremum,
  Multiply: multiply,
  Concatenate: concatenate,
  Dot: dot,
  // sequences
  Masking: masking,
  TimeDistributed: timeDistributed,
  Bidirectional: recurrent,
  SimpleRNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  RNN: recurrent,
  SimpleRNNCell: recurrent,
  GRUCell: recurrent,
  LSTMCell: recurrent,
  StackedRNNCells: recurrent,
  ConvLSTM2D: convRecurrent,
  ConvLSTM2DCell: convRecurrent,
  // preprocessing
  Rescaling: rescaling,
  Resizing: resizing,
  RandomWidth: resizing,
  CategoryEncoding: categoryEncoding,
};

for (const [className, handler] of Object.entries(handlers)) {
  addLayerHandler(className, handler);
}
