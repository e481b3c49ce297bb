import { AverageZeros } from './apoz';
import { EntropyFilter, EntropyWeight } from './entropy';
import { GeometricMedian } from './geometric-median';
import { Lamp } from './lamp';
import type { MethodId, OwnValues } from './catalogue';
import type { MethodOptions, Methodology } from './methodology';
import { NormFilter } from './norm-filter';
import { NormWeight } from './norm-weight';
import { RandomFilter, RandomWeight } from './random';
import { Slimming } from './slimming';
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
export { factsOf, isObserving, methodCatalogue, methodIds, pickOwn } from './catalogue';
export type { MethodId, OwnValues } from './catalogue';
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
export type AnyMethodOptions = MethodOptions & OwnValues;

/** The class of each method of the catalogue. */
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
} as const satisfies Record<MethodId, new (options: AnyMethodOptions) => Methodology>;
