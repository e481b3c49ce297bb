import * as tf from '@tensorflow/tfjs';
import { distillationLoss } from '../../backend/fused';
import { OptionError } from '../../errors';
import { readHead } from '../../measure/head';
import type { Head, LossChoice } from '../../measure/head';
import { logitsOf } from '../../measure/logits';
import type { LossContext, LossTerm } from './loss';

export interface DistillationOptions {
  /** Share of the loss that compares with the teacher, in (0, 1]; the labels get the rest. Default 0.5. */
  readonly weight?: number;
  /** Above 0; a high one shows how the teacher ranks the classes that it rejects. Default 4. */
  readonly temperature?: number;
  /** What the teacher answers. Default auto. */
  readonly loss?: LossChoice | undefined;
  /** Scales a batch of the network as the teacher takes it. Default as it is. */
  readonly feed?: ((images: tf.Tensor) => tf.Tensor) | undefined;
}

/**
 * Lets a network learn from the answers of another, its teacher, beside the labels.
 *
 * Formula: loss = (1 - a) CE(labels, z) + a T^2 KL(softmax(v / T) || softmax(z / T)), the mean over the
 *   batch; z the logits of the network, v those of the teacher in inference mode, constants.
 * Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, arXiv:1503.02531.
 *   Deviates: the cross entropy with the teacher's answers less their entropy, a constant: the same
 *   gradient, and 0 where the two agree. Label smoothing acts on the labels only.
 *
 * Logits of sigmoids are compared as those of a softmax. The teacher sees each batch as the network does,
 * augmented. It is borrowed and never changed; its forward pass is freed before the network's begins.
 */
export class Distillation implements LossTerm {
  readonly crossEntropyShare: number;
  readonly options: Required<Omit<DistillationOptions, 'loss' | 'feed'>>;
  private readonly head: Head;
  private readonly feed: (images: tf.Tensor) => tf.Tensor;

  /** @throws {OptionError} when an option is outside its range, or see `readHead`. */
  constructor(
    private readonly teacher: tf.LayersModel,
    { weight = 0.5, temperature = 4, loss, feed = (images) => images }: DistillationOptions = {},
  ) {
    if (!(weight > 0 && weight <= 1)) {
      const problem = 'of the distillation must be in (0, 1]';
      throw new OptionError({ option: 'weight', problem, received: weight });
    }
    if (!(temperature > 0 && Number.isFinite(temperature))) {
      const allowed = 'above 0 and finite';
      throw new OptionError({ option: 'temperature', allowed, received: temperature });
    }
    this.head = readHead(teacher, loss);
    this.feed = feed;
    this.options = { weight, temperature };
    this.crossEntropyShare = 1 - weight;
  }

  onBatch({ images }: Pick<LossContext, 'images'>): (context: LossContext) => tf.Scalar {
    const { weight, temperature } = this.options;
    const answers = tf.tidy(() => logitsOf(this.teacher, this.feed(images), false, this.head)); // [n, classes]
    return ({ logits }) => {
      const divergences = distillationLoss(logits, answers, temperature);
      return tf.mul(tf.mean(divergences), weight);
    };
  }
}
