import * as tf from '@tensorflow/tfjs';
import { PrunableBatchNormalization } from './prunable-batch-normalization';
import { forEachLayer } from './rebuild';

/** A statistic of one layer that is being averaged: its variable, and the mean so far. */
interface RunningMean {
  readonly variable: tf.LayerVariable;
  readonly values: Float64Array;
  count: number;
}

/**
 * Averages what the BatchNormalization layers of a prunable model see, over any number of batches.
 *
 * The mean is cumulative: each call of a layer counts the same, whatever the layer's momentum. The
 * variance of a batch is the one that the layer itself takes in training, the unbiased one. Frozen layers keep
 * what they have.
 */
export class BatchStatistics {
  private readonly layers: readonly PrunableBatchNormalization[];
  private readonly means = new Map<tf.LayerVariable, RunningMean>();

  /** @param model prunable; borrowed. */
  constructor(model: tf.LayersModel) {
    const layers: PrunableBatchNormalization[] = [];
    forEachLayer(model, (layer) => {
      if (layer instanceof PrunableBatchNormalization && !layer.isFrozen) layers.push(layer);
    });
    this.layers = layers;
  }

  /** Layers whose statistics are averaged. */
  get count(): number {
    return this.layers.length;
  }

  /**
   * Runs `compute` with these layers normalizing by their batches, and adds what they saw.
   *
   * No weight changes, and every other layer does what the caller asks for. Reads the statistics to the
   * host.
   */
  during(compute: () => void): void {
    const restores = this.layers.map((layer) => this.observe(layer));
    try {
      compute();
    } finally {
      for (const restore of restores) restore();
    }
  }

  /** Writes the means to the layers. Layers that were not called keep what they had. */
  write(): void {
    for (const { variable, values } of this.means.values()) {
      const mean = tf.tensor1d(Float32Array.from(values));
      variable.write(mean);
      mean.dispose();
    }
  }

  /** Lends the layer collectors in place of its statistics. @returns puts everything back. */
  private observe(layer: PrunableBatchNormalization): () => void {
    const { movingMean, movingVariance, momentum } = layer;
    const call = layer.call.bind(layer);
    const own = Object.getOwnPropertyDescriptor(layer, 'call');
    Object.assign(layer, {
      movingMean: this.collector(movingMean),
      movingVariance: this.collector(movingVariance),
      momentum: 0, // what is written is then the batch's own
      call: (inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>) =>
        call(inputs, { ...kwargs, training: true }),
    });
    return () => {
      Object.assign(layer, { movingMean, movingVariance, momentum });
      if (own) Object.defineProperty(layer, 'call', own);
      else delete (layer as Partial<typeof layer>).call;
    };
  }

  private collector(variable: tf.LayerVariable): tf.LayerVariable {
    const write = (seen: tf.Tensor): void => {
      this.add(variable, seen);
    };
    return { read: () => variable.read(), write } as unknown as tf.LayerVariable;
  }

  private add(variable: tf.LayerVariable, seen: tf.Tensor): void {
    const batch = seen.dataSync<'float32'>();
    const known = this.means.get(variable);
    const mean = known ?? { variable, values: new Float64Array(batch.length), count: 0 };
    this.means.set(variable, mean);
    mean.count++;
    batch.forEach((value, channel) => {
      mean.values[channel]! += (value - mean.values[channel]!) / mean.count;
    });
  }
}
