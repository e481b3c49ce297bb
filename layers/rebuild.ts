import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { mendConstrainedWrites } from './constrained-writes';
import { repairConfigs } from './forgotten-options';
import { mendNormalizationGradient } from './normalization-gradient';
import { explainTakenName, requireOwnModel } from './own-copy';
import { mendRecurrentDropout } from './recurrent-dropout';

repairConfigs();
mendNormalizationGradient();
mendRecurrentDropout();
mendConstrainedWrites();

/** A layer as a model's config names it. */
export interface LayerConfig {
  className: string;
  name?: string;
  config: Record<string, unknown> & { layers?: LayerConfig[] };
  /** Per call of the layer: [layer name, node index, tensor index, arguments?] per input. */
  inboundNodes?: InboundNode[];
}

/** [layer name, call index, output index, call arguments] */
export type InboundReference = [string, number, number, Record<string, unknown>?];
export type InboundNode = InboundReference[];

/** A model as its own config describes it: Sequential has no node lists. */
export interface ModelConfig {
  name: string;
  layers: LayerConfig[];
  inputLayers?: InboundReference[];
  outputLayers?: InboundReference[];
}

/** True when the layer is itself a model. */
export function isModel(layer: tf.layers.Layer): layer is tf.LayersModel {
  return layer instanceof tf.LayersModel;
}

/**
 * A deep copy of the model's config that is free to be changed.
 *
 * @throws {OptionError} for a model of another copy of TensorFlow.js.
 */
export function configOf(model: tf.LayersModel): ModelConfig {
  requireOwnModel(model);
  return structuredClone(model.getConfig()) as unknown as ModelConfig;
}

/**
 * Builds a model from a config, all weights zero: the caller assigns them.
 *
 * @param like a model of the same kind, Sequential or not; its user-defined metadata is carried over.
 */
export function modelOf(config: ModelConfig, like: tf.LayersModel): tf.LayersModel {
  const isSequential = like instanceof tf.Sequential;
  const Model = (isSequential ? tf.Sequential : tf.LayersModel) as unknown as BuiltFromConfig;
  const model = withoutInitializers(() => Model.fromConfig(Model, config, {}, true));
  const metadata = like.getUserDefinedMetadata() as object | undefined;
  if (metadata) model.setUserDefinedMetadata(metadata);
  return model;
}

/** The method with which every layer makes its weights; tfjs declares it protected. */
interface WeightMaker {
  addWeight: (this: tf.layers.Layer, ...args: never[]) => tf.LayerVariable;
}

/**
 * Builds with every weight zero. tfjs's own flag does not reach the layers of a nested model: theirs would
 * be drawn at random, only to be overwritten.
 */
function withoutInitializers<Built>(build: () => Built): Built {
  const maker = tf.layers.Layer.prototype as unknown as WeightMaker;
  const { addWeight } = maker;
  maker.addWeight = function (...args) {
    this.setFastWeightInitDuringBuild(true);
    return addWeight.apply(this, args);
  };
  try {
    return build();
  } catch (error) {
    throw explainTakenName(error);
  } finally {
    maker.addWeight = addWeight;
  }
}

/** The static `fromConfig` of a model class as it is: tfjs types its result as any Serializable. */
interface BuiltFromConfig {
  fromConfig(
    cls: BuiltFromConfig,
    config: ModelConfig,
    customObjects: object,
    skipInitializers: boolean,
  ): tf.LayersModel;
}

/**
 * Calls `visit` for each layer that is not a model, with its path: names joined by '/'.
 *
 * @throws {OptionError} for a model of another copy of TensorFlow.js.
 */
export function forEachLayer(
  model: tf.LayersModel,
  visit: (layer: tf.layers.Layer, path: string) => void,
  prefix = '',
): void {
  requireOwnModel(model);
  for (const layer of model.layers) {
    if (isModel(layer)) forEachLayer(layer, visit, `${prefix}${layer.name}/`);
    else visit(layer, `${prefix}${layer.name}`);
  }
}

/**
 * The model's weights by name: the layer's path, '/', the weight's own name (`conv1/kernel`).
 *
 * The variables stay the model's. Shared layers appear once.
 */
export function weightsByName(model: tf.LayersModel): Map<string, tf.LayerVariable> {
  const weights = new Map<string, tf.LayerVariable>();
  forEachLayer(model, (layer, path) => {
    for (const weight of layer.weights) {
      const own = weight.originalName.split('/').at(-1) ?? weight.originalName;
      let name = `${path}/${own}`;
      for (let copy = 2; weights.has(name); copy++) name = `${path}/${own}_${copy}`;
      weights.set(name, weight);
    }
  });
  return weights;
}

/**
 * Answers the current value of a weight by its name; the model keeps the tensor.
 *
 * @returns throws an OptionError on an unknown name.
 */
export function weightReader(model: tf.LayersModel): (name: string) => tf.Tensor {
  const weights = weightsByName(model);
  return (name) => {
    const weight = weights.get(name);
    if (!weight)
      throw new OptionError({ option: 'weight', allowed: 'one of the model', received: name });
    return weight.read();
  };
}

/** The path of the layer that a weight belongs to: `conv1` of `conv1/kernel`. */
export function layerOf(weight: string): string {
  return weight.slice(0, weight.lastIndexOf('/'));
}

/**
 * Gives a weight exactly this value, where `weight.write` would apply its constraint once more and
 * so change the last bits of a value that fulfils it.
 *
 * @param value of the weight's shape; borrowed.
 */
export function assignWeight(weight: tf.LayerVariable, value: tf.Tensor): void {
  (weight.read() as unknown as tf.Variable).assign(value);
}

/** Copies every weight that both models have under the same name, bit for bit; shapes must agree. */
export function copyWeights(from: tf.LayersModel, to: tf.LayersModel): void {
  const source = weightsByName(from);
  for (const [name, weight] of weightsByName(to)) {
    const value = source.get(name)?.read();
    if (value) assignWeight(weight, value);
  }
}
