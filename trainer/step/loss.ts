import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import type { Network } from '../../graph';
import { createMaskedReader } from '../../layers';
import type { Methodology } from '../../methods';
import { readHead } from '../../measure/head';
import type { Head, LossChoice } from '../../measure/head';
import { logitsOf, meanCrossEntropy } from '../../measure/logits';
import type { MeanOptions } from '../../measure/logits';

/** What a term may look at, on the gradient tape; all of it is borrowed. */
export interface LossContext {
  /** [n, classes], of the network under training. */
  readonly logits: tf.Tensor2D;
  /** [n] int32. */
  readonly labels: tf.Tensor1D;
  /** [n, h, w, c], normalised. */
  readonly images: tf.Tensor;
  /** The network under training. */
  readonly model: tf.LayersModel;
}

/** Something that the loss of a step holds beside the cross entropy. */
export interface LossTerm {
  /** What of the cross entropy stays beside this term, in [0, 1]. Default 1. */
  readonly crossEntropyShare?: number;
  /**
   * Begins with a batch before the tape runs: what this makes is a constant of the gradient, and is freed
   * with the step.
   *
   * @param batch images and labels as in the context; borrowed.
   * @returns the term's value, called once on the tape: differentiable, no reading to the host.
   */
  onBatch(batch: Pick<LossContext, 'images' | 'labels'>): (context: LossContext) => tf.Scalar;
  /** Goes on with another network, where the term knows more of it than its context says. */
  rebind?(network: Network): void;
}

/** What the loss of a step is made of. */
export interface LossOptions extends MeanOptions {
  /** Default none. */
  readonly terms?: readonly LossTerm[];
  /** What the network answers. Default auto. */
  readonly loss?: LossChoice | undefined;
}

/**
 * The loss of a training step.
 *
 * Formula: share * cross entropy + penalties of the layers' regularizers + terms, all means over the
 *   batch in nats; share is the product of what the terms leave of the cross entropy, which alone is weighed by class.
 */
export class TrainingLoss {
  private readonly entropy: MeanOptions;
  private readonly terms: readonly LossTerm[];
  private readonly share: number;
  private readonly loss: LossChoice | undefined;
  private head: Head;

  /** @throws {OptionError} when labelSmoothing is outside [0, 1) or a share outside [0, 1], or see `readHead`. */
  constructor(
    private model: tf.LayersModel,
    { labelSmoothing = 0, classWeights, terms = [], loss }: LossOptions = {},
  ) {
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      const allowed = 'in [0, 1)';
      throw new OptionError({ option: 'labelSmoothing', allowed, received: labelSmoothing });
    }
    const shares = terms.map(({ crossEntropyShare = 1 }) => crossEntropyShare);
    const wrong = shares.find((share) => !(share >= 0 && share <= 1));
    if (wrong !== undefined) {
      const problem = 'of a term must be in [0, 1]';
      throw new OptionError({ option: 'crossEntropyShare', problem, received: wrong });
    }
    this.loss = loss;
    this.head = readHead(model, loss);
    this.entropy = { labelSmoothing, classWeights };
    this.terms = terms;
    this.share = shares.reduce((product, share) => product * share, 1);
  }

  /** Goes on with another network, and so do its terms. */
  rebind(network: Network): void {
    this.model = network.model;
    this.head = readHead(network.model, this.loss);
    for (const term of this.terms) term.rebind?.(network);
  }

  /**
   * Hands the loss of one batch to `differentiate`, which puts it on a tape.
   *
   * @returns what `differentiate` makes of it; the terms' constants are freed by then.
   */
  during<T extends tf.TensorContainer>(
    batch: Pick<LossContext, 'images' | 'labels'>,
    differentiate: (loss: () => tf.Scalar) => T,
  ): T {
    if (this.terms.length === 0) return differentiate(() => this.value(batch, []));
    return tf.tidy(() => {
      const values = this.terms.map((term) => term.onBatch(batch));
      return differentiate(() => this.value(batch, values));
    });
  }

  private value(
    { images, labels }: Pick<LossContext, 'images' | 'labels'>,
    values: readonly ((context: LossContext) => tf.Scalar)[],
  ): tf.Scalar {
    const { model, head } = this;
    const logits = logitsOf(model, images, true, head);
    const entropy = this.crossEntropy(logits, labels);
    const added = values.map((value) => value({ logits, labels, images, model }));
    const penalties = model.calculateLosses(); // of the layers' regularizers
    return [...penalties, ...added].reduce<tf.Scalar>((sum, term) => tf.add(sum, term), entropy);
  }

  private crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
    const mean = meanCrossEntropy(logits, labels, this.head, this.entropy);
    return this.share === 1 ? mean : tf.mul(mean, this.share);
  }
}

/**
 * The penalty that a method adds to the loss, as a term; null where it adds none.
 *
 * The method reads weights as the network computes with them, so that what is masked counts nothing.
 */
export function penaltyOf(method: Methodology, network: Network): LossTerm | null {
  let read = penaltyReader(method, network);
  if (tf.tidy(() => read() === null)) return null;
  return {
    onBatch: () => () => read()!, // null at no step or at all
    rebind: (next) => {
      read = penaltyReader(method, next);
    },
  };
}

function penaltyReader(method: Methodology, { model, graph }: Network): () => tf.Scalar | null {
  const read = createMaskedReader(model);
  return () => method.penalty?.(graph, read) ?? null;
}
