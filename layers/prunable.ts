import * as tf from '@tensorflow/tfjs';
import type { StockLayer } from './stock';

/** A weight and the 0/1 variable of the same shape that silences parts of it. */
export interface MaskedWeight {
  readonly weight: tf.LayerVariable;
  readonly mask: tf.LayerVariable;
  /** True for the weight that a method scores; false for what only goes along with a removed unit. */
  readonly isKernel: boolean;
  /** Its adjacent axes that, flattened, are the layer's output channels: [3] of [kh, kw, in, out]. */
  readonly outputAxes: readonly number[];
}

/** What stays of one layer: output channels, single kernel weights, or both; 1 stays. */
export interface LayerKeep {
  /** [out] */
  readonly outputs?: Uint8Array | undefined;
  /** The kernel's shape, row-major. */
  readonly kernel?: Uint8Array | undefined;
}

/** A layer whose weights read as weight * mask. */
export interface Prunable {
  /** The layer's weights with their masks; the layer owns both. Empty before it is built. */
  readonly masked: readonly MaskedWeight[];
  /** How many output channels a keep of the layer names; 0 before it is built. */
  readonly outputChannels: number;
}

/** True when the layer has masks. */
export function isPrunable(layer: tf.layers.Layer): layer is tf.layers.Layer & Prunable {
  return 'masked' in layer;
}

/** Makes the mask of `weight`: a non-trainable weight of the layer, so that saving needs no mask code. */
export function addMask(
  layer: StockLayer,
  name: string,
  weight: tf.LayerVariable,
): tf.LayerVariable {
  const ones = tf.initializers.ones();
  const mask = layer.addWeight(name, weight.shape, 'float32', ones, undefined, false);
  const full = tf.ones(weight.shape as number[]);
  mask.write(full); // a model rebuilt from its config skips initializers; a mask starts full
  full.dispose();
  return mask;
}

/** weight * mask, of the weight's shape, or the weight itself while the mask is full; for a tidy. */
export function readMasked({ weight, mask }: MaskedWeight): tf.Tensor {
  return timesMask(weight.read(), mask);
}

/** value * mask, or `value` itself while the mask is full; for a tidy. */
export function timesMask(value: tf.Tensor, mask: tf.LayerVariable): tf.Tensor {
  return isFull(mask) ? value : tf.mul(value, mask.read());
}

/** Which data, once in a mask, removes nothing. */
const fullness = new WeakMap<object, boolean>();

/** Looks into a mask once after each change: whoever writes a variable gives it new data. */
function isFull(mask: tf.LayerVariable): boolean {
  const value = mask.read();
  let full = fullness.get(value.dataId);
  if (full === undefined) {
    full = value.dataSync().every((entry) => entry === 1);
    fullness.set(value.dataId, full);
  }
  return full;
}

/** A stand-in for a layer's weight that reads as `value` while stock code computes with it. */
export function readAsVariable(value: tf.Tensor): tf.LayerVariable {
  return { read: () => value } as unknown as tf.LayerVariable;
}
