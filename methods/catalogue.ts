/**
 * The methods by the names of the command line, with all that is known of them before TensorFlow is loaded. The
 * options of the command line, their help and their rules follow from it; `index.ts` names the class of each.
 *
 * A new method is its file, its entry here and its line there, which the compiler asks for.
 */
import { OptionError } from '../errors';
import type { MethodFacts, OptionValue, OwnOption, ValueOf } from './facts';

/** The methods, in the order of the help, where the default goes first. */
export const methodCatalogue = {
  'norm-filter': {
    unit: 'filter',
    observes: 'nothing',
    isPublished: true,
    importance: { l1: { norm: 'l1' }, l2: { norm: 'l2' } },
    options: {
      norm: {
        doc: 'norm that ranks filters: sum of absolute values or Euclidean length',
        value: { kind: 'choice', of: ['l1', 'l2'], placeholder: 'l1|l2' },
        default: 'l2',
        shapes: 'scores',
      },
    },
  },
  'norm-weight': {
    unit: 'weight',
    observes: 'nothing',
    isPublished: false,
    importance: { l1: {}, l2: {} },
    options: {},
  },
  fpgm: {
    unit: 'filter',
    observes: 'nothing',
    isPublished: true,
    importance: { 'geometric-median': {} },
    options: {
      normRate: {
        doc: 'with fpgm: fraction removed by the norm first (the mixed form)',
        value: { kind: 'real', from: 0, below: 1 },
        default: 0,
        shapes: 'rate',
      },
      distance: {
        doc: 'with fpgm: how far apart two filters are; the paper has l2',
        value: { kind: 'choice', of: ['l1', 'l2', 'cosine'] },
        default: 'l2',
        shapes: 'scores',
        published: 'l2',
      },
    },
  },
  'random-filter': {
    unit: 'filter',
    observes: 'nothing',
    isPublished: false,
    importance: { random: {} },
    options: {},
  },
  'random-weight': {
    unit: 'weight',
    observes: 'nothing',
    isPublished: false,
    importance: { random: {} },
    options: {},
  },
  slimming: {
    unit: 'filter',
    observes: 'nothing',
    isPublished: false,
    importance: { 'bn-scale': {} },
    options: {
      scalePenalty: {
        doc: 'with slimming: weight in the loss of the sum of the scales of BatchNormalization, by magnitude',
        value: { kind: 'real', from: 0 },
        default: 1e-4,
        shapes: 'loss',
      },
    },
  },
  'taylor-filter': {
    unit: 'filter',
    observes: 'gradients',
    isPublished: false,
    importance: { taylor: {} },
    options: {},
  },
  'taylor-weight': {
    unit: 'weight',
    observes: 'gradients',
    isPublished: false,
    importance: { taylor: {} },
    options: {},
  },
  'entropy-filter': {
    unit: 'filter',
    observes: 'activations',
    observesWith: { entropyOf: 'activations' },
    isPublished: false,
    importance: { entropy: {} },
    options: {
      entropyOf: {
        doc: 'with entropy-filter: what the entropy is of, the weights of a filter or its activations',
        value: { kind: 'choice', of: ['weights', 'activations'] },
        default: 'weights',
        shapes: 'scores',
      },
      entropyBins: {
        doc: 'where the entropy is of activations: equal parts that the range of a filter is cut into',
        value: { kind: 'whole', from: 2 },
        default: 100,
        shapes: 'scores',
        with: { entropyOf: 'activations' },
      },
    },
  },
  'entropy-weight': {
    unit: 'weight',
    observes: 'nothing',
    isPublished: false,
    importance: { entropy: {} },
    options: {},
  },
  apoz: {
    unit: 'filter',
    observes: 'activations',
    isPublished: false,
    importance: { apoz: {} },
    options: {},
  },
  lamp: {
    unit: 'weight',
    observes: 'nothing',
    isPublished: false,
    importance: { lamp: {} },
    options: {},
  },
} as const satisfies Record<string, MethodFacts>;

type Catalogue = typeof methodCatalogue;

/** A name that `--method` takes. */
export type MethodId = keyof Catalogue;

/** The name of a method of the catalogue or of one that was registered. */
export type AnyMethodId = MethodId | (string & Record<never, never>);

const facts: Record<string, MethodFacts> = { ...methodCatalogue };
const names = Object.keys(methodCatalogue) as MethodId[];

/** The names of the methods, in the order of the catalogue; then those that were registered, as they come. */
export const methodIds: readonly MethodId[] = names;

/** Takes a method in beside those of the catalogue; `registerMethod` has checked it. */
export function addFacts(id: string, added: MethodFacts): void {
  facts[id] = added;
  names.push(id as MethodId); // who lists the names asks no more of them
}

/** The facts of a method. @throws {OptionError} when there is none of that name. */
export function factsOf(id: AnyMethodId): MethodFacts {
  if (Object.hasOwn(facts, id)) return facts[id]!;
  throw new OptionError({ option: 'method', allowed: `one of ${names.join(', ')}`, received: id });
}

/** The options that only some methods have, by key: what is written of each in the catalogue. */
export type OwnOptions = Together<{ [Id in MethodId]: Catalogue[Id]['options'] }[MethodId]>;

type Together<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** The values of the options that only some methods have; each method takes its own. */
export type OwnValues = {
  readonly [K in keyof OwnOptions]?: OwnOptions[K] extends { readonly value: infer V }
    ? V extends OptionValue
      ? ValueOf<V>
      : never
    : never;
};

/** An own option with the methods that take it. */
export interface SharedOption extends OwnOption {
  readonly key: keyof OwnOptions;
  readonly methods: readonly MethodId[];
}

/** Every own option once: those of the scores and the rate as the catalogue has them, then those of the loss. */
export function collectOwnOptions(): SharedOption[] {
  const found = new Map<string, SharedOption>();
  for (const id of methodIds) {
    for (const [key, option] of Object.entries(factsOf(id).options)) {
      const methods = [...(found.get(key)?.methods ?? []), id];
      found.set(key, { ...option, key: key as keyof OwnOptions, methods });
    }
  }
  const all = [...found.values()];
  const isOfLoss = ({ shapes }: OwnOption): boolean => shapes === 'loss';
  return [...all.filter((one) => !isOfLoss(one)), ...all.filter(isOfLoss)];
}

/** Whether a method looks at the network at work before it scores, its own options being what they are. */
export function isObserving(id: AnyMethodId, values: Readonly<Record<string, unknown>>): boolean {
  const { observes, observesWith = {} } = factsOf(id);
  return observes !== 'nothing' && hasValues(values, observesWith);
}

/** Whether all that is wanted is there. */
export function hasValues(
  values: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => values[key] === value);
}

/** Of these values those of a method's own options; the others are of other methods. */
export function pickOwn(id: AnyMethodId, values: OwnValues): OwnValues {
  const { options } = factsOf(id);
  return Object.fromEntries(Object.entries(values).filter(([key]) => key in options));
}
