import { GeometricMedian } from './geometric-median';
import type { GeometricMedianOptions } from './geometric-median';
import type { Methodology } from './methodology';
import { NormFilter } from './norm-filter';
import type { NormFilterOptions } from './norm-filter';
import { NormWeight } from './norm-weight';

export { Methodology } from './methodology';
export type { KernelReader, MethodOptions, Regrowth, Scope } from './methodology';
export type { LayerRate } from './layer-rates';
export type { Merge } from './merge';
export { filterRows } from './filters';
export { GeometricMedian, NormFilter, NormWeight };

/** Every option that some method takes; each takes its own and leaves the rest. */
export type AnyMethodOptions = GeometricMedianOptions & NormFilterOptions;

/** The methods by the names of the command line. */
export const methods = {
  fpgm: GeometricMedian,
  'norm-filter': NormFilter,
  'norm-weight': NormWeight,
} as const satisfies Record<string, new (options: AnyMethodOptions) => Methodology>;

export type MethodId = keyof typeof methods;
