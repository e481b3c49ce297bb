import { AverageZeros } from './apoz';
import { factsOf } from './catalogue';
import type { AnyMethodId, MethodId, OwnValues } from './catalogue';
import { EntropyFilter, EntropyWeight } from './entropy';
import { GeometricMedian } from './geometric-median';
import { Lamp } from './lamp';
import type { Methodology } from './methodology';
import { NormFilter } from './norm-filter';
import { NormWeight } from './norm-weight';
import { RandomFilter, RandomWeight } from './random';
import { Slimming } from './slimming';
import type { RandomOptions } from './random';
import { TaylorFilter, TaylorWeight } from './taylor';

/** Every option that some method takes; each takes its own and leaves the rest. */
export type AnyMethodOptions = OwnValues & RandomOptions;

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

type MethodClass = new (options: AnyMethodOptions) => Methodology;

const classes: Record<string, MethodClass> = { ...methods };

/** Takes the class of a method in; `registerMethod` has checked it. */
export function addClass(id: string, Method: MethodClass): void {
  classes[id] = Method;
}

/**
 * The method of a name, also of one that was registered; of the options it takes its own. Throws as its constructor.
 *
 * @throws {OptionError} when there is no method of that name.
 */
export function createMethod(id: AnyMethodId, options: AnyMethodOptions = {}): Methodology {
  factsOf(id);
  const Method = classes[id]!; // what has facts has a class
  return new Method(options);
}
