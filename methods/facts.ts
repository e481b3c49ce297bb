/** What can be said of a method before TensorFlow is loaded: the forms that the catalogue is written in. */
import type { Observes } from './scoring';

/** What the value of an option may be. A limit that is left out is none. */
export type OptionValue =
  | { readonly kind: 'flag' }
  | {
      readonly kind: 'choice';
      readonly of: readonly string[];
      /** What stands for the value in the help. Default NAME. */
      readonly placeholder?: string;
    }
  | {
      readonly kind: 'real' | 'whole';
      readonly from?: number;
      readonly to?: number;
      readonly above?: number;
      readonly below?: number;
    };

/** An option that some methods have beside those of all; its key is the one of their constructors. */
export interface OwnOption {
  /** What the option does, without a full stop; begins with the method where it is not plain. */
  readonly doc: string;
  readonly value: OptionValue;
  readonly default: string | number | boolean;
  /**
   * What it has a part in: the scores; the rate, of which 0 is none; or the loss, which training alone has.
   */
  readonly shapes: 'scores' | 'rate' | 'loss';
  /** Own options of the method and the values of theirs without which this one has no effect. */
  readonly with?: Readonly<Record<string, string>>;
  /** The only value that the published code of the method computes. Default any. */
  readonly published?: string;
}

/** The facts of one method. */
export interface MethodFacts {
  /** What it removes: whole filters or single weights. */
  readonly unit: 'filter' | 'weight';
  /** What it has to see of the network at work before it can score. */
  readonly observes: Observes;
  /** Own options and the values of theirs with which alone it observes. Default whatever they are. */
  readonly observesWith?: Readonly<Record<string, string>>;
  /** Whether there is published code to be compatible with. */
  readonly isPublished: boolean;
  /** The criteria that it is a form of, each with the own options that the name stands for. */
  readonly importance: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Its own options by their keys. */
  readonly options: Readonly<Record<string, OwnOption>>;
}

/** The type of an option's values. */
export type ValueOf<V extends OptionValue> = V extends { readonly of: readonly (infer T)[] }
  ? T
  : V extends { readonly kind: 'flag' }
    ? boolean
    : number;
