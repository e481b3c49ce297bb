import { RegistrationError, requireNewName } from '../errors';
import { addFacts, collectOwnOptions, methodIds } from './catalogue';
import type { MethodFacts, OptionValue, OwnOption } from './facts';
import { Methodology } from './methodology';
import { addClass } from './registry';

/** What there is to say of a method before it is made; see `MethodFacts`. */
export interface RegisteredFacts extends Partial<
  Pick<MethodFacts, 'unit' | 'observes' | 'observesWith'>
> {
  /**
   * Its own options by key: `peakShare` is `--peak-share`, and what the constructor gets. One that has a part in
   * nothing but the scores may leave `shapes` out.
   */
  readonly options?: Readonly<
    Record<string, Omit<OwnOption, 'shapes'> & Partial<Pick<OwnOption, 'shapes'>>>
  >;
}

/**
 * Teaches the program a pruning method under a name, which `method` then takes: `createMethod`, the jobs and, when a
 * module of `--register` does it, the command line with help and rules for its options.
 *
 * @param Method extends `Methodology`; made with a record of its own options and `seed`.
 * @param facts unit: default filter; observes: default nothing.
 * @throws {RegistrationError} when the name or the key of an option is taken, or something is not of its kind.
 */
export function registerMethod(
  id: string,
  Method: new (...args: never[]) => Methodology,
  facts: RegisteredFacts = {},
): void {
  requireNewName('method', id, [...methodIds, 'none']);
  const what = `the method ${id}`;
  if (!isMethodClass(Method)) {
    const problem = 'it must be a class that extends Methodology of the library that registers it';
    throw new RegistrationError(what, problem);
  }
  const { unit = 'filter', observes = 'nothing', observesWith, options = {} } = facts;
  requireOneOf(what, 'unit', unit, ['filter', 'weight']);
  requireOneOf(what, 'observes', observes, ['nothing', 'gradients', 'activations']);
  const own = Object.entries(options).map(([key, option]) => {
    const whole: OwnOption = { shapes: 'scores', ...option };
    requireOption(what, key, whole);
    return [key, whole] as const;
  });
  addClass(id, Method as Parameters<typeof addClass>[1]); // takes the record of its options, or nothing
  addFacts(id, {
    ...{ unit, observes, ...(observesWith && { observesWith }) },
    ...{ isPublished: false, importance: {}, options: Object.fromEntries(own) },
  });
}

function isMethodClass(Method: unknown): boolean {
  return typeof Method === 'function' && Method.prototype instanceof Methodology;
}

function requireOneOf(what: string, key: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new RegistrationError(
    what,
    `its ${key} must be one of ${allowed.join(', ')}, got ${value}`,
  );
}

/** Refuses an own option that could not become one of the command line. */
function requireOption(what: string, key: string, option: OwnOption): void {
  const refuse = (problem: string): never => {
    throw new RegistrationError(what, `its option ${key} ${problem}`);
  };
  if (!/^[a-z][A-Za-z0-9]*$/.test(key)) refuse('must have a name such as peakShare');
  const other = collectOwnOptions().find((known) => known.key === key);
  if (other) refuse(`is one of ${other.methods.join(', ')} already`);
  if (typeof option.doc !== 'string' || option.doc.trim() === '')
    refuse('must say what it does (doc)');
  requireOneOf(what, `option ${key}.shapes`, option.shapes, ['scores', 'rate', 'loss']);
  const kind = (option.value as OptionValue | undefined)?.kind;
  if (kind === undefined || !Object.hasOwn(kinds, kind)) {
    refuse(`must have a value of kind ${Object.keys(kinds).join(', ')}`);
  }
  if (!kinds[option.value.kind](option.value, option.default)) {
    refuse(`must have a default that its value allows, got ${JSON.stringify(option.default)}`);
  }
}

/** By kind of option: whether a default is one of its values. */
const kinds: Readonly<
  Record<OptionValue['kind'], (value: OptionValue, given: unknown) => boolean>
> = {
  flag: (_, given) => typeof given === 'boolean',
  choice: (value, given) => 'of' in value && Array.isArray(value.of) && value.of.includes(given),
  real: isWithin,
  whole: (value, given) => Number.isSafeInteger(given) && isWithin(value, given),
};

function isWithin(value: OptionValue, given: unknown): boolean {
  if (typeof given !== 'number' || !Number.isFinite(given)) return false;
  const { from = -Infinity, to = Infinity, above = -Infinity, below = Infinity } = value as Limits;
  return given >= from && given <= to && given > above && given < below;
}

type Limits = Extract<OptionValue, { readonly kind: 'real' | 'whole' }>;
