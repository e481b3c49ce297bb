import * as tf from '@tensorflow/tfjs';
import type { Gathering } from '../../methods';

/** Tensors of several batches becoming one by name: their mean, or one after the other along axis 0. */
export class Gathered implements Disposable {
  private readonly parts = new Map<string, tf.Tensor[]>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly gathering: Gathering) {}

  /** Takes over one more tensor, even where a tidy around would free it. */
  add(name: string, tensor: tf.Tensor): void {
    tf.keep(tensor);
    const known = this.parts.get(name) ?? [];
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    if (this.gathering === 'concat' || known.length === 0) {
      this.parts.set(name, [...known, tensor]);
      return;
    }
    const sum = tf.keep(tf.add(known[0]!, tensor));
    tf.dispose([known[0]!, tensor]);
    this.parts.set(name, [sum]);
  }

  /** What has become of them; the caller owns it and nothing is left here. */
  take(): Map<string, tf.Tensor> {
    const whole = new Map<string, tf.Tensor>();
    for (const [name, parts] of this.parts) {
      const made =
        this.gathering === 'concat'
          ? tf.concat(parts, 0)
          : tf.div(parts[0]!, this.counts.get(name)!);
      whole.set(name, made);
    }
    this[Symbol.dispose]();
    return whole;
  }

  [Symbol.dispose](): void {
    for (const parts of this.parts.values()) tf.dispose(parts);
    this.parts.clear();
    this.counts.clear();
  }
}
