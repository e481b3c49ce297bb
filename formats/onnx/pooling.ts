import { lengths, refuseShortWindow } from './kernel-layers';
import type { OnnxWriter } from './site';

/**
 * A pooling: padding never wins a maximum and is not counted in a mean.
 *
 * Its padding is named, not counted out: onnxruntime would add a Pad in front of it to one that is, and so make
 * the zeros of a ZeroPadding2D such padding.
 */
const pooling =
  (operator: string): OnnxWriter =>
  (site) => {
    const axes = site.input.shape.length - 2;
    const size = lengths(site.config.poolSize, axes);
    const strides = lengths(site.config.strides ?? size, axes);
    site.require('dataFormat', 'channelsLast');
    const isSame = site.config.padding === 'same';
    if (!isSame) site.require('padding', 'valid');
    else refuseShortWindow(site, size, strides);
    const attributes = {
      kernel_shape: { ints: size },
      strides: { ints: strides },
      auto_pad: { text: isSame ? 'SAME_UPPER' : 'VALID' },
    };
    const read = [site.channelsFirst(site.input)];
    return [site.channelsFirstNode(operator, read, site.outputShape, attributes)];
  };

/** Of one, two or three axes. */
export const maxPooling: OnnxWriter = pooling('MaxPool');
export const averagePooling: OnnxWriter = pooling('AveragePool');

/** A pooling of a whole sequence [n, length, c] to [n, c]. */
const poolingOverTime =
  (operator: string): OnnxWriter =>
  (site) => {
    const attributes = { axes: { ints: [1] }, keepdims: { int: 0 } };
    return [site.node(operator, [site.input.name], site.outputShape, attributes)];
  };

export const globalAveragePooling1d: OnnxWriter = poolingOverTime('ReduceMean');
export const globalMaxPooling1d: OnnxWriter = poolingOverTime('ReduceMax');

/** A pooling of the whole map to [n, c]. */
const globalPooling =
  (operator: string): OnnxWriter =>
  (site) => {
    site.require('dataFormat', 'channelsLast');
    const { name, shape } = site.input;
    const pooled = site.node(operator, [name], [shape[0]!, 1, 1, shape[3]!]);
    return [site.node('Flatten', [pooled.name], site.outputShape, { axis: { int: 1 } })];
  };

export const globalAveragePooling2d: OnnxWriter = globalPooling('GlobalAveragePool');
export const globalMaxPooling2d: OnnxWriter = globalPooling('GlobalMaxPool');
