import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';

/** What an optimizer remembers between two steps. */
export interface OptimizerState {
  /** Live slots by `slot/weight name` (`velocity/conv1/kernel`); the optimizer owns them. */
  readonly slots: ReadonlyMap<string, tf.Tensor>;
  /** Updates made so far. */
  readonly steps: number;
}

/**
 * Turns gradients into new weights. Its slots (velocities, moments) are kept by weight name, so that
 * masking, surgery and resume find them whatever the order of the weights. It is its own state, to be saved.
 */
export interface Optimizer extends OptimizerState {
  /**
   * Updates the weights in place.
   *
   * @param weights   by name, trainable; written.
   * @param gradients by the same names; borrowed.
   * @param learningRate of this step.
   */
  apply(
    weights: ReadonlyMap<string, tf.LayerVariable>,
    gradients: ReadonlyMap<string, tf.Tensor>,
    learningRate: number,
  ): void;
  /** Goes on from a saved state; takes over its tensors. Slots that are not named restart at zero. */
  restore(state: OptimizerState): void;
  /** Multiplies all slots of one weight by its mask, of the weight's shape; borrowed. */
  mask(weight: string, mask: tf.Tensor): void;
  dispose(): void;
}

/** One weight's step. */
type Update = (name: string, weight: tf.LayerVariable, gradient: tf.Tensor) => void;

/** What optimizers share: the store of slots. */
abstract class SlotOptimizer implements Optimizer {
  private readonly store = new Map<string, tf.Tensor>();
  private count = 0;

  get slots(): ReadonlyMap<string, tf.Tensor> {
    return this.store;
  }

  get steps(): number {
    return this.count;
  }

  apply(
    weights: ReadonlyMap<string, tf.LayerVariable>,
    gradients: ReadonlyMap<string, tf.Tensor>,
    learningRate: number,
  ): void {
    this.count++;
    tf.tidy(() => {
      const update = this.updater(learningRate);
      for (const [name, weight] of weights) {
        const gradient = gradients.get(name);
        if (gradient) tf.tidy(update.bind(null, name, weight, gradient));
      }
    });
  }

  restore({ slots, steps }: OptimizerState): void {
    this.dispose();
    for (const [name, slot] of slots) this.store.set(name, tf.keep(slot));
    this.count = steps;
  }

  mask(weight: string, mask: tf.Tensor): void {
    for (const [name, slot] of this.store) {
      if (name.slice(name.indexOf('/') + 1) !== weight) continue;
      this.store.set(name, tf.keep(tf.mul(slot, mask)));
      slot.dispose();
    }
  }

  dispose(): void {
    for (const slot of this.store.values()) slot.dispose();
    this.store.clear();
  }

  /** What one step does to each weight; it and the update run inside a tidy. */
  protected abstract updater(learningRate: number): Update;

  /** The slot's value, null before its first step. */
  protected slot(slot: string, name: string): tf.Tensor | null {
    return this.store.get(`${slot}/${name}`) ?? null;
  }

  /** Keeps the slot's next value. */
  protected setSlot(slot: string, name: string, value: tf.Tensor): void {
    const key = `${slot}/${name}`;
    this.store.get(key)?.dispose();
    this.store.set(key, tf.keep(value));
  }
}

export interface SgdOptions {
  /** In [0, 1). Default 0. */
  readonly momentum?: number;
  /** Default false. */
  readonly nesterov?: boolean;
  /** Added to the gradient as weightDecay * w, for every weight, as PyTorch's SGD. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent as PyTorch's: g += decay * w; v = momentum * v + g;
 * w -= lr * (nesterov ? g + momentum * v : v).
 */
export class Sgd extends SlotOptimizer {
  private readonly options: Required<SgdOptions>;

  constructor(options: SgdOptions = {}) {
    super();
    this.options = { momentum: 0, nesterov: false, weightDecay: 0, ...options };
    checkFraction('momentum', this.options.momentum);
    checkNotNegative('weightDecay', this.options.weightDecay);
    if (this.options.nesterov && this.options.momentum === 0) {
      throw new OptionError({
        option: 'nesterov',
        problem: 'needs a momentum above 0',
        received: 0,
      });
    }
  }

  protected override updater(learningRate: number): Update {
    const { momentum, nesterov, weightDecay } = this.options;
    const rate = tf.scalar(learningRate);
    const inertia = tf.scalar(momentum);
    const decay = tf.scalar(weightDecay);
    return (name, weight, gradient) => {
      const value = weight.read();
      const decayed = weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(value, decay));
      let step = decayed;
      if (momentum > 0) {
        const old = this.slot('velocity', name);
        const velocity = old ? tf.add(tf.mul(old, inertia), decayed) : tf.clone(decayed);
        this.setSlot('velocity', name, velocity);
        step = nesterov ? tf.add(decayed, tf.mul(velocity, inertia)) : velocity;
      }
      weight.write(tf.sub(value, tf.mul(step, rate)));
    };
  }
}

export interface AdamOptions {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled, as AdamW: w -= lr * weightDecay * w. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Adam: m and v are running means of g and g^2, w -= lr * m' / (sqrt(v') + epsilon) with the bias
 * corrections m' = m / (1 - beta1^t), v' = v / (1 - beta2^t).
 *
 * Source: Kingma and Ba, ICLR 2015, arXiv:1412.6980; decoupled decay: Loshchilov and Hutter,
 *   ICLR 2019, arXiv:1711.05101.
 */
export class Adam extends SlotOptimizer {
  private readonly options: Required<AdamOptions>;

  constructor(options: AdamOptions = {}) {
    super();
    this.options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, ...options };
    checkFraction('beta1', this.options.beta1);
    checkFraction('beta2', this.options.beta2);
    checkNotNegative('epsilon', this.options.epsilon);
    checkNotNegative('weightDecay', this.options.weightDecay);
  }

  protected override updater(learningRate: number): Update {
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const mean = this.runningMean('mean', beta1);
    const square = this.runningMean('square', beta2);
    const rate = tf.scalar(learningRate);
    const margin = tf.scalar(epsilon);
    const decay = tf.scalar(1 - learningRate * weightDecay);
    return (name, weight, gradient) => {
      const root = tf.sqrt(square(name, tf.square(gradient)));
      const step = tf.div(mean(name, gradient), tf.add(root, margin));
      const value = weight.read();
      const decayed = weightDecay === 0 ? value : tf.mul(value, decay);
      weight.write(tf.sub(decayed, tf.mul(step, rate)));
    };
  }

  /** Moves a running mean by one value per weight and answers it, bias-corrected. */
  private runningMean(slot: string, beta: number): (name: string, value: tf.Tensor) => tf.Tensor {
    const kept = tf.scalar(beta);
    const added = tf.scalar(1 - beta);
    const correction = tf.scalar(1 - beta ** this.steps);
    return (name, value) => {
      const old = this.slot(slot, name);
      const share = tf.mul(value, added);
      const next = old ? tf.add(tf.mul(old, kept), share) : share;
      this.setSlot(slot, name, next);
      return tf.div(next, correction);
    };
  }
}

function checkFraction(name: string, value: number): void {
  if (value >= 0 && value < 1) return;
  throw new OptionError({ option: name, allowed: 'in [0, 1)', received: value });
}

function checkNotNegative(name: string, value: number): void {
  if (value >= 0) return;
  throw new OptionError({ option: name, allowed: '0 or more', received: value });
}
