import type * as tf from '@tensorflow/tfjs';
import type { ids } from '../config';
import { onnxModel, SPARSE_FILE, sparseWeights, typescriptSource } from '../formats';
import type { Extras } from '../formats';
import { stock } from '../layers';
import { blockLayers } from '../models';

/** A form in which a network is written. */
export type FormatId = (typeof ids.format)[number];

/**
 * The files beside model.json in which a stock network is written once more; it is borrowed.
 *
 * @throws {UnsupportedLayerError} naming a layer that the format cannot hold.
 * @throws {RangeError} when the network is too large for an ONNX file.
 * @throws {ModelFileError} when the weights cannot be compressed: one of them is not finite.
 */
export function filesOf(model: tf.LayersModel, formats: readonly FormatId[]): Extras {
  return {
    ...(formats.includes('typescript') && {
      'network.ts': typescriptSource(model, { blocks: blockLayers(model) }),
    }),
    ...(formats.includes('onnx') && { 'network.onnx': onnxModel(model) }),
    ...(formats.includes('sparse') && { [SPARSE_FILE]: sparseWeights(model) }),
  };
}

/**
 * Refuses a network that a format cannot hold, before anything is spent on it; it is borrowed.
 *
 * @throws {UnsupportedLayerError} naming the layer.
 */
export function requireWritable(model: tf.LayersModel, formats: readonly FormatId[]): void {
  if (formats.every((format) => format === 'tfjs')) return;
  const plain = stock(model);
  try {
    filesOf(plain, formats);
  } finally {
    plain.dispose();
  }
}
