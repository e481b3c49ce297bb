import type * as tf from '@tensorflow/tfjs';
import { mbConv } from '../blocks/block';
import type { Block } from '../blocks/block';
import { invertedResidual } from '../blocks/inverted-residual';
import type { InvertedResidualOptions } from '../blocks/inverted-residual';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts, widthOf } from '../blocks/parts';
import { divisible } from '../blocks/rounding';

/** A stage of alike blocks; the first one has the stride. */
export interface EfficientNetStage {
  readonly expansion: number;
  readonly size: number;
  readonly stride: number;
  readonly filters: number;
  readonly blocks: number;
}

export interface EfficientNetOptions extends NetworkOptions {
  /** Filters of the stem, before `width`. Default 32. */
  readonly stem?: number;
  /** Default: EfficientNet-B0's. */
  readonly stages?: readonly EfficientNetStage[];
}

const b0: readonly EfficientNetStage[] = [
  { expansion: 1, size: 3, stride: 1, filters: 16, blocks: 1 },
  { expansion: 6, size: 3, stride: 2, filters: 24, blocks: 2 },
  { expansion: 6, size: 5, stride: 2, filters: 40, blocks: 2 },
  { expansion: 6, size: 3, stride: 2, filters: 80, blocks: 3 },
  { expansion: 6, size: 5, stride: 1, filters: 112, blocks: 3 },
  { expansion: 6, size: 5, stride: 2, filters: 192, blocks: 4 },
  { expansion: 6, size: 3, stride: 1, filters: 320, blocks: 1 },
];

/** The inverted residual block with squeeze-and-excite, under the names of torchvision's `MBConv`. */
@mbConv({
  convs: [
    ...['block_0_0', 'block_1_0', 'block_2_fc1', 'block_2_fc2', 'block_3_0'],
    ...['block_1_fc1', 'block_1_fc2', 'block_2_0'], // without a widening convolution
  ],
})
export class EfficientNetBlock implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: InvertedResidualOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h / stride, w / stride, filters]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const first = this.options.expanded === widthOf(x) ? 0 : 1; // index of the depthwise part
    return invertedResidual(this.parts, x, this.options, {
      activation: 'swish',
      expand: ['block_0_0', 'block_0_1', 'block_0_2'],
      depthwise: [`block_${first}_0`, `block_${first}_1`, `block_${first}_2`],
      squeeze: { name: `block_${first + 1}`, filters: Math.max(1, Math.floor(widthOf(x) / 4)) },
      project: [`block_${first + 2}_0`, `block_${first + 2}_1`],
    });
  }
}

/**
 * EfficientNet-B0 as torchvision's, or a network of other stages; without stochastic depth.
 *
 * Source: Tan and Le, ICML 2019, arXiv:1905.11946, table 1.
 */
export function efficientNet(options: EfficientNetOptions): tf.LayersModel {
  const { stem = 32, stages = b0 } = options;
  const large = variantOf(options) === 'imagenet';
  const parts = new Parts(options, divisible);
  const input = parts.input();
  const halving = stages.findIndex(({ stride }) => stride > 1); // left out in small images
  let x = unit(parts, input, {
    index: 0,
    filters: parts.scaled(stem),
    size: 3,
    stride: large ? 2 : 1,
  });
  stages.forEach(({ expansion, size, stride, filters, blocks }, stage) => {
    const first = large || stage !== halving ? stride : 1;
    for (let block = 0; block < blocks; block++) {
      const name = `features_${stage + 1}_${block}`;
      const expanded = divisible(widthOf(x) * expansion);
      const sizes = { filters: parts.scaled(filters), expanded, size };
      x = new EfficientNetBlock(parts, { name, ...sizes, stride: block === 0 ? first : 1 }).apply(
        x,
      );
    }
  });
  x = unit(parts, x, { index: stages.length + 1, filters: 4 * widthOf(x), size: 1, stride: 1 });
  x = parts.dropout(parts.globalAveragePooling(x), 'classifier_0', 0.2);
  return parts.model(
    stages === b0 ? 'efficientnet_b0' : 'efficientnet',
    input,
    parts.linear(x, 'classifier_1'),
  );
}

function unit(
  parts: Parts,
  x: tf.SymbolicTensor,
  options: { index: number; filters: number; size: number; stride: number },
): tf.SymbolicTensor {
  const { index, ...rest } = options;
  const name = `features_${index}`;
  const y = parts.batchNormalization(
    parts.convolution(x, { name: `${name}_0`, ...rest }),
    `${name}_1`,
  );
  return parts.activation(y, `${name}_2`, 'swish');
}
