import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as loaded from '../../backend/fused';
import { describeOn } from '../engines';
import layers from '../golden/batch-norm.json';
import schedules from '../golden/schedules.json';
import { expectClose, expectNoLeak, random, valuesOf } from '../tensors';

/** The operations under test: a fresh copy of the module where the engine is detected anew. */
let fused = loaded;

type Operation = (...inputs: tf.Tensor[]) => tf.Tensor;

const kernels = [tf.Relu, tf.Relu6, tf.Mean];
const stockGradients = kernels.map((name) => tf.getGradient(name)); // nothing is installed yet

/** The values and gradients that stock TensorFlow.js computes on plain JavaScript. */
async function stock(f: Operation, make: () => tf.Tensor[]): Promise<Float32Array[]> {
  const engine = tf.getBackend();
  const installed = kernels.map((name) => tf.getGradient(name));
  stockGradients.forEach((gradient) => {
    tf.registerGradient(gradient);
  });
  await tf.setBackend('cpu');
  try {
    return valuesOf(() => withGradients(f, make()));
  } finally {
    await tf.setBackend(engine);
    installed.forEach((gradient) => {
      tf.registerGradient(gradient);
    });
  }
}

/** The output of `f` and the gradients of all its inputs, for a random gradient of the output. */
function withGradients(f: Operation, inputs: tf.Tensor[]): tf.Tensor[] {
  const y = f(...inputs);
  return [y, ...tf.grads(f)(inputs, random(y.shape, 99))];
}

async function expectAsStock(
  received: Operation,
  expected: Operation,
  make: () => tf.Tensor[],
): Promise<void> {
  const reference = await stock(expected, make);
  const values = valuesOf(() => withGradients(received, make()));
  values.forEach((value, index) => {
    expectClose(value, reference[index]!);
  });
}

const epsilon = 1e-3;

/** Normalizes with moving averages that start at 0.25 and 0.75 and whose new values go to `moved`. */
function normalize(
  moved: Float32Array[] = [],
  momentum = 0.9,
  start = (gamma: tf.Tensor): tf.Tensor[] =>
    [0.25, 0.75].map((value) => tf.fill(gamma.shape, value)),
  margin = epsilon,
): Operation {
  return (x, gamma, beta) => {
    const [mean, variance] = start(gamma);
    return fused.batchNormalizeTraining({
      x: x,
      gamma: gamma as tf.Tensor1D,
      beta: beta as tf.Tensor1D,
      epsilon: margin,
      momentum,
      moving: { mean: mean!, variance: variance! },
      onMoved: (...averages) => {
        moved.splice(0, 2, ...averages.map((average) => average.dataSync() as Float32Array));
      },
    });
  };
}

const normalizeStock: Operation = (x, gamma, beta) => {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const { mean, variance } = tf.moments(x, axes);
  const normalized = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(normalized, gamma), beta);
};

const normalizationInputs = (shape: number[]) => (): tf.Tensor[] => {
  const channels = [shape.at(-1)!];
  const x = tf.add(tf.mul(random(shape, 1), 3), random(channels, 2));
  return [x, tf.add(random(channels, 3), 1.5), random(channels, 4)];
};

describeOn(['tensorflow', 'wasm', 'cpu'], 'batchNormalizeTraining', () => {
  it.each([[[7, 3]], [[1, 2]], [[4, 5, 3]], [[2, 3, 4, 5]], [[3, 1, 1, 3]], [[3, 2, 2, 1]]])(
    'equals the composite of stock operations for x %j, forward and backward',
    async (shape) => {
      await expectAsStock(normalize(), normalizeStock, normalizationInputs(shape));
    },
  );

  it('moves the averages by the unbiased variance', () => {
    const moved: Float32Array[] = [];
    const x = tf.tensor2d([[1], [2], [6]]); // mean 3, squares 4 + 1 + 9 = 14, unbiased 14 / 2 = 7
    tf.dispose(tf.tidy(() => normalize(moved, 0.9)(x, tf.ones([1]), tf.zeros([1]))));
    x.dispose();
    expectClose(moved[0]!, [0.9 * 0.25 + 0.1 * 3]);
    expectClose(moved[1]!, [0.9 * 0.75 + 0.1 * 7]);
  });

  it.each(layers.batchNorm)("equals PyTorch's layer: $name", (golden) => {
    const moved: Float32Array[] = [];
    const start = (): tf.Tensor[] => [
      tf.tensor1d(golden.runningMean),
      tf.tensor1d(golden.runningVariance),
    ];
    const f = normalize(moved, 1 - golden.momentum, start, golden.epsilon);
    const inputs = (): tf.Tensor[] => [
      tf.tensor(golden.input.values, golden.input.shape),
      tf.tensor1d(golden.gamma),
      tf.tensor1d(golden.beta),
    ];
    const [y, ...gradients] = valuesOf(() => {
      const dy = tf.tensor(golden.outputGradient.values, golden.outputGradient.shape);
      return [f(...inputs()), ...tf.grads(f)(inputs(), dy)];
    });
    expectClose(y!, golden.output.values);
    expectClose(gradients[0]!, golden.inputGradient.values);
    expectClose(gradients[1]!, golden.gammaGradient);
    expectClose(gradients[2]!, golden.betaGradient);
    expectClose(moved[0]!, golden.runningMeanAfter);
    expectClose(moved[1]!, golden.runningVarianceAfter);
  });

  it.each([[[6, 3]], [[2, 3, 3, 2]]])('leaves nothing but y behind for x %j', (shape) => {
    const inputs = normalizationInputs(shape)();
    const averages = [tf.zeros([shape.at(-1)!]), tf.ones([shape.at(-1)!])];
    const f = normalize([], 0.9, () => averages);
    expectNoLeak(() => {
      f(...inputs).dispose();
    });
    expectNoLeak(() => {
      tf.dispose(tf.grads(f)(inputs));
    });
    tf.dispose([inputs, averages]);
  });
});

/** Cross entropy from stock operations. */
function crossEntropyStock(labels: number[], smoothing: number): Operation {
  return (logits) => {
    const classes = logits.shape[1]!;
    const oneHot = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), 'float32');
    const targets = tf.add(tf.mul(oneHot, 1 - smoothing), smoothing / classes);
    return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1));
  };
}

function crossEntropy(labels: number[], smoothing: number): Operation {
  return (logits) =>
    fused.softmaxCrossEntropy(logits as tf.Tensor2D, tf.tensor1d(labels, 'int32'), smoothing);
}

describeOn(['tensorflow', 'wasm', 'cpu'], 'softmaxCrossEntropy', () => {
  it.each([0, 0.1, 0.9])(
    'equals the composite of stock operations, smoothing %d',
    async (smoothing) => {
      const labels = [0, 4, 2, 2, 1, 3];
      const logits = (): tf.Tensor[] => [tf.mul(random([6, 5]), 4)];
      const reference = crossEntropyStock(labels, smoothing);
      await expectAsStock(crossEntropy(labels, smoothing), reference, logits);
    },
  );

  it.each(schedules.crossEntropy.cases)("equals PyTorch's loss: $name", (golden) => {
    const losses = crossEntropy(golden.labels, golden.smoothing);
    const mean: Operation = (logits) => tf.mean(losses(logits));
    const [perSample, average, gradient] = valuesOf(() => {
      const logits = tf.tensor2d(golden.logits);
      return [losses(logits), mean(logits), tf.grad(mean)(logits)];
    });
    expectClose(perSample!, golden.losses);
    expectClose(average!, [golden.mean]);
    expectClose(gradient!, golden.meanGradient.flat());
  });

  it.each([0, 0.1])('stays finite for logits of a thousand, smoothing %d', (smoothing) => {
    const f = crossEntropy([0, 1], smoothing);
    const [losses, gradient] = valuesOf(() => {
      const logits = tf.tensor2d([[1000, -1000], [1000, -1000]]); // prettier-ignore
      return [f(logits), tf.grad(f)(logits)];
    });
    // The second sample is wrong by 2000 nats; smoothing moves half its share to the other class.
    expectClose(losses!, [2000 * (smoothing / 2), 2000 * (1 - smoothing / 2)]);
    expectClose(gradient!, [smoothing / 2, -smoothing / 2, 1 - smoothing / 2, smoothing / 2 - 1]);
  });

  it.each([0, 0.1])('leaves nothing but the losses behind, smoothing %d', (smoothing) => {
    const logits = random([3, 4]) as tf.Tensor2D;
    const labels = tf.tensor1d([0, 3, 1], 'int32');
    const f = (values: tf.Tensor): tf.Tensor =>
      fused.softmaxCrossEntropy(values as tf.Tensor2D, labels, smoothing);
    expectNoLeak(() => {
      f(logits).dispose();
    });
    expectNoLeak(() => {
      tf.grad(f)(logits).dispose();
    });
    tf.dispose([logits, labels]);
  });
});

describeOn(['tensorflow', 'wasm', 'cpu'], 'the gradient', () => {
  beforeEach(() => {
    fused.installFusedGradients(); // plain JavaScript does not by itself
  });

  const mean: Operation = (x) => tf.mean(x);
  const edges = (): tf.Tensor[] => [tf.tensor2d([[-1, 0, 1e-3], [5.5, 6.5, -0]])]; // prettier-ignore
  const images = (): tf.Tensor[] => [tf.mul(random([2, 3, 4, 5]), 9)];

  it.each([['edge', edges], ['random', images]] as const)('of relu is stock at %s values', async (_, x) => {
    await expectAsStock(tf.relu, tf.relu, x);
  }); // prettier-ignore

  it.each([['edge', edges], ['random', images]] as const)('of relu6 is stock at %s values', async (_, x) => {
    await expectAsStock(tf.relu6, tf.relu6, x);
  }); // prettier-ignore

  it('of relu6 is 0 at 6, as in TensorFlow and PyTorch', () => {
    const [gradient] = valuesOf(() => [tf.grad((x) => tf.relu6(x))(tf.tensor1d([5.9, 6, 6.1]))]);
    expect([...gradient!]).toEqual([1, 0, 0]);
  });

  it.each([
    [undefined, false],
    [undefined, true],
    [0, false],
    [-1, true],
    [[1, 2], false],
    [[1, 2], true],
    [[0, 1, 2], false],
    [[-1, 0], true],
  ])('of mean over axis %j, keepDims %s, is stock', async (axis, keepDims) => {
    const f: Operation = (x) => tf.mean(x, axis, keepDims);
    await expectAsStock(f, f, images);
  });

  it('of mean is stock for a vector and where a size is one', async () => {
    await expectAsStock(mean, mean, () => [random([7])]);
    const f: Operation = (x) => tf.mean(x, [1, 2]);
    await expectAsStock(f, f, () => [random([2, 1, 3, 1])]);
  });

  it.each(layers.pooling.filter(({ kind }) => kind === 'global-average'))(
    "of mean equals PyTorch's $name",
    ({ input, outputGradient, inputGradient }) => {
      const [gradient] = valuesOf(() => [
        tf.grad((x) => tf.mean(x, [1, 2], true))(
          tf.tensor(input.values, input.shape),
          tf.tensor(outputGradient.values, outputGradient.shape),
        ),
      ]);
      expectClose(gradient!, inputGradient.values);
    },
  );

  it('leaves nothing behind', () => {
    const [x] = images();
    const all: Operation = (value) => tf.mean(tf.relu6(tf.relu(value)), [1, 2]);
    expectNoLeak(() => {
      tf.grad(all)(x!).dispose();
    });
    x!.dispose();
  });
});

interface NativeBackend {
  executeMultipleOutputs(operation: string, ...rest: unknown[]): tf.Tensor[];
}

describeOn(['tensorflow'], 'an operation that the library lacks', () => {
  const mean: Operation = (x) => tf.mean(x);
  const logits = (): tf.Tensor[] => [random([6, 5])];
  const images = normalizationInputs([2, 3, 4, 5]);
  const labels = [0, 4, 2, 2, 1, 3];

  const cases: [string, string, Operation, Operation, () => tf.Tensor[]][] = [
    ['FusedBatchNormV3', 'forward', normalize(), normalizeStock, images],
    ['FusedBatchNormGradV3', 'backward', normalize(), normalizeStock, images],
    ['SparseSoftmaxCrossEntropyWithLogits', '', crossEntropy(labels, 0), crossEntropyStock(labels, 0), logits],
    ['SoftmaxCrossEntropyWithLogits', '', crossEntropy(labels, 0.1), crossEntropyStock(labels, 0.1), logits],
    ['ReluGrad', '', tf.relu, tf.relu, logits],
    ['Relu6Grad', '', tf.relu6, tf.relu6, logits],
    ['BroadcastTo', '', mean, mean, logits],
  ]; // prettier-ignore

  let installed: tf.GradConfig[];
  beforeEach(() => {
    installed = kernels.map((name) => tf.getGradient(name));
  });
  afterEach(() => {
    delete (tf.backend() as Partial<NativeBackend>).executeMultipleOutputs; // the class's own is back
    installed.forEach((gradient) => {
      tf.registerGradient(gradient);
    });
    fused = loaded;
  });

  it.each(cases)('%s %s falls back to the composite', async (missing, _, f, reference, make) => {
    const backend = tf.backend() as unknown as NativeBackend;
    const execute = backend.executeMultipleOutputs.bind(backend);
    const asked: string[] = [];
    backend.executeMultipleOutputs = (operation, ...rest) => {
      asked.push(operation);
      if (operation === missing) throw new Error(`no operation is named ${operation}`);
      return execute(operation, ...rest);
    };
    vi.resetModules();
    fused = await import('../../backend/fused/index.js');
    fused.installFusedGradients();
    await expectAsStock(f, reference, make);
    expect(asked.filter((operation) => operation === missing)).toHaveLength(1); // the probe
  });
});

describe('a gradient', () => {
  it('is installed once', () => {
    fused.installFusedGradients();
    const before = tf.getGradient(tf.Relu);
    fused.installFusedGradients();
    expect(tf.getGradient(tf.Relu)).toBe(before);
  });
});
