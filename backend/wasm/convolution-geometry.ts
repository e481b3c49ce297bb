import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import { withoutNumber } from './padding';
import type { Padding } from './padding';

/** One spatial axis of a convolution, dilation 1. */
export interface Axis {
  /** Length of the input, without padding. */
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  /** Padding before the first element. */
  readonly before: number;
}

/** A convolution of images, NHWC, dilation 1. */
export interface Geometry {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly rows: Axis;
  readonly columns: Axis;
  /** [n, h, w, outChannels] */
  readonly outShape: readonly number[];
}

/** Attributes that the gradient kernels of all convolutions have in common. */
export interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: Padding;
  readonly dataFormat?: 'NHWC' | 'NCHW';
  readonly dilations?: number | [number, number] | null;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/**
 * What the attributes of a gradient kernel mean for tensors of these shapes.
 *
 * @param inputShape  [n, h, w, in]
 * @param filterShape [kh, kw, in, out]; depthwise [kh, kw, in, multiplier]
 * @throws {OptionError} for NCHW or a dilation, which tfjs' own gradients refuse as well
 */
export function geometryOf(
  kernelName: string,
  inputShape: readonly number[],
  filterShape: readonly number[],
  attributes: ConvolutionAttributes,
  depthwise = false,
): Geometry {
  const { strides, pad, dataFormat = 'NHWC', dilations, dimRoundingMode } = attributes;
  if (dataFormat !== 'NHWC') {
    throw new OptionError({
      option: 'dataFormat',
      problem: `of ${kernelName} must be NHWC on the WASM backend`,
      received: dataFormat,
    });
  }
  if ([dilations ?? 1].flat().some((dilation) => dilation !== 1)) {
    throw new OptionError({
      option: 'dilations',
      problem: `of ${kernelName} must be 1 for a gradient on the WASM backend`,
      received: String(dilations),
    });
  }
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as Shape4D,
    filterShape as Shape4D,
    strides,
    1,
    withoutNumber(pad),
    dimRoundingMode,
    depthwise,
  );
  return {
    batch: info.batchSize,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    rows: {
      input: info.inHeight,
      output: info.outHeight,
      kernel: info.filterHeight,
      stride: info.strideHeight,
      before: info.padInfo.top,
    },
    columns: {
      input: info.inWidth,
      output: info.outWidth,
      kernel: info.filterWidth,
      stride: info.strideWidth,
      before: info.padInfo.left,
    },
    outShape: info.outShape,
  };
}

type Shape4D = [number, number, number, number];
