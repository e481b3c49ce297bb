import type * as tf from '@tensorflow/tfjs';
import { mbConv } from '../blocks/block';
import type { Block } from '../blocks/block';
import { invertedResidual } from '../blocks/inverted-residual';
import type { InvertedResidualOptions } from '../blocks/inverted-residual';
import { variantOf } from '../network-options';
import type { NetworkOptions } from '../network-options';
import { Parts, widthOf } from '../blocks/parts';
import { divisible } from '../blocks/rounding';

/** Per stage: filters, kernel size, stride of the first block, expansion, blocks. */
const stages = [
  [24, 3, 2, 3, 3],
  [40, 5, 2, 3, 3],
  [80, 5, 2, 6, 3],
  [96, 3, 1, 6, 2],
  [192, 5, 2, 6, 4],
  [320, 3, 1, 6, 1],
] as const;

/** Among torchvision's `layers`: the first stage and the convolution behind the last. */
const FIRST_STAGE = 8;
const LAST_CONVOLUTION = 14;

/** As in the paper's TensorFlow code. */
const MOMENTUM = 0.9997;

/** The inverted residual block under the names that torchvision's MNASNet gives its layers. */
@mbConv({ convs: ['layers_0', 'layers_3', 'layers_6'] })
export class MnasNetBlock implements Block {
  readonly name: string;

  constructor(
    private readonly parts: Parts,
    private readonly options: InvertedResidualOptions,
  ) {
    this.name = options.name;
  }

  /** x [n, h, w, in] to [n, h / stride, w / stride, filters]. */
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor {
    return invertedResidual(this.parts, x, this.options, {
      activation: 'relu',
      momentum: MOMENTUM,
      expand: ['layers_0', 'layers_1', 'layers_2'],
      depthwise: ['layers_3', 'layers_4', 'layers_5'],
      project: ['layers_6', 'layers_7'],
    });
  }
}

/**
 * MNASNet-B1 of width 1 as torchvision's `mnasnet1_0`.
 *
 * Source: Tan et al., CVPR 2019, arXiv:1807.11626, figure 7.
 */
export function mnasNet(options: NetworkOptions): tf.LayersModel {
  const large = variantOf(options) === 'imagenet';
  const parts = new Parts(options, divisible);
  const input = parts.input();
  let x = stem(parts, input, large ? 2 : 1);
  stages.forEach(([width, size, stride, expansion, count], stage) => {
    const first = large || stage > 0 ? stride : 1;
    for (let block = 0; block < count; block++) {
      const name = `layers_${FIRST_STAGE + stage}_${block}`;
      const sizes = { filters: parts.scaled(width), expanded: expansion * widthOf(x), size };
      x = new MnasNetBlock(parts, { name, ...sizes, stride: block === 0 ? first : 1 }).apply(x);
    }
  });
  x = parts.convolution(x, { name: `layers_${LAST_CONVOLUTION}`, filters: 1280, size: 1 });
  x = normalize(parts, x, LAST_CONVOLUTION + 1);
  x = parts.dropout(parts.globalAveragePooling(x), 'classifier_0', 0.2);
  return parts.model('mnasnet1_0', input, parts.linear(x, 'classifier_1'));
}

/** A convolution and a separable one that narrows. */
function stem(parts: Parts, input: tf.SymbolicTensor, stride: number): tf.SymbolicTensor {
  const [wide, narrow] = [parts.scaled(32), parts.scaled(16)];
  let x = parts.convolution(input, { name: 'layers_0', filters: wide, size: 3, stride });
  x = normalize(parts, x, 1);
  x = normalize(parts, parts.depthwise(x, { name: 'layers_3', size: 3 }), 4);
  x = parts.convolution(x, { name: 'layers_6', filters: narrow, size: 1 });
  return parts.batchNormalization(x, 'layers_7', { momentum: MOMENTUM });
}

function normalize(parts: Parts, x: tf.SymbolicTensor, index: number): tf.SymbolicTensor {
  const y = parts.batchNormalization(x, `layers_${index}`, { momentum: MOMENTUM });
  return parts.activation(y, `layers_${index + 1}`);
}
