import type * as tf from '@tensorflow/tfjs';
import { forEachLayer } from './rebuild';

/** One call of a layer with tensors, right after it. */
export interface WatchedCall {
  /** The layer's path. */
  readonly path: string;
  /** Lent until the watcher returns; so are the outputs. */
  readonly inputs: readonly tf.Tensor[];
  readonly outputs: readonly tf.Tensor[];
}

/** How a layer is called. */
type Apply = (inputs: tf.Tensor | tf.Tensor[], ...rest: unknown[]) => tf.Tensor | tf.Tensor[];

/** The methods by which a layer is called, as properties that may be put in place of the class's. */
interface Callable {
  apply: Apply;
  computeMask: Apply;
}

/**
 * Runs `compute` and tells of every call of a layer meanwhile, those of nested models' layers too and in
 * the order in which they are made; models themselves and the inputs are not told of.
 *
 * @param onCall may make tensors; it is inside the tidies of the layers' models.
 */
export function watchingCalls<T>(
  model: tf.LayersModel,
  onCall: (call: WatchedCall) => void,
  compute: () => T,
): T {
  const watch: Around = (apply, { path }) => {
    return (inputs, ...rest) => {
      const outputs = apply(inputs, ...rest);
      onCall({ path, inputs: [inputs].flat(), outputs: [outputs].flat() });
      return outputs;
    };
  };
  return replacing(model, ['apply'], watch, compute);
}

/** A layer in whose call an error came. */
export interface Failure {
  readonly path: string;
  readonly className: string;
}

/**
 * Runs `compute`.
 *
 * @param onFailure hears of the layer in whose call an error comes, or that fails to pass on a mask; the error goes
 *   on to the caller.
 */
export function namingFailures<T>(
  model: tf.LayersModel,
  onFailure: (failure: Failure) => void,
  compute: () => T,
): T {
  const name: Around = (method, failure) => {
    return (...call) => {
      try {
        return method(...call);
      } catch (error) {
        onFailure(failure);
        throw error;
      }
    };
  };
  return replacing(model, ['apply', 'computeMask'], name, compute);
}

/** Makes of a layer's method the one that is called instead. */
type Around = (method: Apply, layer: Failure) => Apply;

/** Runs `compute` while each layer of a model has what `around` makes of some of its methods. */
function replacing<T>(
  model: tf.LayersModel,
  names: readonly (keyof Callable)[],
  around: Around,
  compute: () => T,
): T {
  const restores: (() => void)[] = [];
  forEachLayer(model, (layer, path) => {
    const named = { path, className: layer.getClassName() };
    const callable = layer as unknown as Callable;
    for (const name of names) restores.push(replace(callable, name, named, around));
  });
  try {
    return compute();
  } finally {
    for (const restore of restores) restore();
  }
}

/** @returns what puts the layer's own method back. */
function replace(
  layer: Callable,
  name: keyof Callable,
  named: Failure,
  around: Around,
): () => void {
  const own = Object.getOwnPropertyDescriptor(layer, name);
  layer[name] = around(layer[name].bind(layer), named);
  return () => {
    if (own) Object.defineProperty(layer, name, own);
    else Reflect.deleteProperty(layer, name);
  };
}
