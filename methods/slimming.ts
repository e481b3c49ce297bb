import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph } from '../graph';
import { findWeightBehind } from '../graph';
import { l1Norm } from './l1-norm';
import { Methodology } from './methodology';
import type { KernelReader, ScoreContext } from './scoring';
import { OptionError } from '../errors';
import { layerOf } from '../layers';

export interface SlimmingOptions {
  /** What the sum of the scales' magnitudes is weighted with in the loss; 0 adds none. Default 1e-4. */
  readonly scalePenalty?: number;
}

/**
 * Removes the filters whose BatchNormalization scales them least (network slimming).
 *
 * Formula: s_j = |gamma_j| of the BatchNormalization that the filters flow into; while training
 *   scalePenalty * sum |gamma| is added to the loss, which drives scales that are not needed to zero.
 * Source: Liu et al., "Learning Efficient Convolutional Networks through Network Slimming", ICCV
 *   2017, arXiv:1708.06519. Deviates: the paper ranks all scales in one list, which is scope global
 *   here; the subgradient of |gamma| at 0 is 0.
 */
export class Slimming extends Methodology {
  private readonly scalePenalty: number;

  /** @throws {OptionError} when scalePenalty is below 0 or not finite. */
  constructor({ scalePenalty = 1e-4 }: SlimmingOptions = {}) {
    super();
    if (!(scalePenalty >= 0 && Number.isFinite(scalePenalty))) {
      const allowed = 'a number from 0';
      throw new OptionError({ option: 'scalePenalty', allowed, received: scalePenalty });
    }
    this.scalePenalty = scalePenalty;
  }

  protected override score(_kernel: tf.Tensor, { name, behind }: ScoreContext): tf.Tensor {
    const scale = behind('gamma'); // [out]
    if (scale === null) throw withoutScale(name);
    return tf.abs(scale);
  }

  override penalty(graph: ChannelGraph, read: KernelReader): tf.Scalar | null {
    if (this.scalePenalty === 0) return null;
    const scales = scalesOf(graph).map(read);
    return tf.mul<tf.Scalar>(l1Norm(scales), this.scalePenalty);
  }
}

/** Names of the scales behind the prunable kernels, each once. */
function scalesOf(graph: ChannelGraph): string[] {
  const kernels = graph.prunable.flatMap(({ producers }) => producers.map(({ weight }) => weight));
  const names = kernels.map((kernel) => {
    const scale = findWeightBehind(graph, kernel, 'gamma');
    if (scale === null) throw withoutScale(kernel);
    return scale;
  });
  return [...new Set(names)];
}

function withoutScale(kernel: string): OptionError {
  const layer = layerOf(kernel);
  const problem =
    `${layer} must leave the layer whole, or the method be another: no BatchNormalization with a scale (gamma) ` +
    'follows its filters';
  return new OptionError({ option: 'skip', problem });
}
