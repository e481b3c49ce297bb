import type { FilterNorms } from './filter-norms';

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
