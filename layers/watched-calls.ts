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

/** The method by which a layer is called, as a property that may be put in place of the class's. */
interface Callable {
  apply: (inputs: tf.Tensor | tf.Tensor[], ...rest: unknown[]) => tf.Tensor | tf.Tensor[];
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
  const restores: (() => void)[] = [];
  forEachLayer(model, (layer, path) => {
    restores.push(watch(layer as unknown as Callable, path, onCall));
  });
  try {
    return compute();
  } finally {
    for (const restore of restores) restore();
  }
}

/** @returns what puts the layer's own method back. */
function watch(layer: Callable, path: string, onCall: (call: WatchedCall) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(layer, 'apply');
  const apply = layer.apply.bind(layer);
  layer.apply = (inputs, ...rest) => {
    const outputs = apply(inputs, ...rest);
    onCall({ path, inputs: [inputs].flat(), outputs: [outputs].flat() });
    return outputs;
  };
  return () => {
    if (own) Object.defineProperty(layer, 'apply', own);
    else delete (layer as Partial<Callable>).apply;
  };
}
