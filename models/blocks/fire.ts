import type * as tf from '@tensorflow/tfjs';
import { fire } from './block';
import type { Block } from './block';
import type { Parts } from './parts';

interface FireOptions {
  /** Prefix of the layers' names. */
  readonly name: string;
  readonly squeeze: number;
  /** Filters of each of the two expanding convolutions. */
  readonly expand: number;
}

/**
 * A 1x1 convolution that narrows, then a 1x1 and a 3x3 side by side, concatenated.
 *
 * Source: Iandola et al., "SqueezeNet", 2016, arXiv:1602.07360, figure 1.
 */
@fire({ convs: ['squeeze', 'expand1x1', 'expand3x3'] })
export class Fire implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: FireOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h, w, 2 expand]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const { squeeze, expand } = this.options;
    const squeezed = this.convolution(x, 'squeeze', squeeze, 1);
    return this.parts.concatenate(`${this.name}_cat`, [
      this.convolution(squeezed, 'expand1x1', expand, 1),
      this.convolution(squeezed, 'expand3x3', expand, 3),
    ]);
  }

  private convolution(
    x: tf.SymbolicTensor,
    own: string,
    filters: number,
    size: number,
  ): tf.SymbolicTensor {
    const name = `${this.name}_${own}`;
    const y = this.parts.convolution(x, { name, filters, size, bias: true });
    return this.parts.activation(y, `${name}_activation`);
  }
}
