import * as tf from '@tensorflow/tfjs';
import { seedOf } from '../random/seeds';
import { Methodology } from './methodology';
import type { ScoreContext } from './scoring';

export interface RandomOptions {
  /** What is drawn by. Default 1. */
  readonly seed?: number;
}

/**
 * Removes filters by lot: what every other method must beat.
 *
 * Formula: s_j uniform in [0, 1), drawn anew from the seed and the kernel's name, so that the same
 *   filters are drawn at every event.
 */
export class RandomFilter extends Methodology {
  private readonly seed: number;

  constructor({ seed = 1 }: RandomOptions = {}) {
    super();
    this.seed = seed;
  }

  protected override score(kernel: tf.Tensor, { name }: ScoreContext): tf.Tensor {
    return draw([kernel.shape.at(-1)!], this.seed, name);
  }
}

/** Removes single weights by lot; the formula is that of RandomFilter. */
export class RandomWeight extends Methodology {
  private readonly seed: number;

  constructor({ seed = 1 }: RandomOptions = {}) {
    super();
    this.seed = seed;
  }

  protected override score(kernel: tf.Tensor, { name }: ScoreContext): tf.Tensor {
    return draw(kernel.shape, this.seed, name);
  }
}

function draw(shape: number[], seed: number, name: string): tf.Tensor {
  return tf.randomUniform(shape, 0, 1, 'float32', seedOf('score', seed, name));
}
