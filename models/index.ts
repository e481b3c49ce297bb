import type * as tf from '@tensorflow/tfjs';
import type { ArchitectureId } from './catalogue';
import { alexNet } from './networks/alexnet';
import { cifarResNet } from './networks/cifar-resnet';
import type { CifarResNetOptions } from './networks/cifar-resnet';
import { denseNet121 } from './networks/densenet';
import { efficientNet } from './networks/efficientnet';
import { googLeNet } from './networks/googlenet';
import { mnasNet } from './networks/mnasnet';
import { mobileNetV1 } from './networks/mobilenet-v1';
import { mobileNetV2 } from './networks/mobilenet-v2';
import type { NetworkOptions } from './network-options';
import { resNet } from './networks/resnet';
import type { ResNetDepth } from './networks/resnet';
import { squeezeNet } from './networks/squeezenet';
import type { SqueezeNetVersion } from './networks/squeezenet';
import { vgg } from './networks/vgg';
import type { VggDepth } from './networks/vgg';

// what a network is asked for
export type { NetworkOptions, Shortcut, Variant } from './network-options';

// networks/
export { findArchitecture, publishedSize } from './catalogue';
export type { ArchitectureId } from './catalogue';
export { alexNet } from './networks/alexnet';
export { cifarResNet } from './networks/cifar-resnet';
export type { CifarResNetOptions } from './networks/cifar-resnet';
export { denseNet121 } from './networks/densenet';
export { efficientNet, EfficientNetBlock } from './networks/efficientnet';
export type { EfficientNetOptions, EfficientNetStage } from './networks/efficientnet';
export { googLeNet } from './networks/googlenet';
export { mnasNet, MnasNetBlock } from './networks/mnasnet';
export { mobileNetV1 } from './networks/mobilenet-v1';
export { mobileNetV2, MobileNetV2Block } from './networks/mobilenet-v2';
export { resNet } from './networks/resnet';
export type { ResNetDepth } from './networks/resnet';
export { squeezeNet } from './networks/squeezenet';
export type { SqueezeNetVersion } from './networks/squeezenet';
export { vgg } from './networks/vgg';
export type { VggDepth, VggOptions } from './networks/vgg';

// blocks/: the parts that networks are made of
export { Parts } from './blocks/parts';
export type { ActivationId, ConvolutionOptions, PoolingOptions } from './blocks/parts';
export { BasicBlock } from './blocks/basic-block';
export { Bottleneck } from './blocks/bottleneck';
export type { ResidualBlockOptions } from './blocks/shortcut';
export { DenseLayer } from './blocks/dense-layer';
export { DepthwiseSeparable } from './blocks/depthwise-separable';
export { Fire } from './blocks/fire';
export { Inception } from './blocks/inception';

// blocks/: the decorators that record what a layer is to its block, and what they recorded
export {
  basicBlock,
  bottleneck,
  decoratedBlocks,
  decorator,
  denseLayer,
  fire,
  inception,
  mbConv,
} from './blocks/block';
export type { Block, BlockClass, BlockDecorator, BlockForm, DecoratedBlock } from './blocks/block';
export { blockLayers, layerRoles, rememberBlocks, roleOf } from './blocks/roles';
export type { BlockLayer, LayerRole } from './blocks/roles';

/** A network of the zoo: options in, stock layers out, weights initialised by the seed. */
export type Architecture<Options extends NetworkOptions = NetworkOptions> = (
  options: Options,
) => tf.LayersModel;

type CifarResNet = Architecture<CifarResNetOptions>;

export const resnet20: CifarResNet = (options) => cifarResNet(20, options);
export const resnet32: CifarResNet = (options) => cifarResNet(32, options);
export const resnet44: CifarResNet = (options) => cifarResNet(44, options);
export const resnet56: CifarResNet = (options) => cifarResNet(56, options);
export const resnet110: CifarResNet = (options) => cifarResNet(110, options);

const torchvisionResNet =
  (depth: ResNetDepth): Architecture =>
  (options) =>
    resNet(depth, options);

const plainVgg =
  (depth: VggDepth): Architecture =>
  (options) =>
    vgg(depth, options);

const normalizedVgg =
  (depth: VggDepth): Architecture =>
  (options) =>
    vgg(depth, { ...options, batchNorm: true });

const squeezeNetOf =
  (version: SqueezeNetVersion): Architecture =>
  (options) =>
    squeezeNet(version, options);

/** The zoo by the names of the command line: torchvision's, where it has the network. */
export const architectures = {
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
  resnet18: torchvisionResNet(18),
  resnet34: torchvisionResNet(34),
  resnet50: torchvisionResNet(50),
  resnet101: torchvisionResNet(101),
  resnet152: torchvisionResNet(152),
  alexnet: alexNet,
  vgg9: plainVgg(9),
  vgg9_bn: normalizedVgg(9),
  vgg11: plainVgg(11),
  vgg11_bn: normalizedVgg(11),
  vgg13: plainVgg(13),
  vgg13_bn: normalizedVgg(13),
  vgg16: plainVgg(16),
  vgg16_bn: normalizedVgg(16),
  vgg19: plainVgg(19),
  vgg19_bn: normalizedVgg(19),
  mobilenet_v1: mobileNetV1,
  mobilenet_v2: mobileNetV2,
  mnasnet1_0: mnasNet,
  squeezenet1_0: squeezeNetOf('1_0'),
  squeezenet1_1: squeezeNetOf('1_1'),
  googlenet: googLeNet,
  densenet121: denseNet121,
  efficientnet_b0: efficientNet,
} as const satisfies Record<ArchitectureId, Architecture>;
