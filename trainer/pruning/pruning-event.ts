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
