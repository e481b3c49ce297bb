/** Whether a network scales its images itself, found by walking on from its input. */
import type * as tf from '@tensorflow/tfjs';
import { isModel, stockClassName } from '../layers';

/** Layers that scale what they are given: whoever begins with one takes pixels as they are. */
const scalers = new Set(['Rescaling', 'Normalization']);

/** Layers that move, repeat or leave out values and scale none. */
const movers = new Set([
  ...['ZeroPadding1D', 'ZeroPadding2D', 'ZeroPadding3D', 'Cropping1D', 'Cropping2D', 'Cropping3D'],
  ...['CenterCrop', 'Resizing', 'UpSampling1D', 'UpSampling2D', 'UpSampling3D', 'MaxPooling2D'],
  ...['AveragePooling2D', 'Reshape', 'Permute', 'Flatten', 'RepeatVector', 'Concatenate'],
  ...['Dropout', 'SpatialDropout1D', 'SpatialDropout2D', 'GaussianNoise', 'GaussianDropout'],
  ...['Identity', 'RandomBrightness', 'RandomContrast', 'RandomCrop', 'RandomFlip'],
  ...['RandomHeight', 'RandomRotation', 'RandomTranslation', 'RandomWidth', 'RandomZoom'],
]);

/**
 * The layer with which a network scales its images itself: a Rescaling or Normalization behind the input, or behind
 * layers that only move values, in nested models too.
 *
 * @returns its name; null where there is none.
 */
export function findPreprocessing(model: tf.LayersModel): string | null {
  for (const input of model.inputs) {
    const found = findBehind(model, input);
    if (found !== null) return found;
  }
  return null;
}

/** @param model whose layers read the tensor. */
function findBehind(model: tf.LayersModel, tensor: tf.SymbolicTensor): string | null {
  for (const layer of model.layers) {
    if (layer.getClassName() === 'InputLayer') continue; // which reads what it makes
    for (const { inputTensors, outputTensors } of layer.inboundNodes) {
      const at = inputTensors.indexOf(tensor);
      const found = at < 0 ? null : findIn(model, layer, at, outputTensors);
      if (found !== null) return found;
    }
  }
  return null;
}

/** @param at which input of the layer is followed. @param outputs what this call of the layer makes. */
function findIn(
  model: tf.LayersModel,
  layer: tf.layers.Layer,
  at: number,
  outputs: readonly tf.SymbolicTensor[],
): string | null {
  if (isModel(layer)) {
    const inside = findBehind(layer, layer.inputs[at]!);
    // A nested model may only move values, and the scaling come behind it.
    if (inside !== null || !layer.layers.every(isMover)) return inside;
  } else {
    if (scalers.has(stockClassName(layer.getClassName()))) return layer.name;
    if (!isMover(layer)) return null;
  }
  for (const output of outputs) {
    const found = findBehind(model, output);
    if (found !== null) return found;
  }
  return null;
}

function isMover(layer: tf.layers.Layer): boolean {
  if (isModel(layer)) return layer.layers.every(isMover);
  const className = stockClassName(layer.getClassName());
  const isLinear = className === 'Activation' && layer.getConfig().activation === 'linear';
  return isLinear || className === 'InputLayer' || movers.has(className);
}
