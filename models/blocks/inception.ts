import type * as tf from '@tensorflow/tfjs';
import { inception } from './block';
import type { Block } from './block';
import { convolutionUnit } from './convolution-unit';
import type { Parts } from './parts';

export interface InceptionOptions {
  /** Prefix of the layers' names. */
  readonly name: string;
  /** Filters: 1x1; 1x1 before 3x3, 3x3; 1x1 before the second 3x3, that one; 1x1 behind the pooling. */
  readonly filters: readonly [number, number, number, number, number, number];
}

/**
 * Four branches side by side, concatenated: 1x1, 3x3, another 3x3, and a max-pooling with 1x1.
 *
 * Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, figure 2b. Deviates as
 * torchvision's trained network does: the third branch has a 3x3 convolution where the paper has 5x5.
 */
@inception({
  convs: [
    'branch1_conv',
    'branch2_0_conv',
    'branch2_1_conv',
    'branch3_0_conv',
    'branch3_1_conv',
    'branch4_1_conv',
  ],
})
export class Inception implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: InceptionOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h, w, sum of the branches]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const [one, reduce2, two, reduce3, three, pooled] = this.options.filters;
    const pool = { name: `${this.name}_branch4_0`, size: 3, stride: 1, padding: 1 };
    return this.parts.concatenate(`${this.name}_cat`, [
      this.unit(x, 'branch1', one, 1),
      this.unit(this.unit(x, 'branch2_0', reduce2, 1), 'branch2_1', two, 3),
      this.unit(this.unit(x, 'branch3_0', reduce3, 1), 'branch3_1', three, 3),
      this.unit(this.parts.maxPooling(x, pool), 'branch4_1', pooled, 1),
    ]);
  }

  private unit(
    x: tf.SymbolicTensor,
    own: string,
    filters: number,
    size: number,
  ): tf.SymbolicTensor {
    return convolutionUnit(this.parts, x, { name: `${this.name}_${own}`, filters, size });
  }
}
