import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { softmaxCrossEntropy } from '../../../backend/fused';
import type { ChannelGraph } from '../../../graph';
import { Network } from '../../../graph';
import { setMasks, weightsByName } from '../../../layers';
import { Methodology, NormFilter } from '../../../methods';
import type { KernelReader } from '../../../methods';
import { l1Norm } from '../../../methods/l1-norm';
import { penaltyOf } from '../../../trainer/step/loss';
import type { LossTerm } from '../../../trainer/step/loss';
import { Sgd } from '../../../trainer/step/optimizer';
import { EagerStep } from '../../../trainer/step/eager-step';
import { describeOn, quickest } from '../../engines';
import golden from '../../golden/distillation.json';
import { expectClose, random, valuesOf } from '../../tensors';
import { lossAndGradients } from '../fixtures/recorder';
import { SIZE, toyModel } from '../fixtures/toy-run';
import type { LabelledBatch } from '../../../data';

/** Adds `factor` times the sum of the magnitudes of bn0's scales. */
class ScalePenalty extends Methodology {
  constructor(private readonly factor: number) {
    super();
  }
  protected override score(kernel: tf.Tensor): tf.Tensor {
    return tf.sum(tf.abs(kernel), [0, 1, 2]);
  }
  override penalty(_graph: ChannelGraph, read: KernelReader): tf.Scalar {
    return tf.mul<tf.Scalar>(l1Norm([read('bn0/gamma')]), this.factor);
  }
}

const { l1Penalty } = golden;

describeOn(['cpu', 'tensorflow', 'wasm'], 'the L1 norm', () => {
  const penalty = (...weights: tf.Tensor[]): tf.Scalar => tf.mul(l1Norm(weights), l1Penalty.factor);

  it('has the value and gradient that PyTorch computes: 0 at 0', () => {
    const { weights, gradients, loss } = l1Penalty;
    const [value, ...slopes] = valuesOf(() => {
      const tensors = weights.map((all) => tf.tensor1d(all));
      return [penalty(...tensors), ...tf.grads(penalty)(tensors)];
    });
    expectClose(value!, [loss]);
    gradients.forEach((expected, index) => {
      expectClose(slopes[index]!, expected);
    });
    expect(Math.abs(slopes[0]![2]!)).toBe(0); // of either sign
  });

  it('is not left to tf.abs, whose gradient at 0 is -1', () => {
    const [slope] = valuesOf(() => [tf.grad((x) => tf.sum(tf.abs(x)))(tf.tensor1d([0, 2]))]);
    expect([...slope!]).toEqual([-1, 1]);
  });

  it('is 0 of no weights, and takes any shapes', () => {
    const [none, some] = valuesOf(() => [l1Norm([]), l1Norm([tf.ones([2, 3]), tf.scalar(-2)])]);
    expect([none![0], some![0]]).toEqual([0, 8]);
  });
});

describeOn([quickest], 'the loss of a step', () => {
  let model: tf.LayersModel;
  let batch: LabelledBatch;
  beforeEach(() => {
    model = toyModel(1);
    const labels = tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32');
    batch = { images: random([6, SIZE, SIZE, 1], 5), labels };
  });
  afterEach(() => {
    model.dispose();
    tf.dispose([batch.images, batch.labels]);
  });

  const magnitude: LossTerm = {
    onBatch: () => (context) => tf.mul(tf.mean(tf.square(context.logits)), 0.1),
  };

  it('is the cross entropy alone without terms, bit for bit', () => {
    const variables = model.trainableWeights.map(
      (weight) => weight.read() as unknown as tf.Variable,
    );
    const { value, grads } = tf.variableGrads(() => {
      const logits = model.apply(batch.images, { training: true }) as tf.Tensor2D;
      return tf.mean(softmaxCrossEntropy(logits, batch.labels, 0.1));
    }, variables);
    const { loss, gradients } = lossAndGradients(model, batch, { labelSmoothing: 0.1 });
    expect(loss).toBe(value.dataSync()[0]);
    const names = [...weightsByName(model)].filter(([name]) => gradients.has(name));
    expect(names).toHaveLength(variables.length);
    for (const [name, weight] of names) {
      const own = grads[(weight.read() as unknown as tf.Variable).name]!;
      expect(gradients.get(name), name).toEqual(Float32Array.from(own.dataSync()));
    }
    tf.dispose([value, grads]);
  });

  it('adds its terms, and keeps the share of the cross entropy that they leave', () => {
    const plain = lossAndGradients(model, batch, {});
    const added = lossAndGradients(model, batch, { terms: [magnitude] });
    const both = lossAndGradients(model, batch, {
      terms: [
        { ...magnitude, crossEntropyShare: 0.5 },
        { ...magnitude, crossEntropyShare: 0.8 },
      ],
    });
    const term = added.loss - plain.loss;
    expect(term).toBeGreaterThan(0.01);
    expect(both.loss).toBeCloseTo(0.4 * plain.loss + 2 * term, 5);
    const kernels = [plain, added, both].map(({ gradients }) => gradients.get('head/kernel')!);
    expectClose(
      kernels[2]!,
      kernels[0]!.map((own, at) => 0.4 * own + 2 * (kernels[1]![at]! - own)),
      1e-4,
    );
  });

  it('shows a term the batch and the logits of the network', () => {
    const seen: LossTerm = {
      onBatch: ({ images, labels }) => {
        expect([images, labels]).toEqual([batch.images, batch.labels]);
        return (context) => {
          expect(context).toMatchObject({ images: batch.images, labels: batch.labels });
          expect(context.model).toBe(model);
          expect(context.logits.shape).toEqual([6, 3]);
          return tf.scalar(1);
        };
      },
    };
    const plain = lossAndGradients(model, batch, {});
    const shown = lossAndGradients(model, batch, { terms: [seen] });
    expect(shown.loss).toBeCloseTo(plain.loss + 1, 5);
    expect(shown.gradients).toEqual(plain.gradients);
  });

  it('takes what a term makes before the tape for a constant, and frees it', () => {
    const scale = weightsByName(model).get('bn0/gamma')!;
    const constant: LossTerm = {
      onBatch: () => {
        const sum = tf.sum<tf.Scalar>(tf.square(scale.read()));
        return () => tf.mul(sum, 3);
      },
    };
    const plain = lossAndGradients(model, batch, {});
    const before = tf.memory().numTensors;
    const added = lossAndGradients(model, batch, { terms: [constant] });
    expect(tf.memory().numTensors).toBe(before);
    expect(added.loss).toBeGreaterThan(plain.loss + 1);
    expect(added.gradients).toEqual(plain.gradients);
  });

  it('weighs the gradient of each class, and of the cross entropy alone', () => {
    const gradientOf = (classWeights?: number[], terms: LossTerm[] = []): Float32Array =>
      lossAndGradients(model, batch, { classWeights, terms, labelSmoothing: 0.1 }).gradients.get(
        'head/kernel',
      )!;
    const plain = gradientOf();
    expectClose(gradientOf([1, 1, 1]), plain, 1e-6);
    const [first, last] = [gradientOf([2, 1, 1]), gradientOf([1, 1, 2])];
    const expected = plain.map((own, at) => own + 2 * (first[at]! - own) + 0.5 * (last[at]! - own));
    expectClose(gradientOf([3, 1, 1.5]), expected, 1e-5);
    const half = { ...magnitude, crossEntropyShare: 0.5 };
    const term = gradientOf(undefined, [half]).map((all, at) => all - 0.5 * plain[at]!);
    const both = expected.map((own, at) => 0.5 * own + term[at]!);
    expectClose(gradientOf([3, 1, 1.5], [half]), both, 1e-5);
  });

  it.each([-0.1, 1.1, Number.NaN])('refuses a share of %d', (crossEntropyShare) => {
    const terms = [{ ...magnitude, crossEntropyShare }];
    expect(() => new EagerStep(model, new Sgd(), { terms })).toThrow(
      `crossEntropyShare of a term must be in [0, 1], got ${crossEntropyShare}`,
    );
  });

  describe('with the penalty of a method', () => {
    const factor = 0.03;
    let network: Network;
    beforeEach(() => {
      network = Network.of(model);
      tf.tidy(() => {
        weightsByName(model)
          .get('bn0/gamma')!
          .write(tf.tensor1d([0.5, -0.25, 2, 1]));
      });
    });
    const termOf = (): LossTerm => penaltyOf(new ScalePenalty(factor), network)!;

    it('adds nothing where the method adds nothing', () => {
      expect(penaltyOf(new NormFilter(), network)).toBeNull();
    });

    it('pulls each scale towards zero by the factor', () => {
      const plain = lossAndGradients(model, batch, {});
      const pulled = lossAndGradients(model, batch, { terms: [termOf()] });
      expect(pulled.loss).toBeCloseTo(plain.loss + factor * 3.75, 5); // 0.5 + 0.25 + 2 + 1
      const [own, all] = [plain, pulled].map(({ gradients }) => gradients.get('bn0/gamma')!);
      [factor, -factor, factor, factor].forEach((pull, channel) => {
        expect(all![channel]! - own![channel]!).toBeCloseTo(pull, 6);
      });
      expect(pulled.gradients.get('bn1/gamma')).toEqual(plain.gradients.get('bn1/gamma'));
    });

    it('counts nothing of what is masked, and does not move it', () => {
      setMasks(model, new Map([['bn0', { outputs: Uint8Array.from([1, 0, 0, 1]) }]]));
      const plain = lossAndGradients(model, batch, {});
      const pulled = lossAndGradients(model, batch, { terms: [termOf()] });
      expect(pulled.loss).toBeCloseTo(plain.loss + factor * 1.5, 5); // 0.5 + 1
      const gradient = pulled.gradients.get('bn0/gamma')!;
      const isStill = [...gradient].map((slope) => slope === 0); // of either sign
      expect(isStill).toEqual([false, true, true, false]);
    });

    it('leaves no tensor behind', () => {
      const step = new EagerStep(model, new Sgd({ momentum: 0.9 }), { terms: [termOf()] });
      step.run(batch, 0.05).dispose();
      const before = tf.memory().numTensors;
      for (let index = 0; index < 20; index++) step.run(batch, 0.05).dispose();
      expect(tf.memory().numTensors).toBe(before);
    });
  });
});
