import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RandomStream } from '../../random/seeds';
import { batchNormalizeTraining } from '../../backend/fused';
import { batchNormForward } from '../../backend/fused/normalized-batch';
import { installWasmKernels } from '../../backend/wasm';

/** A training batch norm whose moving averages go nowhere. */
function normalized(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  return tf.tidy(() =>
    batchNormalizeTraining({
      x,
      gamma: gamma as tf.Tensor1D,
      beta: beta as tf.Tensor1D,
      epsilon: 1e-3,
      momentum: 0.9,
      moving: { mean: tf.zerosLike(gamma), variance: tf.onesLike(gamma) },
      onMoved: () => undefined,
    }),
  );
}

/** Largest difference over largest magnitude: float32 sums of some hundred terms, in other orders. */
const tolerance = 1e-5;

type Make = () => tf.Tensor[];

interface Values {
  readonly shape: number[];
  readonly values: Float32Array;
}

async function on(backend: string, make: Make): Promise<Values[]> {
  await tf.setBackend(backend);
  const tensors = tf.tidy(make);
  const results = tensors.map((tensor) => ({
    shape: tensor.shape,
    values: Float32Array.from(tensor.dataSync()),
  }));
  tf.dispose(tensors);
  return results;
}

/** Runs `make` on both backends and compares every tensor it returns. */
async function expectSame(make: Make): Promise<void> {
  const expected = await on('cpu', make);
  const received = await on('wasm', make);
  expect(received.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  expected.forEach(({ values }, index) => {
    expectClose(received[index]!.values, values);
  });
}

function expectClose(received: Float32Array, expected: Float32Array): void {
  let largest = 1e-3; // where all is 0, so must be the other
  let difference = 0;
  expected.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - received[index]!));
  });
  expect(difference / largest).toBeLessThanOrEqual(tolerance);
  expect(received.some(Number.isNaN)).toBe(false);
}

/** Values that depend on the arguments alone, so that both backends get the same: in [-1, 1). */
function random(shape: number[], seed = 1): tf.Tensor {
  const stream = new RandomStream(shape.reduce((hash, size) => hash * 31 + size, seed));
  const draw = (): number => stream.next() * 2 - 1;
  return tf.tensor(Float32Array.from({ length: tf.util.sizeFromShape(shape) }, draw), shape);
}

/** The output of `f` and the gradients of all its inputs, for a random gradient of the output. */
function withGradients(f: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]): tf.Tensor[] {
  const y = f(...inputs);
  return [y, ...tf.grads(f)(inputs, random(y.shape, 2))];
}

async function expectAll<T>(
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => Promise<void>,
  numRuns = 60,
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, check), { seed: 1, numRuns });
}

type Pad = 'same' | 'valid' | tf.backend_util.ExplicitPadding;
type Pair = [number, number];

interface Windows {
  readonly input: [number, number, number, number];
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly pad: Pad;
}

const edge = fc.integer({ min: 0, max: 3 });
const explicit = fc
  .tuple(edge, edge, edge, edge)
  .map(([t, b, l, r]): Pad => [[0, 0], [t, b], [l, r], [0, 0]]); // prettier-ignore

/** Any input, kernel, stride and padding for which there is an output. */
const windows: fc.Arbitrary<Windows> = fc
  .record({
    input: fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
    ),
    kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    pad: fc.oneof(fc.constantFrom<Pad>('same', 'valid'), explicit),
  })
  .filter(({ input, kernel, pad }) =>
    [0, 1].every((axis) => {
      const padding = typeof pad === 'string' ? [0, 0] : pad[axis + 1]!;
      return pad === 'same' || kernel[axis]! <= input[axis + 1]! + padding[0]! + padding[1]!;
    }),
  );

/** Pooling windows must each hold an element: TensorFlow.js defines nothing else. */
const poolingWindows = windows.filter(
  ({ kernel, pad }) =>
    typeof pad === 'string' || [0, 1].every((axis) => Math.max(...pad[axis + 1]!) < kernel[axis]!),
);

describe('installWasmKernels without the WASM backend', () => {
  it('says what to import', () => {
    expect(() => {
      installWasmKernels();
    }).toThrow("import '@tensorflow/tfjs-backend-wasm' first");
  });
});

describe('the WASM backend with our kernels', () => {
  beforeAll(async () => {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + path.sep);
    await tf.setBackend('wasm');
    installWasmKernels();
  });

  /** While true, the engine checks after every kernel that no data was left behind. */
  function checkForLeaks(checked: boolean): void {
    tf.env().set('IS_TEST', checked);
  }

  beforeEach(() => {
    checkForLeaks(true);
  });

  it('installs its kernels once', () => {
    const before = tf.getKernelsForBackend('wasm').map(({ kernelFunc }) => kernelFunc);
    installWasmKernels();
    const after = tf.getKernelsForBackend('wasm').map(({ kernelFunc }) => kernelFunc);
    expect(after).toEqual(before);
  });

  it('computes conv2d and its gradients as cpu does', async () => {
    await expectAll(
      fc.tuple(windows, fc.integer({ min: 1, max: 18 })),
      async ([{ input, kernel, strides, pad }, filters]) => {
        const convolve = (x: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
          tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad);
        const filter = [...kernel, input[3], filters];
        await expectSame(() => withGradients(convolve, [random(input), random(filter)]));
      },
      150,
    );
  });

  it('computes the filter gradient without a forward convolution where it can', async () => {
    await tf.setBackend('wasm');
    const stock = tf.getKernel('Conv2D', 'wasm');
    let convolutions = 0;
    const replace = (kernelFunc: tf.KernelFunc): void => {
      tf.unregisterKernel('Conv2D', 'wasm');
      tf.registerKernel({ ...stock, kernelFunc });
    };
    replace((call) => {
      convolutions++;
      return stock.kernelFunc(call);
    });
    const inputs = { x: random([2, 5, 5, 3]), dy: random([2, 5, 5, 4]) };
    const attrs = { strides: 1, pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, 3, 4] };
    const gradient = tf.engine().runKernel<tf.Tensor>('Conv2DBackpropFilter', inputs, attrs);
    replace(stock.kernelFunc);
    expect(convolutions).toBe(0);
    tf.dispose([gradient, ...Object.values(inputs)]);
  });

  it('computes the filter gradient also where the memory is not to be had for its loop nest', async () => {
    const filters = 3;
    await expectAll(windows, async ({ input, kernel, strides, pad }) => {
      const filterShape: [number, number, number, number] = [...kernel, input[3], filters];
      const output = tf.backend_util.computeConv2DInfo(input, filterShape, strides, 1, pad);
      const [expected] = await on('cpu', () => {
        const attrs = { strides, pad, dataFormat: 'NHWC', filterShape };
        const inputs = { x: random(input), dy: random(output.outShape, 2) };
        return [tf.engine().runKernel<tf.Tensor>('Conv2DBackpropFilter', inputs, attrs)];
      });
      await tf.setBackend('wasm');
      const backend = tf.backend() as tf.KernelBackend & { wasm: object };
      const withoutMemory = Object.create(backend, {
        wasm: { value: Object.create(backend.wasm, { asm: { value: undefined } }) as object },
      }) as object;
      const { kernelFunc } = tf.getKernel('Conv2DBackpropFilter', 'wasm');
      const inputs = { x: random(input), dy: random(output.outShape, 2) };
      const attrs = { strides, pad, dataFormat: 'NHWC', filterShape };
      const { dataId } = kernelFunc({ inputs, attrs, backend: withoutMemory }) as tf.TensorInfo;
      expectClose(backend.readSync(dataId) as Float32Array, expected!.values);
      backend.disposeData(dataId);
      tf.dispose(inputs);
    });
  });

  it('computes depthwiseConv2d and its gradients as cpu does, for any multiplier', async () => {
    await expectAll(
      fc.tuple(windows, fc.integer({ min: 1, max: 3 })),
      async ([{ input, kernel, strides, pad }, multiplier]) => {
        const convolve = (x: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
          tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad);
        const filter = [...kernel, input[3], multiplier];
        await expectSame(() => withGradients(convolve, [random(input), random(filter)]));
      },
      150,
    );
  });

  it('computes maxPool and its gradient as cpu does, also for negative windows and ties', async () => {
    await expectAll(
      fc.tuple(poolingWindows, fc.constantFrom(1, 100)),
      async ([{ input, kernel, strides, pad }, levels]) => {
        const pool = (x: tf.Tensor): tf.Tensor =>
          tf.maxPool(x as tf.Tensor4D, kernel, strides, pad);
        await expectSame(() => {
          const x = random(input);
          return withGradients(pool, [tf.div(tf.floor(tf.mul(x, levels)), levels)]);
        });
      },
    );
  });

  it('computes avgPool and its gradient as cpu does', async () => {
    await expectAll(poolingWindows, async ({ input, kernel, strides, pad }) => {
      const pool = (x: tf.Tensor): tf.Tensor => tf.avgPool(x as tf.Tensor4D, kernel, strides, pad);
      await expectSame(() => withGradients(pool, [random(input)]));
    });
  });

  it('sends the gradient of an all-negative window to its first largest element', async () => {
    // Windows {-4 -1 -3 -2} and {-5 -5 -6 -7}: the largest are the second and the first element.
    const [dx] = await on('wasm', () => {
      const x = tf.tensor4d([-4, -1, -5, -5, -3, -2, -6, -7], [1, 2, 4, 1]);
      return [tf.grad((input) => tf.maxPool(input as tf.Tensor4D, 2, 2, 'valid'))(x)];
    });
    expect([...dx!.values]).toEqual([0, 1, 1, 0, 0, 0, 0, 0]);
  });

  it('takes one number as the padding of all sides, whatever the kernel and stride', async () => {
    const sides = (pad: number | tf.backend_util.ExplicitPadding): Make => {
      return () => {
        const x = random([2, 6, 7, 3]) as tf.Tensor4D;
        const convolve = (image: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
          tf.conv2d(image as tf.Tensor4D, filter as tf.Tensor4D, [1, 2], pad);
        const pool = (image: tf.Tensor): tf.Tensor =>
          tf.maxPool(image as tf.Tensor4D, [2, 3], [2, 1], pad);
        return [...withGradients(convolve, [x, random([2, 3, 3, 2])]), ...withGradients(pool, [x])];
      };
    };
    const padding: tf.backend_util.ExplicitPadding = [[0, 0], [1, 1], [1, 1], [0, 0]]; // prettier-ignore
    expect(await on('wasm', sides(1))).toEqual(await on('wasm', sides(padding)));
  });

  const image = [2, 6, 5, 4];
  const cases: Record<string, { inputs: number[][]; f: (...inputs: tf.Tensor[]) => tf.Tensor }> = {
    separableConv2d: {
      inputs: [image, [3, 3, 4, 2], [1, 1, 8, 3]],
      f: (x, depthwise, pointwise) =>
        tf.separableConv2d(
          x as tf.Tensor4D,
          depthwise as tf.Tensor4D,
          pointwise as tf.Tensor4D,
          2,
          'same',
        ),
    },
    conv2dTranspose: {
      inputs: [image, [3, 3, 2, 4]],
      f: (x, filter) =>
        tf.conv2dTranspose(x as tf.Tensor4D, filter as tf.Tensor4D, [2, 12, 10, 2], 2, 'same'),
    },
    'fused.conv2d': {
      inputs: [image, [3, 3, 4, 2], [2]],
      f: (x, filter, bias) =>
        tf.fused.conv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          bias: bias,
          strides: 1,
          pad: 'same',
          activation: 'relu',
        }),
    },
    'batchNorm of moments': {
      inputs: [image, [4], [4]],
      f: (x, gamma, beta) => {
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        return tf.batchNorm(
          x as tf.Tensor4D,
          mean as tf.Tensor1D,
          variance as tf.Tensor1D,
          beta as tf.Tensor1D,
          gamma as tf.Tensor1D,
        );
      },
    },
    pad: { inputs: [image], f: (x) => tf.pad(x, [[0, 0], [1, 0], [2, 1], [1, 1]]) }, // prettier-ignore
    slice: { inputs: [image], f: (x) => tf.slice(x, [0, 1, 0, 1], [2, 3, -1, 2]) },
    concat: { inputs: [image, image], f: (a, b) => tf.concat([a, b], 3) },
    tile: { inputs: [[2, 1, 3]], f: (x) => tf.tile(x, [2, 3, 2]) },
    'mean over pixels': { inputs: [image], f: (x) => tf.mean(x, [1, 2]) },
    'global max': { inputs: [image], f: (x) => tf.max(x, [1, 2]) },
    relu6: { inputs: [image], f: (x) => tf.relu6(tf.mul(x, 8)) },
    sigmoid: { inputs: [image], f: (x) => tf.sigmoid(x) },
    'dense with a bias': {
      inputs: [[5, 7], [7, 3], [3]],
      f: (x, kernel, bias) => tf.add(tf.matMul(x, kernel), bias),
    },
    'matMul of two transposed': {
      inputs: [
        [2, 5, 7],
        [2, 3, 5],
      ],
      f: (a, b) => tf.matMul(a, b, true, true),
    },
    'softmax cross entropy': {
      inputs: [[5, 3]],
      f: (logits) => tf.losses.softmaxCrossEntropy(tf.oneHot([0, 2, 1, 1, 0], 3), logits),
    },
  };
  it.each(Object.entries(cases))('computes %s and its gradients as cpu does', async (_, entry) => {
    checkForLeaks(false); // takes what a custom gradient saves for a leak
    await expectSame(() =>
      withGradients(
        entry.f,
        entry.inputs.map((shape) => random(shape)),
      ),
    );
  });

  it('slices and tiles tensors of any rank and type as cpu does', async () => {
    const block = fc
      .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
      .chain((shape) =>
        fc.record({
          shape: fc.constant(shape),
          begin: fc.tuple(...shape.map((size) => fc.integer({ min: 0, max: size - 1 }))),
          reps: fc.tuple(...shape.map(() => fc.integer({ min: 1, max: 3 }))),
          dtype: fc.constantFrom<'float32' | 'int32'>('float32', 'int32'),
        }),
      );
    await expectAll(block, async ({ shape, begin, reps, dtype }) => {
      await expectSame(() => {
        const x = tf.cast(tf.mul(random(shape), 100), dtype);
        return [tf.slice(x, begin), tf.tile(x, reps)];
      });
    });
  });

  it('computes the gradient of a gradient as cpu does', async () => {
    await expectSame(() => {
      const filter = random([3, 2, 2, 3]) as tf.Tensor4D;
      const squared = (x: tf.Tensor): tf.Tensor =>
        tf.square(tf.conv2d(x as tf.Tensor4D, filter, [2, 1], 'same'));
      const x = random([1, 5, 4, 2]);
      return [tf.grad((inner) => tf.square(tf.grad(squared)(inner)))(x)];
    });
  });

  it('refuses what its gradients do not cover, and says why', () => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 2]);
    const kernel = { strides: 1, pad: 'same' };
    const run = (name: string, inputs: object, attrs: object) => (): unknown =>
      tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap);
    const filterShape = [3, 3, 2, 2];
    expect(
      run('Conv2DBackpropFilter', { x, dy: x }, { ...kernel, filterShape, dataFormat: 'NCHW' }),
    ).toThrow('dataFormat of Conv2DBackpropFilter must be NHWC on the WASM backend, got NCHW');
    expect(
      run('Conv2DBackpropFilter', { x, dy: x }, { ...kernel, filterShape, pad: 'valid' }),
    ).toThrow('dy must have the shape of the output, [1, 2, 2, 2], received [1, 4, 4, 2]');
    const depthwise = { ...kernel, filterShape: [3, 3, 2, 1], dilations: [2, 2] };
    expect(run('DepthwiseConv2dNativeBackpropFilter', { x, dy: x }, depthwise)).toThrow(
      'dilations of DepthwiseConv2dNativeBackpropFilter must be 1 for a gradient on the WASM backend, got 2,2',
    );
    x.dispose();
  });

  describe('batch normalization', () => {
    beforeEach(() => {
      checkForLeaks(false); // as above
    });

    /** What it must equal: the definition, differentiated by tfjs. */
    const reference = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor => {
      const mean = tf.mean(x, [0, 1, 2]);
      const centered = tf.sub(x, mean);
      const variance = tf.mean(tf.square(centered), [0, 1, 2]);
      return tf.add(tf.mul(tf.div(centered, tf.sqrt(tf.add(variance, 1e-3))), gamma), beta);
    };

    it('normalizes by hand-computed statistics', async () => {
      // One channel holding 1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5, epsilon 0.5:
      // y = (x - 3) / 2 * 4 + 1 = -3, -1, 1, 7.
      const [y, mean, variance] = await on('wasm', () => {
        const x = tf.tensor4d([1, 2, 3, 6], [2, 2, 1, 1]);
        const batch = batchNormForward(x, tf.tensor1d([4]), tf.tensor1d([1]), 0.5);
        return [batch.y, batch.mean, batch.variance];
      });
      expect([...y!.values]).toEqual([-3, -1, 1, 7]);
      expect([...mean!.values]).toEqual([3]);
      expect([...variance!.values]).toEqual([3.5]);
    });

    it.each([0, 20])('has the gradients of the definition around a mean of %d', async (center) => {
      const inputs = (): tf.Tensor[] => [
        tf.add(random([3, 5, 4, 6]), center),
        random([6]),
        random([6], 3),
      ];
      const expected = await on('cpu', () => withGradients(reference, inputs()));
      const received = await on('wasm', () => withGradients(normalized, inputs()));
      // float32 resolves x around 20 to 2e-6, and the division by the deviation of 0.6 doubles it.
      const scale = center === 0 ? 1 : 10;
      expected.forEach(({ values }, index) => {
        const magnitude = Math.max(...values.map(Math.abs));
        received[index]!.values.forEach((value, at) => {
          expect(Math.abs(value - values[at]!) / magnitude).toBeLessThanOrEqual(tolerance * scale);
        });
      });
    });
  });

  describe('a training step', () => {
    beforeEach(() => {
      checkForLeaks(false); // as above
    });

    /** conv - batch norm - relu - depthwise - max pool - dense - cross entropy. */
    const createNetwork = (): { variables: tf.Variable[]; loss: () => tf.Scalar } => {
      const shapes = [[3, 3, 2, 8], [8], [8], [3, 3, 8, 1], [4 * 4 * 8, 5], [5]];
      const variables = shapes.map((shape) => tf.tidy(() => tf.variable(random(shape))));
      const [filter, gamma, beta, depthwise, kernel, bias] = variables as tf.Tensor[] as [
        tf.Tensor4D,
        tf.Tensor1D,
        tf.Tensor1D,
        tf.Tensor4D,
        tf.Tensor2D,
        tf.Tensor1D,
      ];
      const loss = (): tf.Scalar => {
        const x = tf.conv2d(random([6, 16, 16, 2]) as tf.Tensor4D, filter, 2, 'same');
        const y = tf.relu(normalized(x, gamma, beta)) as tf.Tensor4D;
        const z = tf.maxPool(tf.depthwiseConv2d(y, depthwise, 1, 'same'), 2, 2, 'same');
        const logits = tf.add(tf.matMul(tf.reshape(z, [6, 4 * 4 * 8]), kernel), bias);
        return tf.losses.softmaxCrossEntropy(tf.oneHot([0, 1, 2, 3, 4, 0], 5), logits);
      };
      return { variables, loss };
    };

    it('has the same loss and gradients as on cpu', async () => {
      await expectSame(() => {
        const { variables, loss } = createNetwork();
        const { value, grads } = tf.variableGrads(loss, variables);
        variables.forEach((variable) => {
          variable.dispose();
        });
        return [value, ...variables.map(({ name }) => grads[name]!)];
      });
    });

    it('leaves no tensor, no data and no heap behind', async () => {
      await tf.setBackend('wasm');
      const { variables, loss } = createNetwork();
      const backend = tf.backend() as tf.KernelBackend & { wasm: { HEAPU8: Uint8Array } };
      const measure = (): number[] => [
        tf.memory().numTensors,
        backend.numDataIds(),
        backend.wasm.HEAPU8.length,
      ];
      const step = (): void => {
        const { value, grads } = tf.variableGrads(loss, variables);
        tf.dispose([value, ...Object.values(grads)]);
      };
      step();
      const before = measure();
      for (let index = 0; index < 100; index++) step();
      expect(measure()).toEqual(before);
      tf.dispose(variables);
    });
  });
});
