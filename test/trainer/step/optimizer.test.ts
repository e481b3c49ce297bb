import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Adam, Sgd } from '../../../trainer/step/optimizer';
import type { Optimizer } from '../../../trainer/step/optimizer';
import { describeOn } from '../../engines';
import golden from '../../golden/schedules.json';
import { expectClose, random } from '../../tensors';
import { OptionError } from '../../../errors';

/** Weights by name, as a model has them. */
class Weights {
  readonly byName: Map<string, tf.LayerVariable>;
  private readonly model: tf.LayersModel;

  constructor(...names: string[]) {
    const layers = names.map((name, index) =>
      tf.layers.dense({
        name,
        units: 5,
        useBias: false,
        kernelInitializer: 'zeros',
        ...(index === 0 ? { inputShape: [1] } : {}),
      }),
    );
    this.model = tf.sequential({ layers });
    this.byName = new Map(layers.map(({ name, weights }) => [name, weights[0]!]));
  }

  set(name: string, values: number[]): void {
    const weight = this.byName.get(name)!;
    const value = tf.tensor(values, weight.shape as number[]);
    weight.write(value);
    value.dispose();
  }

  get(name: string): number[] {
    return [...this.byName.get(name)!.read().dataSync()];
  }

  all(): number[][] {
    return [...this.byName.keys()].map((name) => this.get(name));
  }

  dispose(): void {
    this.model.dispose();
  }
}

/** One step with these gradients, in the order in which they are named. */
function step(
  optimizer: Optimizer,
  weights: Weights,
  gradients: Record<string, tf.Tensor>,
  learningRate: number,
): void {
  const names = Object.keys(gradients);
  optimizer.apply(
    new Map(names.map((name) => [name, weights.byName.get(name)!])),
    new Map(Object.entries(gradients)),
    learningRate,
  );
}

interface GoldenCase {
  readonly name: string;
  readonly weightDecay: number;
  readonly momentum?: number | undefined;
  readonly nesterov?: boolean | undefined;
  readonly beta1?: number | undefined;
  readonly beta2?: number | undefined;
  readonly epsilon?: number | undefined;
}

/** The optimizer of a golden case; null for Adam with coupled decay, which is not offered. */
function optimizerOf(golden: GoldenCase): Optimizer | null {
  const { name, weightDecay, momentum, nesterov, beta1, beta2, epsilon } = golden;
  if (momentum !== undefined) return new Sgd({ momentum, nesterov: nesterov!, weightDecay });
  if (name === 'adam-weight-decay') return null;
  return new Adam({ beta1: beta1!, beta2: beta2!, epsilon: epsilon!, weightDecay });
}

/** The slots of the golden file by our names. */
const slotNames: Record<string, Record<string, string>> = {
  Sgd: { v: 'velocity' },
  Adam: { m: 'mean', v: 'square' },
};

const { start, gradients, cases } = golden.optimizers;
const offered = cases.filter((one) => optimizerOf(one) !== null);

describeOn(['cpu', 'tensorflow'], 'optimizers', () => {
  it.each(offered)("take PyTorch's steps: $name", (one) => {
    const optimizer = optimizerOf(one)!;
    const weights = new Weights('w');
    weights.set('w', start);
    one.steps.forEach((expected, index) => {
      const gradient = tf.tensor(gradients[index]!, [1, 5]);
      step(optimizer, weights, { w: gradient }, expected.lr);
      gradient.dispose();
      expectEach(weights.get('w'), expected.weights);
      for (const [short, values] of Object.entries(expected.slots)) {
        const slot = slotNames[optimizer.constructor.name]![short]!;
        expectEach([...optimizer.slots.get(`${slot}/w`)!.dataSync()], values as number[]);
      }
      expect(optimizer.steps).toBe(index + 1);
    });
    optimizer.dispose();
    weights.dispose();
  });

  it('covers all of the golden cases but one', () => {
    expect(offered).toHaveLength(cases.length - 1);
  });
});

/** Every value alone within 1e-5 of its own size: a few float32 roundings. */
function expectEach(received: number[], expected: number[]): void {
  expected.forEach((value, index) => {
    const difference = Math.abs(received[index]! - value);
    expect(difference).toBeLessThanOrEqual(1e-5 * Math.abs(value) + 1e-9);
  });
}

const makers: Record<string, () => Optimizer> = {
  'sgd without momentum': () => new Sgd({ weightDecay: 0.01 }),
  'sgd with momentum': () => new Sgd({ momentum: 0.9 }),
  'sgd by nesterov with decay': () => new Sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  adam: () => new Adam(),
  adamw: () => new Adam({ weightDecay: 0.1 }),
};

describeOn(['cpu', 'tensorflow'], 'an optimizer', () => {
  let weights: Weights;
  let optimizer: Optimizer;
  beforeEach(() => {
    weights = new Weights('a', 'b');
  });
  afterEach(() => {
    optimizer.dispose();
    weights.dispose();
  });

  const gradientOf = (name: string, index: number): tf.Tensor =>
    random(name === 'a' ? [1, 5] : [5, 5], 10 * index + name.length + name.charCodeAt(0));

  function train(steps: readonly number[], names: readonly string[] = ['a', 'b']): void {
    for (const index of steps) {
      const named = Object.fromEntries(names.map((name) => [name, gradientOf(name, index)]));
      step(optimizer, weights, named, 0.1);
      tf.dispose(named);
    }
  }

  function result(): number[][] {
    return [
      ...weights.all(),
      ...[...optimizer.slots].sort().map(([, slot]) => [...slot.dataSync()]),
    ];
  }

  it.each(Object.entries(makers))('finds its slots whatever the order of the weights: %s', (_, make) => {
    optimizer = make();
    train([0, 1, 2]);
    const expected = result();
    optimizer.dispose();
    weights.dispose();
    weights = new Weights('a', 'b');
    optimizer = make();
    train([0]);
    train([1], ['b', 'a']);
    train([2]);
    expect(result()).toEqual(expected);
  }); // prettier-ignore

  it.each(Object.entries(makers))('leaves a weight without gradient alone: %s', (_, make) => {
    optimizer = make();
    train([0, 1]);
    const [before, slots] = [weights.get('b'), optimizer.slots.get('velocity/b')?.dataSync()];
    train([2], ['a']);
    expect(weights.get('b')).toEqual(before);
    expect(optimizer.slots.get('velocity/b')?.dataSync()).toEqual(slots);
  });

  it.each(Object.entries(makers))('goes on bit for bit after restore: %s', (_, make) => {
    optimizer = make();
    train([0, 1, 2]);
    const slots = new Map([...optimizer.slots].map(([name, slot]) => [name, [...slot.dataSync()]]));
    const shapes = new Map([...optimizer.slots].map(([name, slot]) => [name, slot.shape]));
    const { steps } = optimizer;
    const values = weights.all();
    train([3, 4]);
    const expected = result();

    optimizer.dispose();
    optimizer = make();
    weights.set('a', values[0]!);
    weights.set('b', values[1]!);
    tf.tidy(() => {
      // The optimizer takes the tensors over, even those of a tidy.
      const restored = [...slots].map(
        ([name, slot]) => [name, tf.tensor(slot, shapes.get(name))] as const,
      );
      optimizer.restore({ slots: new Map(restored), steps });
    });
    expect(optimizer.steps).toBe(3);
    train([3, 4]);
    expect(result()).toEqual(expected);
  });

  it.each(Object.entries(makers))('leaves no tensor behind: %s', (_, make) => {
    optimizer = make();
    const before = tf.memory().numTensors;
    train([0]);
    expect(tf.memory().numTensors).toBe(before + optimizer.slots.size);
    train([1, 2, 3]);
    expect(tf.memory().numTensors).toBe(before + optimizer.slots.size);
    optimizer.restore({ slots: new Map(), steps: 0 });
    expect(tf.memory().numTensors).toBe(before);
    expect(optimizer.slots.size).toBe(0);
  });

  it('masks all slots of one weight, in a tidy too', () => {
    optimizer = new Adam();
    train([0, 1]);
    const before = new Map(
      [...optimizer.slots].map(([name, slot]) => [name, [...slot.dataSync()]]),
    );
    const tensors = tf.memory().numTensors;
    tf.tidy(() => {
      optimizer.mask('a', tf.tensor2d([[1, 0, 1, 0, 1]]));
    });
    expect(tf.memory().numTensors).toBe(tensors);
    for (const [name, values] of before) {
      const expected = values.map((value, index) =>
        name.endsWith('/a') && index % 2 === 1 ? 0 : value,
      );
      expect([...optimizer.slots.get(name)!.dataSync()].map((value) => value + 0)).toEqual(
        expected,
      );
    }
    train([2]);
  });

  it('corrects the bias of every weight by the steps of the whole run', () => {
    optimizer = new Adam();
    train([0], ['a']);
    train([1]); // b starts at step 2: m' = 0.1 g / (1 - 0.81), v' = 0.001 g^2 / (1 - 0.998001)
    const ratio = 0.1 / 0.19 / Math.sqrt(0.001 / 0.001999);
    const expected = [...gradientOf('b', 1).dataSync()].map(
      (value) => -0.1 * ratio * Math.sign(value),
    );
    expectClose(weights.get('b'), expected, 1e-4);
  });
});

describe('an optimizer refuses', () => {
  it.each([
    [() => new Sgd({ momentum: 1 }), 'momentum must be in [0, 1), got 1'],
    [() => new Sgd({ momentum: Number.NaN }), 'momentum must be in [0, 1), got NaN'],
    [() => new Sgd({ weightDecay: -1 }), 'weightDecay must be 0 or more, got -1'],
    [() => new Sgd({ nesterov: true }), 'nesterov needs a momentum above 0, got 0'],
    [() => new Adam({ beta1: 1 }), 'beta1 must be in [0, 1), got 1'],
    [() => new Adam({ beta2: -0.1 }), 'beta2 must be in [0, 1), got -0.1'],
    [() => new Adam({ weightDecay: Number.NaN }), 'weightDecay must be 0 or more, got NaN'],
    [() => new Adam({ epsilon: -1e-8 }), 'epsilon must be 0 or more, got -1e-8'],
  ])('%s', (make, message) => {
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });
});
