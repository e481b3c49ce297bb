import type { Loose, LooseModel, LooseObject } from '../tfjs/model-folders';

const object = (value: Loose | undefined): LooseObject => value as LooseObject;
const list = (value: Loose | undefined): Loose[] => (value ?? []) as Loose[];

const policy = {
  module: 'keras',
  class_name: 'DTypePolicy',
  config: { name: 'float32' },
  registered_name: null,
};

/** The layers that another layer has inside. */
const wrapped = ['layer', 'cell'];

/** The same network in the words of Keras 3: what tfjs wrote is in those of Keras 2. */
export function inKeras3(model: LooseModel): LooseModel {
  const { modelTopology, ...rest } = structuredClone(model.json);
  const root = object(modelTopology.model_config ?? modelTopology);
  const { class_name: className, config } = translated(root);
  const topology = {
    keras_version: '3.10.0',
    backend: 'tensorflow',
    model_config: { class_name: className!, config: config! },
  };
  return { ...model, json: { ...rest, modelTopology: topology } };
}

function translated(entry: LooseObject): LooseObject {
  const config = object(entry.config);
  const { batch_input_shape: shape, layers, ...own } = config;
  const changed: LooseObject = {
    ...own,
    dtype: entry.class_name === 'InputLayer' ? 'float32' : policy,
  };
  if (shape !== undefined)
    changed[entry.class_name === 'InputLayer' ? 'batch_shape' : 'batch_input_shape'] = shape;
  for (const key of wrapped) if (own[key]) changed[key] = translated(object(own[key]));
  if (layers) Object.assign(changed, model(config));
  if (entry.class_name === 'Bidirectional') Object.assign(changed, bothWays(object(changed.layer)));
  const others = { ...entry };
  delete others.inbound_nodes;
  return { ...others, config: changed, module: 'keras.layers', registered_name: null };
}

/** Keras 3 names each direction for itself. */
function bothWays(layer: LooseObject): LooseObject {
  const config = object(layer.config);
  const named = (name: string): LooseObject => ({
    ...config,
    name: `${name}_${config.name as string}`,
  });
  return {
    layer: { ...layer, config: named('forward') },
    backward_layer: { ...layer, config: { ...named('backward'), go_backwards: true } },
  };
}

function model(config: LooseObject): LooseObject {
  const entries = list(config.layers).map(object);
  const models = new Map(entries.map((entry) => [entry.name, entry.class_name === 'Sequential']));
  const isModel = (name: Loose): boolean =>
    entries.some((entry) => entry.name === name && object(entry.config).layers !== undefined);
  const tensor = (reference: Loose): LooseObject => {
    const [name, call, output] = list(reference);
    const history = [name!, (call as number) - (isModel(name!) ? 1 : 0), output!];
    return {
      class_name: '__keras_tensor__',
      config: { shape: [null], dtype: 'float32', keras_history: history },
    };
  };
  const node = (references: Loose): LooseObject => {
    const tensors = list(references).map(tensor);
    return {
      args: tensors.length === 1 ? tensors : [tensors],
      kwargs: { training: false, mask: null },
    };
  };
  const end = (references: Loose | undefined, isOutput: boolean): Loose => {
    const ends = list(references).map((reference): Loose => {
      const [name, call, output] = list(reference);
      return [name!, (call as number) - (isOutput && models.get(name) ? 1 : 0), output!];
    });
    return ends.length === 1 ? ends[0]! : ends;
  };
  const layers = entries.map((entry): LooseObject => {
    const nodes = entry.inbound_nodes;
    return { ...translated(entry), ...(nodes && { inbound_nodes: list(nodes).map(node) }) };
  });
  if (!config.input_layers) return { layers };
  return {
    layers,
    input_layers: end(config.input_layers, false),
    output_layers: end(config.output_layers, true),
  };
}
