import type * as tf from '@tensorflow/tfjs';
import { callsInOrder, configOf, isModel, nameOf, stockClassName, tensorKey } from '../layers';
import type { LayerConfig, ModelConfig } from '../layers';
import type { Channels } from './channels';
import { layerHandler } from './handler';
import type { LayerCall } from './handler';
import './handlers';
import type { Tracer } from './tracer';

/** A tensor of the network: its channels and its shape, batch size null. */
interface TracedTensor {
  readonly channels: Channels;
  readonly shape: tf.Shape;
}

/**
 * Follows the channels through every call of the model, in an order that respects the data flow.
 *
 * @param shapes of its inputs, batch size null. Default those that the model says.
 */
export function traceModel(
  model: tf.LayersModel,
  tracer: Tracer,
  shapes: readonly tf.Shape[] = model.inputs.map(({ shape }) => shape),
): { inputs: Channels[]; calls: TracedCall[]; outputs: Channels[] } {
  const inputs = shapes.map((shape) => {
    const channels = tracer.classes.create(shape.at(-1) ?? 0);
    tracer.classes.close(channels.classes, 'model input');
    return { channels, shape };
  });
  const walk = new Walk(tracer);
  const outputs = walk.model(model, configOf(model), inputs, '').map(({ channels }) => channels);
  for (const { classes } of outputs) tracer.classes.close(classes, 'model output');
  return { inputs: inputs.map(({ channels }) => channels), calls: walk.calls, outputs };
}

/** A call with the channels of its outputs; who reads a tensor holds the same object as who makes it. */
export interface TracedCall extends LayerCall {
  readonly outputs: readonly Channels[];
}

class Walk {
  readonly calls: TracedCall[] = [];
  /** What a layer or nested model with one config for all its calls was first called with. */
  private readonly firstCalls = new Map<string, readonly Channels[]>();

  constructor(private readonly tracer: Tracer) {}

  model(
    model: tf.LayersModel,
    config: ModelConfig,
    inputs: readonly TracedTensor[],
    prefix: string,
  ): TracedTensor[] {
    return config.inputLayers
      ? this.functional(model, config, inputs, prefix)
      : this.sequential(model, config, inputs, prefix);
  }

  private sequential(
    model: tf.LayersModel,
    config: ModelConfig,
    inputs: readonly TracedTensor[],
    prefix: string,
  ): TracedTensor[] {
    return config.layers.reduce<readonly TracedTensor[]>(
      (tensors, entry) => this.layer(model, entry, tensors, prefix),
      inputs,
    ) as TracedTensor[];
  }

  private functional(
    model: tf.LayersModel,
    config: ModelConfig,
    inputs: readonly TracedTensor[],
    prefix: string,
  ): TracedTensor[] {
    const tensors = new Map<string, TracedTensor>();
    const keep = (layer: string, node: number, outputs: readonly TracedTensor[]): void => {
      outputs.forEach((tensor, index) => tensors.set(tensorKey(layer, node, index), tensor));
    };
    config.inputLayers!.forEach(([name], index) => {
      const entry = config.layers.find((layer) => layer.name === name)!;
      keep(name, 0, this.layer(model, entry, [inputs[index]!], prefix));
    });
    for (const { entry, name, node, index } of callsInOrder(config)) {
      const read = node.map(([layer, call, output]) =>
        tensors.get(tensorKey(layer, call, output))!,
      );
      keep(name, index, this.layer(model, entry, read, prefix));
    }
    return config.outputLayers!.map(([layer, node, output]) =>
      tensors.get(tensorKey(layer, node, output))!,
    );
  }

  private layer(
    model: tf.LayersModel,
    entry: LayerConfig,
    inputs: readonly TracedTensor[],
    prefix: string,
  ): TracedTensor[] {
    const layer = model.getLayer(nameOf(entry));
    const path = prefix + layer.name;
    if (isModel(layer)) {
      this.shareChannels(
        path,
        inputs.map(({ channels }) => channels),
      );
      return this.model(layer, entry.config as unknown as ModelConfig, inputs, `${path}/`);
    }
    const inputShapes = inputs.map(({ shape }) => shape);
    const outputShapes = outputShapesOf(layer, inputShapes);
    const call: LayerCall = {
      path,
      layer,
      className: stockClassName(entry.className),
      config: entry.config,
      inputs: inputs.map(({ channels }) => channels),
      inputShapes,
      outputShapes,
    };
    const handler = layerHandler(entry.className);
    const traced = handler
      ? handler.trace(call, this.tracer)
      : this.tracer.close(
          call,
          `${path} is of the unknown class ${entry.className} (registerLayerHandler opens it, in a registered module)`,
        );
    // A layer of one input that a file gives several declares an output for each.
    const told =
      traced.length === outputShapes.length
        ? traced
        : this.tracer.close(call, `${path} does not answer as many tensors as it declares`);
    const outputs = told.map((channels) => ({ ...channels })); // one object is one tensor
    if (handler?.rewrite) this.shareChannels(path, [...call.inputs, ...outputs]);
    this.calls.push({ ...call, outputs });
    return outputs.map((channels, index) => ({ channels, shape: outputShapes[index]! }));
  }

  /** What is rewritten once serves all its calls: they keep the same channels. */
  private shareChannels(path: string, channels: readonly Channels[]): void {
    const first = this.firstCalls.get(path);
    if (!first) this.firstCalls.set(path, channels);
    first?.forEach(({ classes }, index) => {
      const again = channels[index]!.classes;
      if (again.length === classes.length) this.tracer.classes.unite(classes, again);
      else {
        const reason = `${path} is called with different widths`;
        this.tracer.classes.close([...classes, ...again], reason);
      }
    });
  }
}

function outputShapesOf(layer: tf.layers.Layer, inputShapes: readonly tf.Shape[]): tf.Shape[] {
  const copies = inputShapes.map((shape) => [...shape]); // CenterCrop writes into its argument
  const inputs = copies.length === 1 ? copies[0]! : copies;
  const shapes = layer.getClassName() === 'InputLayer' ? inputs : layer.computeOutputShape(inputs);
  return Array.isArray(shapes[0]) ? (shapes as tf.Shape[]) : [shapes as tf.Shape];
}
