import { layerOf } from '../layers';
import type { ChannelGraph } from './channel-graph';
import type { KeepSet } from './keep-set';

/** What a keep set leaves of each layer, in the order of the graph: `conv1:12/16;conv2:30/32`. */
export function describeKept(graph: ChannelGraph, keep: KeepSet): string {
  const counts = new Map<string, { kept: number; units: number }>();
  const add = (layer: string, vector: Uint8Array): void => {
    const { kept, units } = counts.get(layer) ?? { kept: 0, units: 0 };
    const stays = vector.reduce((sum, flag) => sum + flag, 0);
    counts.set(layer, { kept: kept + stays, units: units + vector.length });
  };
  for (const { id, producers } of graph.groups) {
    const vector = keep.groups.get(id);
    if (vector) for (const { layer } of producers) add(layer, vector);
  }
  for (const [name, vector] of keep.weights) add(layerOf(name), vector);
  return [...counts].map(([layer, { kept, units }]) => `${layer}:${kept}/${units}`).join(';');
}
