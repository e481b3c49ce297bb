// what a network is asked for
export type { NetworkOptions, Shortcut, Variant } from './network-options';

// networks/
export { architectureIds, findArchitecture, publishedSize } from './catalogue';
export type { AnyArchitectureId, ArchitectureId, PublishedSize } from './catalogue';
export { architectures, builderOf } from './architectures';
export { resnet110, resnet20, resnet32, resnet44, resnet56 } from './architectures';
export type { Architecture } from './architectures';
export { registerNetwork } from './register';
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
