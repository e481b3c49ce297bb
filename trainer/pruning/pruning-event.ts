import type { ChannelGraph, KeepSet } from '../../graph';
import { layerOf } from '../../layers';
import type { FilterNorms } from '../../measure/filter-norms';

/** What one pruning event did. */
export interface PruningEvent {
  /** Units removed, of how many the method chose among. */
  readonly removed: number;
  readonly units: number;
  /** Share of the removed sets that changed since the last event, in [0, 1] (1 - Jaccard). */
  readonly churn: number;
  /** What the schedule made of the rate by now. */
  readonly rate: number;
  /** Units removed that may no longer return. */
  readonly held: number;
  /** What is left of each layer, `conv1:12/16;conv2:30/32`. */
  readonly kept: string;
  /** The norms that the event found; null where no group may lose filters. */
  readonly norms: FilterNorms | null;
}

/** The columns of metrics.csv that `eventColumns` fills. */
export const eventColumnNames = [
  'removed',
  'units',
  'churn',
  'rate',
  'held',
  'kept',
  'norm_min',
  'norm_mean',
  'norm_max',
  'norm_deviation',
  'norm_relative_deviation',
  'norm_relative_min',
] as const;

/** An event as columns of metrics.csv; none without one. */
export function eventColumns(event: PruningEvent | null): Record<string, number | string> {
  if (!event) return {};
  const { norms, ...columns } = event;
  if (!norms) return columns;
  return {
    ...columns,
    norm_min: norms.min,
    norm_mean: norms.mean,
    norm_max: norms.max,
    norm_deviation: norms.deviation,
    norm_relative_deviation: norms.relativeDeviation,
    norm_relative_min: norms.relativeMin,
  };
}

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
