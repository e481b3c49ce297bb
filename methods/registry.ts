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
import type { RandomOptions } from './random';
import type { SlimmingOptions } from './slimming';
import { TaylorFilter, TaylorWeight } from './taylor';

/** Every option that some method takes; each takes its own and leaves the rest. */
export type AnyMethodOptions = EntropyFilterOptions &
  GeometricMedianOptions &
  NormFilterOptions &
  RandomOptions &
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

/** The method of a name; of the options it takes its own. Throws as its constructor. */
export function createMethod(id: MethodId, options: AnyMethodOptions = {}): Methodology {
  const Method: new (options: AnyMethodOptions) => Methodology = methods[id];
  return new Method(options);
}
