import type * as tf from '@tensorflow/tfjs';
import { forEachLayer, hasPrunableTwin, isPrunable, layerOf } from '../layers';
import type { ChannelGraph } from './channel-graph';
import { NotPrunableError } from './not-prunable-error';
import type { Network } from './network';

/** What a method removes: one output channel of a group, or one weight of a kernel. */
export type Unit = 'filter' | 'weight';

/**
 * Checks, before a training with masks begins, that every layer which may have to fall silent has
 * them: the producers and followers of the prunable groups, or the layers of the scored kernels.
 *
 * @param model the model to be trained: what `prunable` made of one.
 * @param graph of this model.
 * @throws {NotPrunableError} with the first layer that has no masks, and the remedy.
 */
export function requireMasks({ model, graph }: Pick<Network, 'model' | 'graph'>, unit: Unit): void {
  const bare = layersWithoutMasks(model); // path -> class
  const [first] = unit === 'filter' ? bareMembers(graph, bare) : bareKernels(graph, bare);
  if (!first) return;
  const [layer, producer] = first;
  const className = bare.get(layer)!;
  const remedy = hasPrunableTwin(className)
    ? 'train prunable(model) instead of the model'
    : `no layer of the class ${className} can be masked while it trains; leave it whole with skip ${producer}`;
  throw new NotPrunableError(layer, `it has no masks: ${remedy}`);
}

function layersWithoutMasks(model: tf.LayersModel): Map<string, string> {
  const bare = new Map<string, string>();
  forEachLayer(model, (layer, path) => {
    if (!isPrunable(layer)) bare.set(path, layer.getClassName());
  });
  return bare;
}

/** Members of prunable groups without masks, each with a producer of its group. */
function* bareMembers(
  graph: ChannelGraph,
  bare: ReadonlyMap<string, string>,
): Generator<[layer: string, producer: string]> {
  const silenced = new Set(
    graph.slices.filter((slice) => slice.silenced).map(({ layer }) => layer),
  );
  for (const { channels, producers, followers } of graph.prunable) {
    if (channels === 1) continue; // it keeps at least one
    for (const layer of [...producers.map((producer) => producer.layer), ...followers]) {
      if (silenced.has(layer) && bare.has(layer)) yield [layer, producers[0]!.layer];
    }
  }
}

/** Layers without masks whose kernels a method of single weights scores. */
function* bareKernels(
  graph: ChannelGraph,
  bare: ReadonlyMap<string, string>,
): Generator<[layer: string, producer: string]> {
  for (const name of graph.kernels) {
    const layer = layerOf(name);
    if (bare.has(layer)) yield [layer, layer];
  }
}
