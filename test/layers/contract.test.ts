import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import {
  copyWeights,
  listMaskedWeights,
  prunable,
  setMasks,
  stock,
  weightsByName,
} from '../../layers';
import type { EngineId } from '../../backend/engine';
import { describeOn } from '../engines';
import { expectClose, expectNoLeak, random, randomizeWeights, valuesOf } from '../tensors';
import { layerCases } from './contracts';
import type { LayerCase } from './contracts';

const BATCH = 4;

/** The case's layer in a model, with random weights: stock, and prunable with full masks. */
function modelsOf({ layer, input }: LayerCase): { plain: tf.LayersModel; masked: tf.LayersModel } {
  const x = tf.input({ shape: [...input] });
  const plain = tf.model({ inputs: x, outputs: layer().apply(x) as tf.SymbolicTensor });
  randomizeWeights(plain);
  return { plain, masked: prunable(plain) };
}

/** Runs a check on both models of a case and disposes of them. */
function withModels(
  layerCase: LayerCase,
  check: (masked: tf.LayersModel, plain: tf.LayersModel, x: tf.Tensor) => void,
): void {
  const { plain, masked } = modelsOf(layerCase);
  const x = random([BATCH, ...layerCase.input], 7);
  try {
    check(masked, plain, x);
  } finally {
    tf.dispose(x);
    plain.dispose();
    masked.dispose();
  }
}

interface Trained {
  readonly y: Float32Array;
  /** By weight name; of the input as `input`. */
  readonly gradients: Map<string, Float32Array>;
}

/** The training output, and the gradients of sum(output * random). */
function train(model: tf.LayersModel, x: tf.Tensor): Trained {
  const names = [...weightsByName(model)].filter(([, { trainable }]) => trainable);
  const [y, ...gradients] = valuesOf(() => {
    const output = model.apply(x, { training: true }) as tf.Tensor;
    const dy = random(output.shape, 8);
    const input = tf.variable(x);
    const loss = (): tf.Scalar =>
      tf.sum(tf.mul(model.apply(input, { training: true }) as tf.Tensor, dy));
    const variables = names.map(([, weight]) => weight.read() as unknown as tf.Variable);
    const { grads } = tf.variableGrads(loss, [...variables, input]);
    const ordered = [...variables, input].map(({ name }) => grads[name]!);
    input.dispose();
    return [output, ...ordered];
  });
  const keys = [...names.map(([name]) => name), 'input'];
  return { y: y!, gradients: new Map(keys.map((key, index) => [key, gradients[index]!])) };
}

function predict(model: tf.LayersModel, x: tf.Tensor): Float32Array {
  return valuesOf(() => [model.predict(x) as tf.Tensor])[0]!;
}

/** Compares with a stock layer that has gamma 1 and beta 0: tfjs cannot train one without them. */
function expectNormalizes(masked: tf.LayersModel, plain: tf.LayersModel, x: tf.Tensor): void {
  const { momentum, epsilon } = plain.layers.at(-1)!.getConfig() as {
    momentum: number;
    epsilon: number;
  };
  const layer = tf.layers.batchNormalization({ name: 'layer', momentum, epsilon });
  const input = tf.input({ shape: x.shape.slice(1) });
  const reference = tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor });
  copyWeights(plain, reference);
  const [received, expected] = [train(masked, x), train(reference, x)];
  expectClose(received.y, expected.y); // fused: other sums
  for (const [name, gradient] of received.gradients) {
    expectClose(gradient, expected.gradients.get(name)!);
  }
  const averages = (model: tf.LayersModel, name: string): number[] => [
    ...weightsByName(model).get(`layer/moving_${name}`)!.read().dataSync(),
  ];
  expectClose(averages(masked, 'mean'), averages(reference, 'mean'));
  // Two steps: what the batch added is unbiased in ours, as in Keras and PyTorch.
  const count = x.size / averages(masked, 'mean').length;
  const old = [...weightsByName(plain).get('layer/moving_variance')!.read().dataSync()];
  const unbiased = averages(reference, 'variance').map((variance, index) => {
    const kept = old[index]! * momentum ** 2;
    return kept + ((variance - kept) * count) / (count - 1);
  });
  expectClose(averages(masked, 'variance'), unbiased);
  reference.dispose();
}

/** Every second output goes, and all of a single one. */
function keepOf({ outputs }: LayerCase): Uint8Array {
  return Uint8Array.from({ length: outputs }, (_, index) => (index % 2 === 0 ? 0 : 1));
}

/** The values of one output channel; channels are last but where the layer says otherwise. */
function channel({ title, outputs }: LayerCase, values: Float32Array, index: number): Float32Array {
  const first = title === 'channels first';
  const area = values.length / BATCH / outputs;
  return values.filter((_, at) => (first ? Math.floor(at / area) : at) % outputs === index);
}

const allZero = (values: ArrayLike<number>): boolean =>
  Array.from(values).every((value) => value === 0); // either zero

/** The trained weights that have masks, with both values. */
function maskedGradients(
  model: tf.LayersModel,
  gradients: Trained['gradients'],
): { weight: string; gradient: Float32Array; mask: Float32Array }[] {
  const weights = weightsByName(model);
  const masks = new Map(listMaskedWeights(model).map(({ weight, mask }) => [weight, mask]));
  return [...gradients].flatMap(([weight, gradient]) => {
    const mask = masks.get(weights.get(weight)!)?.read().dataSync<'float32'>();
    return mask ? [{ weight, gradient, mask }] : [];
  });
}

it('covers every prunable layer there is', () => {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const registered = Object.keys(classNameMap).filter((name) => name.startsWith('Prunable'));
  expect(Object.keys(layerCases).sort()).toEqual(registered.sort());
});

for (const [className, cases] of Object.entries(layerCases)) {
  const trainable = cases.filter(({ trains = true }) => trains);
  const isNormalization = className === 'PrunableBatchNormalization';

  // What the library cannot train it has no right kernels for on WASM either: dilated windows are
  // missing there, and Conv3DTranspose computes wrong values.
  const engines: EngineId[] = ['cpu', 'tensorflow'];
  if (trainable.length > 0) engines.push('wasm');

  describeOn(engines, className, (engine) => {
    const runs = ({ trains = true }: LayerCase): boolean => engine !== 'wasm' || trains;

    it.each(cases.filter(runs))('$title: with a full mask equals stock in inference, bit for bit', (one) => {
      withModels(one, (masked, plain, x) => {
        expect(masked.layers.at(-1)!.getClassName()).toBe(className);
        expect(predict(masked, x)).toEqual(predict(plain, x));
      });
    }); // prettier-ignore

    it.each(trainable)('$title: with a full mask equals stock in training', (one) => {
      withModels(one, (masked, plain, x) => {
        if (isNormalization) expectNormalizes(masked, plain, x);
        else expect(train(masked, x)).toEqual(train(plain, x)); // bit for bit
      });
    });

    it.each(cases.filter(runs))('$title: a masked unit is exactly zero, the others are as they were', (one) => {
      if (one.speaksAtZero) return;
      withModels(one, (masked, plain, x) => {
        const keep = keepOf(one);
        setMasks(masked, new Map([['layer', { outputs: keep }]]));
        const inference = predict(masked, x);
        const before = predict(plain, x);
        const training = one.trains === false ? inference : train(masked, x).y;
        keep.forEach((kept, index) => {
          if (kept) {
            expect(channel(one, inference, index)).toEqual(channel(one, before, index));
          } else {
            expect(allZero(channel(one, inference, index))).toBe(true);
            expect(allZero(channel(one, training, index))).toBe(true);
          }
        });
      });
    }); // prettier-ignore
  });

  describeOn(['cpu', 'tensorflow'], `${className}, masked,`, () => {
    it.each(trainable)('$title: no gradient reaches a masked entry', (one) => {
      withModels(one, (masked, _, x) => {
        const keep = keepOf(one);
        setMasks(masked, new Map([['layer', { outputs: keep }]]));
        const { gradients } = train(masked, x);
        const kept: number[] = [];
        for (const { weight, gradient, mask } of maskedGradients(masked, gradients)) {
          expect(allZero(gradient.filter((__, index) => !mask[index])), weight).toBe(true);
          kept.push(...gradient.filter((__, index) => mask[index]));
        }
        if (keep.includes(1) && kept.length > 0) expect(allZero(kept)).toBe(false);
      });
    });

    it.each(cases)('$title: survives its config, and turns back into the stock layer', (one) => {
      withModels(one, (masked, plain, x) => {
        const config = masked.layers.at(-1)!.getConfig();
        expect(config).toEqual(plain.layers.at(-1)!.getConfig());
        const back = stock(masked);
        expect(back.getConfig()).toEqual(plain.getConfig());
        expect(predict(back, x)).toEqual(predict(plain, x));
        back.dispose();
      });
    });

    it.each(trainable)('$title: leaves no tensor behind', (one) => {
      withModels(one, (masked, plain, x) => {
        expectNoLeak(() => {
          prunable(plain).dispose();
        });
        expectNoLeak(() => {
          setMasks(masked, new Map([['layer', { outputs: keepOf(one) }]]));
        });
        expectNoLeak(() => {
          predict(masked, x);
          train(masked, x);
        });
      });
    });
  });
}

describe('a masked layer', () => {
  // Central differences, error h^2; float32 sums of some hundred terms leave about 1e-3 at h = 1e-2.
  const STEP = 1e-2;

  it.each([
    layerCases.PrunableConv2D![3]!,
    layerCases.PrunableDepthwiseConv2D![1]!,
    layerCases.PrunableDense![0]!,
    layerCases.PrunableConv2DTranspose![1]!,
    layerCases.PrunableSeparableConv2D![1]!,
    layerCases.PrunableBatchNormalization![0]!,
  ])('has the gradient that finite differences measure: $title', async (one) => {
    await tf.setBackend('cpu');
    withModels(one, (masked, _, x) => {
      setMasks(masked, new Map([['layer', { outputs: keepOf(one) }]]));
      const { gradients } = train(masked, x);
      gradients.delete('input');
      const loss = (): number =>
        valuesOf(() => {
          const y = masked.apply(x, { training: true }) as tf.Tensor;
          return [tf.sum(tf.mul(y, random(y.shape, 8)))];
        })[0]![0]!;
      for (const [name, gradient] of gradients) {
        const weight = weightsByName(masked).get(name)!;
        const measured = gradient.map((__, index) => {
          const ends = [STEP, -STEP].map((change) => {
            const values = Float32Array.from(weight.read().dataSync());
            const kept = values[index]!;
            values[index]! += change;
            write(weight, values);
            const end = loss();
            values[index] = kept;
            write(weight, values);
            return end;
          });
          return (ends[0]! - ends[1]!) / (2 * STEP);
        });
        expectClose(measured, gradient, 1e-2);
      }
    });
  });

  function write(weight: tf.LayerVariable, values: Float32Array): void {
    const value = tf.tensor(values.slice(), weight.shape as number[]);
    weight.write(value);
    value.dispose();
  }
});
