import * as tf from '@tensorflow/tfjs';
import { RandomStream } from '../../random/seeds';
import type { ChannelGraph, KeepSet } from '../../graph';
import { findGroup } from '../../graph';
import { weightsByName } from '../../layers';

/** Gives every weight of the model a random value: no bias, beta or moving mean stays zero. */
export function randomize(model: tf.LayersModel, seed = 1): tf.LayersModel {
  const random = new RandomStream(seed);
  for (const [name, weight] of weightsByName(model)) {
    const size = tf.util.sizeFromShape(weight.shape as number[]);
    const isVariance = name.endsWith('/moving_variance');
    const values = Array.from({ length: size }, () =>
      isVariance ? 0.5 + random.next() : random.normal() / 2,
    );
    const value = tf.tensor(values, weight.shape as number[]);
    weight.write(value);
    value.dispose();
  }
  return model;
}

/** A keep set that removes each channel of each prunable group with a chance, but never all. */
export function randomKeep(graph: ChannelGraph, seed: number, chance = 0.4): KeepSet {
  const random = new RandomStream(seed);
  const groups = graph.prunable.map(({ id, channels }) => {
    const kept = Uint8Array.from({ length: channels }, () => (random.next() < chance ? 0 : 1));
    if (!kept.includes(1)) kept[random.integer(channels)] = 1;
    return [id, kept] as const;
  });
  return { groups: new Map(groups), weights: new Map() };
}

/** A keep set from the removed channels of each group. */
export function keepWithout(
  graph: ChannelGraph,
  removed: Readonly<Record<string, readonly number[]>>,
): KeepSet {
  const groups = Object.entries(removed).map(([id, gone]) => {
    const kept = new Uint8Array(findGroup(graph, id).channels).fill(1);
    for (const channel of gone) kept[channel] = 0;
    return [id, kept] as const;
  });
  return { groups: new Map(groups), weights: new Map() };
}

/** A random batch of the model's inputs; the caller owns it. */
export function randomInputs(model: tf.LayersModel, samples: number, seed = 1): tf.Tensor[] {
  const random = new RandomStream(seed);
  return model.inputs.map(({ shape }) => {
    const sizes = [samples, ...(shape.slice(1) as number[])];
    const values = Array.from({ length: tf.util.sizeFromShape(sizes) }, () => random.normal());
    return tf.tensor(values, sizes);
  });
}

/** Everything the model computes, output after output; the inputs stay the caller's. */
export function outputsOf(model: tf.LayersModel, inputs: tf.Tensor[]): number[] {
  return tf.tidy(() =>
    [model.predict(inputs)].flat().flatMap((output) => Array.from(output.dataSync())),
  );
}

/** Every weight by name, copied. */
export function weightValues(model: tf.LayersModel): Map<string, Float32Array> {
  const copies = [...weightsByName(model)].map(
    ([name, weight]) => [name, weight.read().dataSync<'float32'>().slice()] as const,
  );
  return new Map(copies);
}

/** Class names of all layers, those of nested models too. */
export function classNames(model: tf.LayersModel): Set<string> {
  const names = model.layers.flatMap((layer) =>
    layer instanceof tf.LayersModel ? [...classNames(layer)] : [layer.getClassName()],
  );
  return new Set(names);
}

/**
 * Multiply-adds and parameters of one sample, counted from the layers' own weights and shapes,
 * without the graph. For models whose layers are called once.
 */
export function recount(model: tf.LayersModel): { macs: number; params: number; convMacs: number } {
  const total = { macs: 0, params: 0, convMacs: 0 };
  for (const layer of model.layers) {
    if (layer instanceof tf.LayersModel) {
      const inner = recount(layer);
      total.macs += inner.macs;
      total.convMacs += inner.convMacs;
      total.params += inner.params;
      continue;
    }
    const sizes = layer.trainableWeights.map(({ shape }) =>
      tf.util.sizeFromShape(shape as number[]),
    );
    total.params += sizes.reduce((sum, size) => sum + size, 0);
    const className = layer.getClassName();
    if (!['Conv2D', 'DepthwiseConv2D', 'Dense'].includes(className)) continue;
    // Every kernel weight meets every output position once.
    const positions = tf.util.sizeFromShape((layer.outputShape as number[]).slice(1, -1));
    total.macs += sizes[0]! * positions;
    if (className === 'Conv2D') total.convMacs += sizes[0]! * positions;
  }
  return total;
}
