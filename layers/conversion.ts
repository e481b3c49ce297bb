import * as tf from '@tensorflow/tfjs';
import { keepWrappedAverages } from './frozen-wrapped';
import { PrunableBatchNormalization } from './prunable-batch-normalization';
import {
  PrunableConv1D,
  PrunableConv2D,
  PrunableConv2DTranspose,
  PrunableConv3D,
  PrunableConv3DTranspose,
  PrunableDense,
  PrunableDepthwiseConv2D,
  PrunableSeparableConv2D,
} from './prunable-kernel';
import {
  BatchNormalization,
  Conv1D,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  Dense,
  DepthwiseConv2D,
  SeparableConv2D,
} from './stock';
import { configOf, copyWeights, forEachLayer, isModel, modelOf, weightsByName } from './rebuild';
import type { LayerConfig, ModelConfig } from './rebuild';

/** The prunable twin of each stock layer. */
const twins = [
  [Conv1D, PrunableConv1D],
  [Conv2D, PrunableConv2D],
  [Conv3D, PrunableConv3D],
  [Conv2DTranspose, PrunableConv2DTranspose],
  [Conv3DTranspose, PrunableConv3DTranspose],
  [DepthwiseConv2D, PrunableDepthwiseConv2D],
  [SeparableConv2D, PrunableSeparableConv2D],
  [Dense, PrunableDense],
  [BatchNormalization, PrunableBatchNormalization],
] as const;

for (const [, Prunable] of twins) {
  tf.serialization.registerClass(Prunable);
}

const prunableNames = new Map(twins.map(([from, to]) => [from.className, to.className]));
const stockNames = new Map(twins.map(([from, to]) => [to.className, from.className]));

/** Whether `prunable` gives a stock class masks. */
export function hasPrunableTwin(className: string): boolean {
  return prunableNames.has(className);
}

/** The stock name of a layer class: `Conv2D` for both `Conv2D` and `PrunableConv2D`. */
export function stockClassName(className: string): string {
  return stockNames.get(className) ?? className;
}

/**
 * A copy of the model whose convolutions, Dense and BatchNormalization layers have masks; TimeDistributed
 * layers and the classes without a twin stay as they are.
 *
 * The masks are full: it computes what `model` computes. The input stays the caller's, untouched.
 */
export function prunable(model: tf.LayersModel): tf.LayersModel {
  return convert(model, (name) => prunableNames.get(name) ?? name);
}

/** A copy of the model in stock layers, masks left behind: the weights as they are, not masked. */
export function stock(model: tf.LayersModel): tf.LayersModel {
  return convert(model, stockClassName);
}

function convert(model: tf.LayersModel, rename: (className: string) => string): tf.LayersModel {
  const copy = modelOf(renameClasses(model, rename), model);
  copyWeights(model, copy);
  freezeAlike(model, copy);
  const weights = weightsByName(copy);
  for (const [name, { trainable }] of weightsByName(model)) {
    const weight = weights.get(name);
    if (weight) weight.trainable = trainable; // a frozen nested model's config does not say so
  }
  forEachLayer(copy, (layer) => {
    keepWrappedAverages(layer);
  });
  return copy;
}

/** Freezes the models of a copy that are frozen in the original, whose config does not say so. */
function freezeAlike(from: tf.LayersModel, to: tf.LayersModel): void {
  if (!from.trainable) {
    to.trainable = false;
    forEachLayer(to, (layer) => {
      if (layer instanceof PrunableBatchNormalization) layer.isWithinFrozen = true;
      keepWrappedAverages(layer, true);
    });
  }
  for (const layer of from.layers) {
    const twin = to.getLayer(layer.name);
    if (isModel(layer) && isModel(twin)) freezeAlike(layer, twin);
  }
}

/** The model's config in stock layers, free to be changed. */
export function stockConfigOf(model: tf.LayersModel): ModelConfig {
  return renameClasses(model, stockClassName);
}

function renameClasses(model: tf.LayersModel, rename: (className: string) => string): ModelConfig {
  const config = configOf(model);
  const renameAll = (layers: LayerConfig[]): void => {
    for (const layer of layers) {
      layer.className = rename(layer.className);
      if (layer.config.layers) renameAll(layer.config.layers);
    }
  };
  renameAll(config.layers);
  return config;
}
