import type * as tf from '@tensorflow/tfjs';

/** What a LossMean holds once all is read; the sum is in double precision. */
export interface LossState {
  readonly [key: string]: number;
  readonly sum: number;
  readonly count: number;
}

/**
 * The mean loss of the steps of an epoch.
 *
 * Losses stay on the device until they are read together, since each reading waits for it. When they
 * are read changes no bit of the mean.
 */
export class LossMean {
  private sum = 0;
  private count = 0; // of the losses read
  private readonly unread: tf.Scalar[] = [];

  /** The mean of the losses read; NaN before the first. */
  get mean(): number {
    return this.sum / this.count;
  }

  /** All that there is to save, after a `read`. */
  state(): LossState {
    return { sum: this.sum, count: this.count };
  }

  /** Takes over the loss of one more step. */
  add(loss: tf.Scalar): void {
    this.unread.push(loss);
  }

  /**
   * Reads all losses that are still on the device.
   *
   * @returns the first that is not finite and its index among the steps of the epoch; null when all are.
   */
  read(): { readonly index: number; readonly loss: number } | null {
    let bad: { index: number; loss: number } | null = null;
    for (const tensor of this.unread.splice(0)) {
      const loss = tensor.dataSync()[0]!;
      tensor.dispose();
      if (!Number.isFinite(loss)) bad ??= { index: this.count, loss };
      this.sum += loss;
      this.count++;
    }
    return bad;
  }

  /** Begins anew from what `state` gave. */
  restore({ sum, count }: LossState): void {
    this.clear();
    this.sum = sum;
    this.count = count;
  }

  /** Forgets everything and frees what is on the device. */
  clear(): void {
    for (const tensor of this.unread.splice(0)) tensor.dispose();
    this.sum = 0;
    this.count = 0;
  }
}
