import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import { callsInOrder, configOf, isModel, nameOf, tensorKey, weightsByName } from '../../layers';
import type { LayerConfig, ModelConfig } from '../../layers';
import { encodeModel } from './messages';
import { namedShape, PLAIN, Sheet, Site } from './site';
import type { Value } from './site';
import { onnxWriters } from './writers';
import { UnsupportedLayerError } from '../unsupported-layer-error';
import { hostWeight } from '../../layers/host-weights';
import type { HostWeight } from '../../layers/host-weights';

/**
 * The network as an ONNX file: opset 17, IR version 8, float32.
 *
 * Inputs and outputs are named and laid out as in tfjs (NHWC), their batch size is free ('N'), other free
 * lengths are named after the input and its axis; inside, tensors of rank 4 are NCHW. The file says what
 * tfjs computes, also where tfjs ignores an option. What only acts in training (Dropout, noise) is left out; moving statistics
 * are used. The model is borrowed.
 *
 * @throws {UnsupportedLayerError} naming the first layer of a class without a writer, or with an option
 *   that its writer does not know.
 * @throws {OptionError} when the weights take 2 GB or more: an ONNX file cannot hold them.
 */
export function onnxModel(model: tf.LayersModel): Uint8Array {
  requireSize(model);
  const walk = new Walk(model);
  const edge = new Site('', model.getClassName(), {}, [], [], () => undefined, walk.sheet);
  const inputs = model.inputs.map(({ shape, dtype }, index) => {
    const name = walk.sheet.name(model.inputNames[index]!);
    if (dtype !== 'float32') refuseType(name, dtype);
    return { name, shape };
  });
  const outputNames = model.outputNames.map((name) => walk.sheet.name(name));
  const results = walk.model(
    model,
    configOf(model),
    inputs.map(({ name, shape }) => edge.stored(name, shape)),
    '',
  );
  const outputs = results.map((result, index) => {
    const name = outputNames[index]!;
    walk.sheet.nodes.push({
      name,
      operator: 'Identity',
      inputs: [edge.plain(result)],
      outputs: [name],
      attributes: {},
    });
    return { name, shape: PLAIN(result.shape) };
  });
  return encodeModel({
    name: model.name,
    nodes: walk.sheet.nodes,
    initializers: [...walk.sheet.initializers.values()],
    inputs: inputs.map(({ name, shape }) => ({ name, shape: namedShape(name, shape) })),
    outputs,
    values: walk.sheet.values,
  });
}

/** Protocol buffers end at 2 GB. */
const LIMIT_BYTES = 2 ** 31 - 2 ** 20;

function requireSize(model: tf.LayersModel): void {
  const bytes = model.countParams() * 4;
  if (bytes < LIMIT_BYTES) return;
  throw new OptionError({
    option: 'model',
    problem: `${model.name} must have less than 2 GB of weights for an ONNX file`,
    received: `${bytes} bytes`,
  });
}

function refuseType(name: string, dtype: string): never {
  throw new UnsupportedLayerError(
    'onnx',
    name,
    'InputLayer',
    `takes ${dtype}, written is float32 only`,
  );
}

/** Writes every call of the model, each after what it reads. */
class Walk {
  readonly sheet = new Sheet();
  private readonly weights: ReadonlyMap<string, tf.LayerVariable>;

  constructor(model: tf.LayersModel) {
    this.weights = weightsByName(model);
  }

  model(
    model: tf.LayersModel,
    config: ModelConfig,
    inputs: readonly Value[],
    prefix: string,
  ): readonly Value[] {
    if (!config.inputLayers) {
      return config.layers.reduce(
        (values, entry) => this.layer(model, entry, values, prefix),
        inputs,
      );
    }
    const values = new Map<string, Value>();
    config.inputLayers.forEach(([name], index) => values.set(tensorKey(name, 0), inputs[index]!));
    const find = ([layer, call, output]: readonly [string, number, number, ...unknown[]]): Value =>
      values.get(tensorKey(layer, call, output))!;
    for (const { entry, name, node, index } of callsInOrder(config)) {
      this.layer(model, entry, node.map(find), prefix).forEach((value, output) => {
        values.set(tensorKey(name, index, output), value);
      });
    }
    return config.outputLayers!.map(find);
  }

  private layer(
    model: tf.LayersModel,
    entry: LayerConfig,
    inputs: readonly Value[],
    prefix: string,
  ): readonly Value[] {
    const layer = model.getLayer(nameOf(entry));
    const path = prefix + layer.name;
    if (isModel(layer)) {
      return this.model(layer, entry.config as unknown as ModelConfig, inputs, `${path}/`);
    }
    const { className, config } = entry;
    const writer = Object.hasOwn(onnxWriters, className) ? onnxWriters[className] : undefined;
    if (!writer) {
      const known = Object.keys(onnxWriters).join(', ');
      throw new UnsupportedLayerError(
        'onnx',
        path,
        className,
        `has no ONNX writer; written are ${known}`,
      );
    }
    const shapes = outputShapesOf(layer, inputs);
    const own = (name: string): HostWeight | undefined => {
      const weight = this.weights.get(`${path}/${name}`);
      return weight && hostWeight(weight);
    };
    return writer(new Site(path, className, config, inputs, shapes, own, this.sheet));
  }
}

function outputShapesOf(layer: tf.layers.Layer, inputs: readonly Value[]): tf.Shape[] {
  if (layer.getClassName() === 'InputLayer') return inputs.map(({ shape }) => shape);
  const shapes = inputs.map(({ shape }) => [...shape]);
  const computed = layer.computeOutputShape(shapes.length === 1 ? shapes[0]! : shapes);
  const list = Array.isArray(computed[0]) ? (computed as tf.Shape[]) : [computed as tf.Shape];
  // Some layers reckon with a free length as with a zero: what they make of it says nothing.
  return list.map((shape) =>
    shape.map((length) => (length !== null && length > 0 ? length : null)),
  );
}
