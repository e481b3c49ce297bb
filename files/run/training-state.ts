import type { JsonObject } from '../json';

/** An array of numbers with a shape; `bool` holds 0 and 1, one byte each. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** All that a run needs to go on as if it had never stopped. */
export interface TrainingState {
  /** Weights, masks and optimizer slots; names carry a prefix such as `model/` or `optimizer/`. */
  readonly tensors: ReadonlyMap<string, NamedArray>;
  /** Step, epoch, keep set, best metrics, configuration, fingerprints, versions. */
  readonly record: JsonObject;
}
