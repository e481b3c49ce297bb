import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { Head } from '../../measure/head';
import { meanCrossEntropy } from '../../measure/logits';
import type { MeanOptions } from '../../measure/logits';
import { describeOn, quickest } from '../engines';

const softmax: Head = { kind: 'logits', isBinary: false };
const sigmoids: Head = { kind: 'sigmoid', isBinary: false };
const oneSigmoid: Head = { kind: 'sigmoid', isBinary: true };

function meanOf(head: Head, options?: MeanOptions): number {
  return tf.tidy(() => {
    // probabilities 1/2, 1/2 and 3/4, 1/4
    const logits = tf.tensor2d([0, 0, Math.log(3), 0], [2, 2]);
    return meanCrossEntropy(logits, tf.tensor1d([0, 1], 'int32'), head, options).dataSync()[0]!;
  });
}

describeOn([quickest], 'the mean cross entropy of a batch', () => {
  const classWeights = [1, 3];

  it('counts each sample by the weight of its class, and divides by their number', () => {
    // ln 2 = 0.693147 of class 0; ln 4 = 1.386294 of class 1
    expect(meanOf(softmax)).toBeCloseTo((0.693147 + 1.386294) / 2, 5);
    expect(meanOf(softmax, { classWeights })).toBeCloseTo((0.693147 + 3 * 1.386294) / 2, 5);
    expect(meanOf(oneSigmoid, { classWeights })).toBeCloseTo((0.693147 + 3 * 1.386294) / 2, 5);
  });

  it('does so with label smoothing', () => {
    // 0.9 ln 4 + 0.1 ln (4/3) = 1.276433; class 0 as before
    const smooth = { labelSmoothing: 0.2, classWeights };
    expect(meanOf(softmax, smooth)).toBeCloseTo((0.693147 + 3 * 1.276433) / 2, 5);
  });

  it('does so with a sigmoid for each class', () => {
    // class 0: ln 2 of both; class 1: (ln 4 + ln 2) / 2 = 1.039721, for sigmoid(ln 3) = 3/4 should be 0
    expect(meanOf(sigmoids, { classWeights })).toBeCloseTo((0.693147 + 3 * 1.039721) / 2, 5);
  });
});
