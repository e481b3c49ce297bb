import { AverageZeros } from './apoz';
import { EntropyFilter, EntropyWeight } from './entropy';
import type { EntropyFilterOptions } from './entropy';
import { GeometricMedian } from './geometric-median';
import type { GeometricMedianOptions } from './geometric-median';
import { Lamp } from './lamp';
import type { Methodology } from './methodology';
import { NormFilter } from './norm-filter';
import type { NormFilterOptions } from './norm-filter';
import { NormWeight } from './norm-weight';
import { RandomFilter, RandomWeight } from './random';
import { Slimming } from './slimming';
import type { SlimmingOptions } from './slimming';
import { TaylorFilter, TaylorWeight } from './taylor';

export { Methodology, finalMoment } from './methodology';
export type {
  Gathering,
  KernelReader,
  MethodOptions,
  Moment,
  Observes,
  Regrowth,
  Scope,
  ScoreContext,
} from './methodology';
export type { LayerRate } from './select/layer-rates';
export type { Merge } from './select/merge';
export { schedules, startingAt } from './schedules';
export type { RateSchedule, Schedule, ScheduleId } from './schedules';
export { patternOf, patternRate, patternText } from './select/patterns';
export type { Pattern } from './select/patterns';
export { filterAxes, filtersLast } from './select/filter-axis';
export { filterRows } from './filters';
export { importances } from './importances';
export {
  AverageZeros,
  EntropyFilter,
  EntropyWeight,
  GeometricMedian,
  Lamp,
  NormFilter,
  NormWeight,
  RandomFilter,
  RandomWeight,
  Slimming,
  TaylorFilter,
  TaylorWeight,
};

/** Every option that some method takes; each takes its own and leaves the rest. */
export type AnyMethodOptions = EntropyFilterOptions &
  GeometricMedianOptions &
  NormFilterOptions &
  SlimmingOptions;

/** The methods by the names of the command line. */
export const methods = {
  fpgm: GeometricMedian,
  'norm-filter': NormFilter,
  'norm-weight': NormWeight,
  'random-filter': RandomFilter,
  'random-weight': RandomWeight,
  slimming: Slimming,
  'taylor-filter': TaylorFilter,
  'taylor-weight': TaylorWeight,
  'entropy-filter': EntropyFilter,
  'entropy-weight': EntropyWeight,
  apoz: AverageZeros,
  lamp: Lamp,
} as const satisfies Record<string, new (options: AnyMethodOptions) => Methodology>;

export type MethodId = keyof typeof methods;
