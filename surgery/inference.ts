import type * as tf from '@tensorflow/tfjs';
import { configOf, copyWeights, modelOf, nameOf, tensorKey } from '../layers';
import type { InboundReference, LayerConfig, ModelConfig } from '../layers';

/** Layers that pass on what they get, except in training. */
const trainingOnly = new Set([
  ...['Dropout', 'SpatialDropout1D', 'GaussianDropout', 'AlphaDropout', 'GaussianNoise'],
]);

const isTrainingOnly = ({ className }: LayerConfig): boolean => trainingOnly.has(className);

/**
 * A copy of the network without the layers that only do something in training, in nested models too.
 *
 * It computes what `model` computes, of the same bits.
 *
 * @param model stock; borrowed.
 * @returns null where there is no such layer; else the caller owns it.
 */
export function withoutTrainingLayers(model: tf.LayersModel): tf.LayersModel | null {
  const config = configOf(model);
  if (!cut(config)) return null;
  const lean = modelOf(config, model);
  copyWeights(model, lean);
  return lean;
}

/** Takes the layers out of a model's config; false where there are none. */
function cut(config: ModelConfig): boolean {
  let isCut = false;
  for (const layer of config.layers) {
    if (layer.config.layers) isCut = cut(layer.config as unknown as ModelConfig) || isCut;
  }
  const left = config.layers.filter((layer) => !isTrainingOnly(layer));
  const isEmpty = left.every(({ className }) => className === 'InputLayer');
  if (left.length === config.layers.length || isEmpty) return isCut; // a model must have layers
  if (config.inputLayers) bridge(config);
  else keepInput(config, left);
  config.layers = left;
  return true;
}

/** Whoever reads a layer that goes reads what that layer read. */
function bridge(config: ModelConfig): void {
  const sources = new Map<string, InboundReference>();
  for (const layer of config.layers.filter(isTrainingOnly)) {
    layer.inboundNodes?.forEach(([source], call) => {
      sources.set(tensorKey(nameOf(layer), call), source!);
    });
  }
  const behind = ([name, call, output, ...rest]: InboundReference): InboundReference => {
    let at: InboundReference = [name, call, output];
    for (let source; (source = sources.get(tensorKey(at[0], at[1], at[2]))); at = source);
    return [at[0], at[1], at[2], ...rest];
  };
  for (const layer of config.layers) {
    if (layer.inboundNodes) layer.inboundNodes = layer.inboundNodes.map((node) => node.map(behind));
  }
  config.outputLayers = config.outputLayers!.map(behind);
}

/** The shape of a Sequential's input, where its first layer goes and has it. */
function keepInput({ layers }: ModelConfig, left: LayerConfig[]): void {
  const [first] = layers;
  if (!first || !isTrainingOnly(first)) return;
  const { name, batchInputShape, dtype = 'float32' } = first.config;
  if (batchInputShape === undefined) return;
  const config = { name, batchInputShape, dtype, sparse: false };
  left.unshift({ className: 'InputLayer', config });
}
