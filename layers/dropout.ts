import * as tf from '@tensorflow/tfjs';
import { seedOf } from '../random/seeds';
import { forEachLayer } from './rebuild';

/** Dropout and its subclasses, with the seed that the next training call draws by. */
type DropoutLayer = tf.layers.Layer & { seed: number | undefined };

const Dropout = tf.layers.dropout({ rate: 0 }).constructor as new () => DropoutLayer;

/**
 * Makes a model's Dropout layers draw by (seed, step, layer).
 *
 * A stock Dropout draws from the clock, or the same mask at every step where it has a seed: a resumed
 * run would differ from one that never stopped, or learn with one mask.
 */
export class SeededDropout {
  private readonly layers: readonly { readonly path: string; readonly layer: DropoutLayer }[];

  constructor(model: tf.LayersModel) {
    const layers: { path: string; layer: DropoutLayer }[] = [];
    forEachLayer(model, (layer, path) => {
      if (layer instanceof Dropout) layers.push({ path, layer });
    });
    this.layers = layers;
  }

  /** Runs `compute` with the seeds of one step; the layers' own seeds are put back after. */
  during<T>(seed: number, step: number, compute: () => T): T {
    const own = this.layers.map(({ layer }) => layer.seed);
    for (const { path, layer } of this.layers) layer.seed = seedOf('dropout', seed, step, path);
    try {
      return compute();
    } finally {
      this.layers.forEach(({ layer }, index) => {
        layer.seed = own[index];
      });
    }
  }
}
