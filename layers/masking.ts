import * as tf from '@tensorflow/tfjs';
import { isPrunable } from './prunable';
import type { LayerKeep, MaskedWeight } from './prunable';
import { forEachLayer } from './rebuild';

/**
 * How far a mask reaches: `kernel` silences kernels only (the papers' code), `unit` everything that
 * a removed filter leaves behind: kernel, bias, gamma, beta and moving mean.
 */
export type MaskExtent = 'kernel' | 'unit';

/** All masked weights of a prunable model. */
export function maskedWeights(model: tf.LayersModel): MaskedWeight[] {
  const all: MaskedWeight[] = [];
  forEachLayer(model, (layer) => {
    if (isPrunable(layer)) all.push(...layer.masked);
  });
  return all;
}

/**
 * Sets the model's masks so that only `keep` is left.
 *
 * @param keep by layer path; layers that it does not name get full masks.
 * @throws {RangeError} when it names a layer that has no masks, or a length does not fit.
 */
export function setMasks(
  model: tf.LayersModel,
  keep: ReadonlyMap<string, LayerKeep>,
  extent: MaskExtent = 'unit',
): void {
  const unknown = new Set(keep.keys());
  forEachLayer(model, (layer, path) => {
    if (!isPrunable(layer)) return;
    unknown.delete(path);
    const { outputs, kernel } = keep.get(path) ?? {};
    for (const masked of layer.masked) {
      const reached = extent === 'unit' || masked.isKernel;
      writeMask(masked, reached ? outputs : undefined, masked.isKernel ? kernel : undefined);
    }
  });
  if (unknown.size > 0) {
    throw new RangeError(`keep must name prunable layers only, got ${[...unknown].join(', ')}`);
  }
}

/** Makes every mask full. */
export function clearMasks(model: tf.LayersModel): void {
  setMasks(model, new Map());
}

/** Zeroes the weights themselves wherever their masks are zero. */
export function zeroMasked(model: tf.LayersModel): void {
  for (const { weight, mask } of maskedWeights(model)) {
    const value = tf.mul(weight.read(), mask.read());
    weight.write(value);
    value.dispose();
  }
}

/** Writes `keep`, repeated over the leading axes of the weight, times `single` weights. */
function writeMask(masked: MaskedWeight, keep?: Uint8Array, single?: Uint8Array): void {
  const shape = masked.mask.shape as number[];
  const size = tf.util.sizeFromShape(shape);
  for (const vector of [keep, single]) {
    if (vector && (vector.length === 0 || size % vector.length !== 0)) {
      throw new RangeError(
        `the keep of ${masked.weight.originalName} must divide its ${size} values, got ${vector.length}`,
      );
    }
  }
  const values = new Float32Array(size);
  for (let index = 0; index < size; index++) {
    values[index] = (keep?.[index % keep.length] ?? 1) * (single?.[index] ?? 1);
  }
  const mask = tf.tensor(values, shape);
  masked.mask.write(mask);
  mask.dispose();
}
