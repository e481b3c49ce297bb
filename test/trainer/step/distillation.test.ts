import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { weightsByName, weightsHash } from '../../../layers';
import { distillationLoss } from '../../../backend/fused';
import { Distillation } from '../../../trainer/step/distillation';
import { Sgd } from '../../../trainer/step/optimizer';
import { EagerStep } from '../../../trainer/step/eager-step';
import { describeOn } from '../../engines';
import golden from '../../golden/distillation.json';
import { expectClose, random } from '../../tensors';
import { lossAndGradients } from '../fixtures/recorder';
import { CLASSES, SIZE, toyModel } from '../fixtures/toy-run';
import type { LabelledBatch } from '../../../data';
import { OptionError } from '../../../errors';

const { cases } = golden.distillation;

/** Answers a half of its input, 2 x classes numbers, as its logits. */
function half(classes: number, part: 'first' | 'second'): tf.LayersModel {
  const layer = tf.layers.dense({ units: classes, useBias: false, inputShape: [2 * classes] });
  const model = tf.sequential({ layers: [layer] });
  tf.tidy(() => {
    const [own, other] = [tf.eye(classes), tf.zeros([classes, classes])];
    layer.setWeights([tf.concat(part === 'first' ? [own, other] : [other, own])]);
  });
  return model;
}

function toyBatch(): LabelledBatch {
  const labels = [0, 1, 2, 0, 1, 2, 2, 1];
  return {
    images: random([labels.length, SIZE, SIZE, 1], 5),
    labels: tf.tensor1d(labels, 'int32'),
  };
}

/** The loss of the toy network under a teacher, with its gradients. */
function toyReference(): ReturnType<typeof lossAndGradients> {
  const [model, teacher, batch] = [toyModel(1), toyModel(2), toyBatch()];
  const terms = [new Distillation(teacher)];
  const result = lossAndGradients(model, batch, { terms });
  tf.dispose([batch.images, batch.labels]);
  model.dispose();
  teacher.dispose();
  return result;
}

let reference: ReturnType<typeof lossAndGradients>; // of plain JavaScript
beforeAll(async () => {
  await startEngine('cpu');
  reference = toyReference();
});

describeOn(['cpu', 'tensorflow', 'wasm'], 'distillation', () => {
  let model: tf.LayersModel;
  let teacher: tf.LayersModel;
  let batch: LabelledBatch;
  beforeEach(() => {
    [model, teacher, batch] = [toyModel(1), toyModel(2), toyBatch()];
  });
  afterEach(() => {
    tf.dispose([batch.images, batch.labels]);
    model.dispose();
    teacher.dispose();
  });

  it.each(cases)(
    'has the loss and gradient that PyTorch computes: $name',
    ({ student, teacher: answers, labels, perSample, weight, temperature, smoothing, ...expected }) => {
      const each = tf.tidy(() =>
        distillationLoss(tf.tensor2d(student), tf.tensor2d(answers), temperature),
      );
      expectClose(each.dataSync(), perSample);
      each.dispose();
      const classes = student[0]!.length;
      const images = student.map((row, index) => [...row, ...answers[index]!]);
      const data = { images: tf.tensor2d(images), labels: tf.tensor1d(labels, 'int32') };
      const [learner, knower] = [half(classes, 'first'), half(classes, 'second')];
      const terms = [new Distillation(knower, { weight, temperature })];
      const { loss, gradients } = lossAndGradients(learner, data, { terms, labelSmoothing: smoothing });
      expectClose([loss], [expected.loss]);
      // By the kernel [2 x classes, classes]: image^T times the gradient by the logits.
      const byKernel = Array.from({ length: 2 * classes }, (_, input) =>
        Array.from({ length: classes }, (_class, output) =>
          images.reduce((sum, row, sample) => sum + row[input]! * expected.gradient[sample]![output]!, 0),
        ),
      );
      expectClose([...gradients.values()][0]!, byKernel.flat());
      tf.dispose([data.images, data.labels]);
      learner.dispose();
      knower.dispose();
    },
  ); // prettier-ignore

  it('gives a whole network the loss and gradients of plain JavaScript', () => {
    const { loss, gradients } = toyReference();
    expectClose([loss], [reference.loss]);
    const largest = Math.max(
      ...[...reference.gradients.values()].flatMap((all) => [...all].map(Math.abs)),
    );
    for (const [name, expected] of reference.gradients) {
      // Sums cancel in some: what counts is the size of the others.
      expectClose([largest, ...gradients.get(name)!], [largest, ...expected], 1e-4);
    }
  });

  it('compares with what the teacher answers in inference, on the same images', () => {
    const weight = 1;
    const { loss } = lossAndGradients(model, batch, {
      terms: [new Distillation(teacher, { weight })],
    });
    const expected = tf.tidy(() => {
      const answers = teacher.predict(batch.images) as tf.Tensor2D;
      const logits = model.apply(batch.images, { training: true }) as tf.Tensor2D;
      return tf.mean(distillationLoss(logits, answers, 4));
    });
    expectClose([loss], expected.dataSync());
    expected.dispose();
  });

  it('leaves the teacher as it was, and no tensor behind', () => {
    const step = new EagerStep(model, new Sgd({ momentum: 0.9 }), {
      terms: [new Distillation(teacher)],
    });
    const hashes = [weightsHash(teacher), weightsHash(model)];
    step.run(batch, 0.05).dispose();
    const before = tf.memory().numTensors;
    for (let index = 0; index < 20; index++) step.run(batch, 0.05).dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(weightsHash(teacher)).toBe(hashes[0]);
    expect(weightsHash(model)).not.toBe(hashes[1]);
  });

  it('reads nothing to the host in a step', () => {
    const step = new EagerStep(model, new Sgd({ momentum: 0.9 }), {
      terms: [new Distillation(teacher)],
    });
    step.run(batch, 0.05).dispose(); // which looks into the masks once
    const backend = tf.backend();
    const read = vi.spyOn(backend, 'readSync');
    const loss = step.run(batch, 0.05);
    const reads = read.mock.calls.length;
    loss.dataSync();
    expect([reads, read.mock.calls.length]).toEqual([0, 1]); // the second: a read is seen
    read.mockRestore();
    loss.dispose();
  });

  it('draws the network to its teacher', () => {
    const terms = [new Distillation(teacher, { weight: 1, temperature: 2 })];
    const step = new EagerStep(model, new Sgd({ momentum: 0.9 }), { terms });
    const losses = Array.from({ length: 30 }, () => {
      const loss = step.run(batch, 0.05);
      const [value] = loss.dataSync();
      loss.dispose();
      return value!;
    });
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 4);
  });

  it('reads a teacher that ends in a softmax as one that ends in its logits', () => {
    const input = tf.input({ shape: [SIZE, SIZE, 1] });
    const probabilities = tf.layers.softmax().apply(teacher.apply(input)) as tf.SymbolicTensor;
    const twin = tf.model({ inputs: input, outputs: probabilities });
    const [first, second] = [teacher, twin].map((one) =>
      lossAndGradients(model, batch, { terms: [new Distillation(one)] }),
    );
    expectClose([second!.loss], [first!.loss]);
    for (const [name, gradient] of first!.gradients) {
      expectClose([1, ...second!.gradients.get(name)!], [1, ...gradient]);
    }
  });
});

describe('distillation', () => {
  it('has the gradient of its loss (central differences)', async () => {
    await startEngine('cpu');
    const [model, teacher, batch] = [toyModel(1), toyModel(2), toyBatch()];
    const options = { terms: [new Distillation(teacher, { weight: 0.8, temperature: 3 })] };
    const { gradients } = lossAndGradients(model, batch, options);
    const eps = 1e-2; // float32 losses of about 1 leave 1e-7 / eps of noise
    for (const name of ['conv0/kernel', 'bn1/gamma', 'head/kernel', 'head/bias']) {
      const weight = weightsByName(model).get(name)!;
      const value = weight.read().clone();
      const gradient = gradients.get(name)!;
      const norm = Math.hypot(...gradient); // the slope of the loss along the gradient
      const direction = tf.tensor(
        gradient.map((one) => one / norm),
        value.shape,
      );
      const losses = [eps, -eps].map((size) => {
        tf.tidy(() => {
          weight.write(tf.add(value, tf.mul(direction, size)));
        });
        return lossAndGradients(model, batch, options).loss;
      });
      weight.write(value);
      const slope = (losses[0]! - losses[1]!) / (2 * eps);
      expect(slope / norm, name).toBeGreaterThan(0.99);
      expect(slope / norm, name).toBeLessThan(1.01);
      tf.dispose([value, direction]);
    }
  });

  it.each([
    [{ weight: 0 }, 'weight of the distillation must be in (0, 1], got 0'],
    [{ weight: 1.1 }, 'weight of the distillation must be in (0, 1], got 1.1'],
    [{ weight: Number.NaN }, 'weight of the distillation must be in (0, 1], got NaN'],
    [{ temperature: 0 }, 'temperature must be above 0 and finite, got 0'],
    [{ temperature: Infinity }, 'temperature must be above 0 and finite, got Infinity'],
  ])('refuses %o', (options, message) => {
    const teacher = toyModel(2);
    const make = (): unknown => new Distillation(teacher, options);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
    teacher.dispose();
  });

  it('knows a teacher by its weights', () => {
    const [one, same, other] = [toyModel(1), toyModel(1), toyModel(2)];
    expect(weightsHash(one)).toMatch(/^[0-9a-f]{64}$/);
    expect(weightsHash(same)).toBe(weightsHash(one));
    expect(weightsHash(other)).not.toBe(weightsHash(one));
    tf.tidy(() => {
      weightsByName(other)
        .get('head/bias')!
        .write(tf.fill([CLASSES], NaN));
    });
    expect(() => weightsHash(other)).toThrow(/head\/bias.*must be finite/);
    for (const model of [one, same, other]) model.dispose();
  });
});
