import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import { adaptivePooling, emptyMap, poolingPads } from './geometry';
import { heNormal, uniform } from './initializers';
import type { Initializer } from './initializers';
import { rememberBlocks } from './roles';
import { checkOptions } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { nearest } from './rounding';
import type { Rounding } from './rounding';

/** A convolution with the padding of PyTorch: the same number of zeros on both sides. */
export interface ConvolutionOptions {
  readonly name: string;
  readonly filters: number;
  /** Kernel height and width. */
  readonly size: number;
  readonly stride?: number;
  /** Zeros on each side. Default floor(size / 2). */
  readonly padding?: number;
  /** Default false: a BatchNormalization follows. */
  readonly bias?: boolean;
}

/** A pooling of square windows. */
export interface PoolingOptions {
  readonly name: string;
  readonly size: number;
  readonly stride: number;
  /** Zeros on each side. Default 0. */
  readonly padding?: number;
  /** Whether a last window may hang over the edge (PyTorch's ceil_mode). Default false. */
  readonly ceil?: boolean;
}

/** What a ReLU-like activation layer computes. */
export type ActivationId = 'relu' | 'relu6' | 'swish' | 'sigmoid';

/**
 * The layers of one network: stock tfjs layers as PyTorch would make them, NHWC.
 *
 * Holds what all of them share: the seed, the width multiplier and the filters asked for by name.
 * Every method takes a symbolic tensor and answers one.
 */
export class Parts {
  private readonly named = new Set<string>();

  /** @throws {OptionError} when the options describe no network. */
  constructor(
    readonly options: NetworkOptions,
    private readonly rounding: Rounding = nearest,
  ) {
    checkOptions(options);
  }

  /** The network's input [n, h, w, c]. */
  input(): tf.SymbolicTensor {
    return tf.input({ shape: [...this.options.inputShape], name: 'input' });
  }

  /** A width of the original network, multiplied and rounded. */
  scaled(width: number): number {
    return this.rounding(width * (this.options.width ?? 1));
  }

  /**
   * Convolves with symmetric padding.
   *
   * TensorFlow's `same` is symmetric at stride 1 only, so a larger stride gets a ZeroPadding2D layer.
   * Kernel: He normal by fan-out (He et al., "Delving Deep into Rectifiers", ICCV 2015); bias: zero.
   */
  convolution(x: tf.SymbolicTensor, options: ConvolutionOptions): tf.SymbolicTensor {
    return this.convolve(x, options, this.filtersOf(options.name, options.filters));
  }

  /** Convolves each channel by itself, without bias; padding and kernel as in `convolution`. */
  depthwise(
    x: tf.SymbolicTensor,
    options: Omit<ConvolutionOptions, 'filters' | 'bias'>,
  ): tf.SymbolicTensor {
    const { name, size, stride = 1 } = options;
    const { padded, padding } = this.padded(x, options);
    const layer = tf.layers.depthwiseConv2d({
      name,
      kernelSize: size,
      strides: stride,
      padding,
      useBias: false,
      depthwiseInitializer: this.heNormal(name),
    });
    return apply(layer, padded);
  }

  /** BatchNormalization as PyTorch's: epsilon 1e-5, the old average weighs 0.9. */
  batchNormalization(
    x: tf.SymbolicTensor,
    name: string,
    { momentum = 0.9, epsilon = 1e-5 }: { momentum?: number; epsilon?: number } = {},
  ): tf.SymbolicTensor {
    return apply(tf.layers.batchNormalization({ name, momentum, epsilon }), x);
  }

  /** An activation as a layer of its own. */
  activation(x: tf.SymbolicTensor, name: string, id: ActivationId = 'relu'): tf.SymbolicTensor {
    if (id === 'relu') return apply(tf.layers.reLU({ name }), x);
    if (id === 'relu6') return apply(tf.layers.reLU({ name, maxValue: 6 }), x);
    return apply(tf.layers.activation({ name, activation: id }), x);
  }

  /**
   * Largest value of each window. The input must be >= 0 where a window overlaps the padding: zeros
   * stand for PyTorch's minus infinity.
   */
  maxPooling(x: tf.SymbolicTensor, options: PoolingOptions): tf.SymbolicTensor {
    const { name, size, stride } = options;
    const pads = poolingPads(sizeOf(x), options);
    const padded = pads.same || pads.none ? x : zeroPadding(x, `${name}_pad`, pads.zeros);
    const padding = pads.same ? 'same' : 'valid';
    return apply(
      tf.layers.maxPooling2d({ name, poolSize: size, strides: stride, padding }),
      padded,
    );
  }

  /** Mean of each window, without padding. */
  averagePooling(
    x: tf.SymbolicTensor,
    { name, size, stride }: Pick<PoolingOptions, 'name' | 'size' | 'stride'>,
  ): tf.SymbolicTensor {
    if (sizeOf(x).some((length) => length < size)) throw emptyMap(name, sizeOf(x), size);
    return apply(tf.layers.averagePooling2d({ name, poolSize: size, strides: stride }), x);
  }

  /** Mean of each channel: [n, h, w, c] to [n, c]. */
  globalAveragePooling(x: tf.SymbolicTensor, name = 'avgpool'): tf.SymbolicTensor {
    return apply(tf.layers.globalAveragePooling2d({ name }), x);
  }

  /** Mean of each channel with its axes kept: [n, h, w, c] to [n, 1, 1, c]. */
  mean(x: tf.SymbolicTensor, name: string): tf.SymbolicTensor {
    return apply(tf.layers.averagePooling2d({ name, poolSize: sizeOf(x), strides: 1 }), x);
  }

  /**
   * PyTorch's AdaptiveAvgPool2d to a map of `size` x `size`, where ordinary layers compute it exactly.
   *
   * @throws {OptionError} when its windows are of different sizes.
   */
  adaptiveAveragePooling(
    x: tf.SymbolicTensor,
    { name, size }: { readonly name: string; readonly size: number },
  ): tf.SymbolicTensor {
    const [rows, columns] = sizeOf(x).map((length) => adaptivePooling(length, size));
    if (!rows || !columns) {
      throw new OptionError({
        option: 'inputShape',
        problem:
          `must be 224 x 224 without variant 'cifar': ${name} makes ${size} x ${size} of a ` +
          `${sizeOf(x).join(' x ')} map by windows of different sizes, which no stock layer does`,
      });
    }
    const factor: [number, number] = [rows.repeat, columns.repeat];
    const poolSize: [number, number] = [rows.size, columns.size];
    const strides: [number, number] = [rows.stride, columns.stride];
    let y = x;
    if (Math.max(...factor) > 1) {
      y = apply(tf.layers.upSampling2d({ name: `${name}_repeat`, size: factor }), y);
    }
    if (Math.max(...poolSize) > 1) {
      y = apply(tf.layers.averagePooling2d({ name, poolSize, strides }), y);
    }
    return y;
  }

  /** Drops units at the rate asked for, else the network's own; no layer at rate 0. */
  dropout(x: tf.SymbolicTensor, name: string, rate: number): tf.SymbolicTensor {
    const { dropout = rate } = this.options;
    return dropout === 0 ? x : apply(tf.layers.dropout({ name, rate: dropout }), x);
  }

  /** A list of all positions: [n, h, w, c] to [n, h * w * c], channels last. */
  flatten(x: tf.SymbolicTensor): tf.SymbolicTensor {
    return apply(tf.layers.flatten({ name: 'flatten' }), x);
  }

  /**
   * Sum of two tensors.
   *
   * @throws {OptionError} when their widths differ.
   */
  add(name: string, x: tf.SymbolicTensor, y: tf.SymbolicTensor): tf.SymbolicTensor {
    const [one, other] = [widthOf(x), widthOf(y)];
    if (one !== other) {
      throw new OptionError({
        option: 'filters',
        problem: `must give ${name} two equal widths`,
        received: `${one} and ${other}`,
      });
    }
    return tf.layers.add({ name }).apply([x, y]) as tf.SymbolicTensor;
  }

  /** Tensors one behind the other on the channel axis. */
  concatenate(name: string, tensors: tf.SymbolicTensor[]): tf.SymbolicTensor {
    return tf.layers.concatenate({ name }).apply(tensors) as tf.SymbolicTensor;
  }

  /** Scales each channel of x [n, h, w, c] by scale [n, 1, 1, c]. */
  multiply(name: string, x: tf.SymbolicTensor, scale: tf.SymbolicTensor): tf.SymbolicTensor {
    return tf.layers.multiply({ name }).apply([x, scale]) as tf.SymbolicTensor;
  }

  /** A hidden Dense layer, whose units may be asked for by name. */
  hidden(
    x: tf.SymbolicTensor,
    { name, units }: { readonly name: string; readonly units: number },
  ): tf.SymbolicTensor {
    return this.dense(x, name, this.filtersOf(name, units));
  }

  /** The network's logits [n, classes]: a Dense layer without activation. */
  linear(x: tf.SymbolicTensor, name: string): tf.SymbolicTensor {
    return this.dense(x, name, this.options.classes);
  }

  /** Logits per position: a 1x1 convolution with bias to [n, h, w, classes]. */
  classes(x: tf.SymbolicTensor, name: string): tf.SymbolicTensor {
    return this.convolve(x, { name, size: 1, bias: true }, this.options.classes);
  }

  /**
   * The network, with the roles of its blocks' layers.
   *
   * @throws {OptionError} when `filters` names a layer that the network does not have.
   */
  model(name: string, input: tf.SymbolicTensor, output: tf.SymbolicTensor): tf.LayersModel {
    const model = tf.model({ inputs: input, outputs: output, name });
    const unknown = Object.keys(this.options.filters ?? {}).filter((key) => !this.named.has(key));
    if (unknown.length > 0) {
      model.dispose();
      throw new OptionError({
        option: 'filters',
        problem: `must name layers of ${name} whose width is free (${[...this.named].join(', ')})`,
        received: unknown.join(', '),
      });
    }
    rememberBlocks(model);
    return model;
  }

  private convolve(
    x: tf.SymbolicTensor,
    options: Omit<ConvolutionOptions, 'filters'>,
    filters: number,
  ): tf.SymbolicTensor {
    const { name, size, stride = 1, bias = false } = options;
    const { padded, padding } = this.padded(x, options);
    const layer = tf.layers.conv2d({
      name,
      filters,
      kernelSize: size,
      strides: stride,
      padding,
      useBias: bias,
      kernelInitializer: this.heNormal(name),
    });
    return apply(layer, padded);
  }

  private dense(x: tf.SymbolicTensor, name: string, units: number): tf.SymbolicTensor {
    const { seed = 1 } = this.options;
    const inputs = widthOf(x);
    const layer = tf.layers.dense({
      name,
      units,
      kernelInitializer: uniform({ seed, layer: name, weight: 'kernel', inputs }),
      biasInitializer: uniform({ seed, layer: name, weight: 'bias', inputs }),
    });
    return apply(layer, x);
  }

  private filtersOf(name: string, filters: number): number {
    this.named.add(name);
    return this.options.filters?.[name] ?? filters;
  }

  private heNormal(name: string): Initializer {
    const { seed = 1 } = this.options;
    return heNormal(seed, name);
  }

  private padded(
    x: tf.SymbolicTensor,
    options: Omit<ConvolutionOptions, 'filters'>,
  ): { padded: tf.SymbolicTensor; padding: 'same' | 'valid' } {
    const { name, size, stride = 1, padding = Math.floor(size / 2) } = options;
    if (stride === 1 && padding === (size - 1) / 2) return { padded: x, padding: 'same' };
    const padded = padding === 0 ? x : zeroPadding(x, `${name}_pad`, padding);
    if (sizeOf(padded).some((length) => length < size)) throw emptyMap(name, sizeOf(x), size);
    return { padded, padding: 'valid' };
  }
}

/** Channels of a tensor. */
export function widthOf(x: tf.SymbolicTensor): number {
  return x.shape.at(-1)!;
}

/** Height and width of a tensor [n, h, w, c]. */
export function sizeOf(x: tf.SymbolicTensor): [number, number] {
  return [x.shape[1]!, x.shape[2]!];
}

function zeroPadding(
  x: tf.SymbolicTensor,
  name: string,
  padding: number | [[number, number], [number, number]],
): tf.SymbolicTensor {
  return apply(tf.layers.zeroPadding2d({ name, padding }), x);
}

// A layer that is given one symbolic tensor answers one; tfjs types every possible answer.
function apply(layer: tf.layers.Layer, x: tf.SymbolicTensor): tf.SymbolicTensor {
  return layer.apply(x) as tf.SymbolicTensor;
}
