import type * as tf from '@tensorflow/tfjs';
import { mbConv } from '../blocks/block';
import type { Block } from '../blocks/block';
import { invertedResidual } from '../blocks/inverted-residual';
import type { InvertedResidualOptions } from '../blocks/inverted-residual';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts, widthOf } from '../blocks/parts';
import { divisible } from '../blocks/rounding';

/** Per stage: expansion, filters, blocks, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** The stage whose halving the variant for small images leaves out, beside that of the stem. */
const FIRST_HALVING = 1;

/** The inverted residual block under the names that torchvision's MobileNetV2 gives its layers. */
@mbConv({ convs: ['conv_0_0', 'conv_1_0', 'conv_1', 'conv_2'] })
export class MobileNetV2Block implements Block {
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
      activation: 'relu6',
      expand: ['conv_0_0', 'conv_0_1', 'conv_0_2'],
      depthwise: [`conv_${first}_0`, `conv_${first}_1`, `conv_${first}_2`],
      project: [`conv_${first + 1}`, `conv_${first + 2}`],
    });
  }
}

/**
 * MobileNetV2 as torchvision's; `width` leaves the last convolution at 1280 or more.
 *
 * Source: Sandler et al., CVPR 2018, arXiv:1801.04381, table 2.
 */
export function mobileNetV2(options: NetworkOptions): tf.LayersModel {
  const large = variantOf(options) === 'imagenet';
  const parts = new Parts(options, divisible);
  const input = parts.input();
  let index = 0;
  const unit = (y: tf.SymbolicTensor, filters: number, size: number, stride = 1) => {
    const name = `features_${index++}`;
    const z = parts.convolution(y, { name: `${name}_0`, filters, size, stride });
    return parts.activation(parts.batchNormalization(z, `${name}_1`), `${name}_2`, 'relu6');
  };
  let x = unit(input, parts.scaled(32), 3, large ? 2 : 1);
  stages.forEach(([expansion, width, count, stride], stage) => {
    const first = large || stage !== FIRST_HALVING ? stride : 1;
    for (let block = 0; block < count; block++) {
      const name = `features_${index++}`;
      const sizes = { filters: parts.scaled(width), expanded: expansion * widthOf(x), size: 3 };
      x = new MobileNetV2Block(parts, { name, ...sizes, stride: block === 0 ? first : 1 }).apply(x);
    }
  });
  x = unit(x, Math.max(1280, parts.scaled(1280)), 1);
  x = parts.dropout(parts.globalAveragePooling(x), 'classifier_0', 0.2);
  return parts.model('mobilenet_v2', input, parts.linear(x, 'classifier_1'));
}
