import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { SeededDropout } from '../../layers';

describe('SeededDropout', () => {
  beforeAll(() => startEngine('cpu'));

  const network = (): tf.LayersModel =>
    tf.sequential({
      layers: [
        tf.layers.dropout({ rate: 0.5, inputShape: [64], name: 'first' }),
        tf.layers.dropout({ rate: 0.5, seed: 3, name: 'second' }),
      ],
    });

  const draw = (model: tf.LayersModel, seed: number, step: number): number[] => {
    const dropout = new SeededDropout(model);
    return tf.tidy(() => {
      const x = tf.ones([1, 64]);
      const y = dropout.during(seed, step, () => model.apply(x, { training: true }) as tf.Tensor);
      return Array.from(y.dataSync());
    });
  };

  it('draws the same mask for the same seed and step, and another one otherwise', () => {
    const model = network();
    expect(draw(model, 1, 0)).toEqual(draw(model, 1, 0));
    expect(draw(model, 1, 0)).not.toEqual(draw(model, 1, 1));
    expect(draw(model, 1, 0)).not.toEqual(draw(model, 2, 0));
    model.dispose();
  });

  it('draws differently in two layers', () => {
    const model = network();
    // Two independent masks of rate 1/2 keep a quarter: with one mask half would stay.
    const kept = draw(model, 1, 0).filter((value) => value !== 0).length;
    expect(kept).toBeGreaterThan(4);
    expect(kept).toBeLessThan(29); // 16 expected, deviation sqrt(64 * 3) / 4 = 3.5
    model.dispose();
  });

  it("puts the layers' own seeds back", () => {
    const model = network();
    draw(model, 1, 0);
    expect(model.layers.map((layer) => layer.getConfig().seed)).toEqual([undefined, 3]);
    model.dispose();
  });
});
