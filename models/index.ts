import type * as tf from '@tensorflow/tfjs';
import { cifarResNet } from './cifar-resnet';
import type { CifarResNetOptions } from './cifar-resnet';

export { cifarResNet } from './cifar-resnet';
export type { CifarResNetOptions } from './cifar-resnet';

/** A network of the zoo: options in, stock layers out, weights initialised by the seed. */
export type Architecture = (options: CifarResNetOptions) => tf.LayersModel;

export const resnet20: Architecture = (options) => cifarResNet(20, options);
export const resnet32: Architecture = (options) => cifarResNet(32, options);
export const resnet44: Architecture = (options) => cifarResNet(44, options);
export const resnet56: Architecture = (options) => cifarResNet(56, options);
export const resnet110: Architecture = (options) => cifarResNet(110, options);

/** The zoo by the names of the command line. */
export const architectures = { resnet20, resnet32, resnet44, resnet56, resnet110 } as const;
export type ArchitectureId = keyof typeof architectures;
