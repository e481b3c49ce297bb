import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { sigmoidCrossEntropy } from '../../backend/fused';
import type { ImageSet } from '../../data';
import { OptionError } from '../../errors';
import { prunable } from '../../layers';
import { evaluate } from '../../measure/accuracy';
import { readHead } from '../../measure/head';
import type { LossChoice } from '../../measure/head';
import { logitsOf } from '../../measure/logits';
import { Distillation } from '../../trainer/step/distillation';
import { requireFit } from '../../jobs/load-model';
import { describeOn } from '../engines';
import { expectClose, valuesOf } from '../tensors';
import { lossAndGradients } from '../trainer/fixtures/recorder';

const { layers } = tf;
const normalization = { mean: [0], deviation: [1] };

type Layers = readonly tf.layers.Layer[];

/** A network that answers with its pixels times 255 (as they were before they were normalised), and what follows. */
function reader(
  classes: number,
  { units = classes, activation = 'linear', after = [] as Layers } = {},
): tf.LayersModel {
  const model = tf.sequential();
  model.add(layers.flatten({ inputShape: [1, classes, 1] }));
  model.add(layers.dense({ units, useBias: false, activation: activation as 'linear' }));
  for (const layer of after) model.add(layer);
  const kernel = tf.tidy(() => tf.mul(tf.slice(tf.eye(classes), [0, classes - units]), 255));
  model.layers[1]!.setWeights([kernel]);
  kernel.dispose();
  return model;
}

function rows(labels: readonly number[], pixels: readonly (readonly number[])[]): ImageSet {
  return {
    count: labels.length,
    height: 1,
    width: pixels[0]!.length,
    channels: 1,
    pixels: Uint8Array.from(pixels.flat()),
    labels: Uint16Array.from(labels),
  };
}

/** The kind that is read of a network, which is freed. */
function kindOf(model: tf.LayersModel, loss?: LossChoice): string {
  try {
    return readHead(model, loss).kind;
  } finally {
    model.dispose();
  }
}

const softmax = (): tf.layers.Layer => layers.softmax();

describe('what a network answers', () => {
  it.each<[string, () => Layers, string]>([
    ['Reshape', () => [softmax(), layers.reshape({ targetShape: [1, 4] })], 'softmax'],
    [
      'Flatten',
      () => [softmax(), layers.reshape({ targetShape: [1, 1, 4] }), layers.flatten()],
      'softmax',
    ],
    [
      'Permute',
      () => [softmax(), layers.reshape({ targetShape: [4, 1] }), layers.permute({ dims: [2, 1] })],
      'softmax',
    ],
    ['Dropout', () => [softmax(), layers.dropout({ rate: 0.5 })], 'softmax'],
    [
      'a linear activation',
      () => [softmax(), layers.activation({ activation: 'linear' })],
      'softmax',
    ],
    [
      'Activation of a 4-D tensor, then Reshape, as MobileNet v1',
      () => [
        layers.reshape({ targetShape: [1, 1, 4] }),
        layers.activation({ activation: 'softmax' }),
        layers.reshape({ targetShape: [4] }),
      ],
      'softmax',
    ],
    [
      'a mean of probabilities',
      () => [
        layers.reshape({ targetShape: [1, 1, 4] }),
        layers.softmax({ axis: -1 }),
        layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
      ],
      'softmax',
    ],
    [
      'a mean of features',
      () => [
        layers.reLU(),
        layers.reshape({ targetShape: [1, 1, 4] }),
        layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
      ],
      'logits',
    ],
    ['a sigmoid', () => [layers.activation({ activation: 'sigmoid' })], 'sigmoid'],
    ['BatchNormalization', () => [softmax(), layers.batchNormalization()], 'logits'],
  ])('is found behind %s', (_name, after, kind) => {
    expect(kindOf(reader(4, { after: after() }))).toBe(kind);
  });

  it.each(['softmax', 'sigmoid', 'linear'])('is the %s that the last Dense has', (activation) => {
    expect(kindOf(reader(4, { activation }))).toBe(activation === 'linear' ? 'logits' : activation);
  });

  it('is logits for log-probabilities', () => {
    const log = layers.activation({ activation: 'logSoftmax' as 'softmax' });
    expect(kindOf(reader(4, { after: [log] }))).toBe('logits');
  });

  it('is found in nested networks, and in front of one that only moves values', () => {
    const input = tf.input({ shape: [1, 4, 1] });
    const soft = reader(4, { activation: 'softmax' });
    expect(
      kindOf(tf.model({ inputs: input, outputs: soft.apply(input) as tf.SymbolicTensor })),
    ).toBe('softmax');
    const inside = tf.input({ shape: [4] });
    const moved = layers.reshape({ targetShape: [1, 4] }).apply(inside) as tf.SymbolicTensor;
    const mover = tf.model({ inputs: inside, outputs: moved });
    const probabilities = layers
      .dense({ units: 4, activation: 'softmax' })
      .apply(layers.flatten().apply(input)) as tf.SymbolicTensor;
    const outputs = mover.apply(probabilities) as tf.SymbolicTensor;
    expect(kindOf(tf.model({ inputs: input, outputs }))).toBe('softmax');
  });

  it('is the same of a prunable copy', () => {
    const model = reader(4, { after: [softmax(), layers.reshape({ targetShape: [1, 4] })] });
    expect(kindOf(prunable(model))).toBe('softmax');
    model.dispose();
  });

  it('is a mean of several answers where they are alike', () => {
    const input = tf.input({ shape: [4] });
    const answers = (activation: 'softmax' | 'sigmoid' | 'linear', units = 4): tf.SymbolicTensor =>
      layers.dense({ units, activation }).apply(input) as tf.SymbolicTensor;
    const of = (layer: tf.layers.Layer, ...all: tf.SymbolicTensor[]): tf.LayersModel =>
      tf.model({ inputs: input, outputs: layer.apply(all) as tf.SymbolicTensor });
    expect(kindOf(of(layers.average(), answers('softmax'), answers('softmax')))).toBe('softmax');
    expect(kindOf(of(layers.concatenate(), answers('sigmoid', 1), answers('sigmoid', 1)))).toBe(
      'sigmoid',
    );
    expect(kindOf(of(layers.concatenate(), answers('linear', 1), answers('linear', 1)))).toBe(
      'logits',
    );
    const mixed = of(layers.average(), answers('softmax'), answers('sigmoid'));
    expect(() => kindOf(mixed)).toThrow('average of different activations');
  });

  it.each(['tanh', 'relu', 'softplus', 'hardSigmoid'])(
    'is asked for where a network ends in %s, by the name of the option',
    async (activation) => {
      const model = reader(4, { activation });
      const split = rows([0], [[1, 0, 0, 0]]);
      const refusal = expect.objectContaining({ name: 'OptionError', option: 'loss' }) as Error;
      await expect(evaluate(model, split, normalization, 1)).rejects.toEqual(refusal);
      expect(() => new Distillation(model)).toThrow(OptionError);
      expect(() => {
        requireFit({ model, source: 'it' }, { height: 1, width: 4, channels: 1 }, 4);
      }).toThrow(`ends in ${activation.toLowerCase()}`);
      const { top1 } = await evaluate(model, split, normalization, 1, { loss: 'logits' });
      expect(top1).toBe(1);
      model.dispose();
    },
  );

  it('is asked for where a softmax is over parts of the classes', () => {
    const parts = [layers.reshape({ targetShape: [2, 2] }), softmax(), layers.flatten()];
    expect(() => kindOf(reader(4, { after: parts }))).toThrow(OptionError);
  });
});

describe('whether a network fits the classes of a data set', () => {
  const size = { height: 1, width: 4, channels: 1 };
  const fit = (model: tf.LayersModel, classes: number, loss?: LossChoice): void => {
    try {
      requireFit({ model, source: 'it' }, size, classes, { loss });
    } finally {
      model.dispose();
    }
  };

  it('looks at the numbers that it answers, not at how they lie', () => {
    const shaped = (shape: number[]): tf.LayersModel =>
      reader(4, { after: [layers.reshape({ targetShape: shape })] });
    fit(shaped([1, 1, 4]), 4);
    fit(shaped([4, 1]), 4);
    expect(() => {
      fit(shaped([2, 2]), 4);
    }).toThrow('answers [2,2]');
    expect(() => {
      fit(shaped([1, 1, 4]), 3);
    }).toThrow('answer 3 classes');
  });

  it('lets one sigmoid answer two classes, and one number that is said to be a logit', () => {
    fit(reader(4, { units: 1, activation: 'sigmoid' }), 2);
    fit(reader(4, { units: 1 }), 2, 'logits');
    expect(() => {
      fit(reader(4, { units: 1 }), 2);
    }).toThrow('loss must be sigmoid or logits');
    expect(() => {
      fit(reader(4, { units: 1, activation: 'sigmoid' }), 3);
    }).toThrow('answer 3 classes');
  });
});

describeOn(['cpu', 'tensorflow', 'wasm'], 'one sigmoid per class', () => {
  const logits = [
    [2, -1, 0.5],
    [-30, 30, 0],
  ];

  it('has the loss and the gradient of binary cross entropy, the mean over the classes', () => {
    const [loss, gradient] = valuesOf(() => {
      const labels = tf.tensor1d([0, 2], 'int32');
      const compare = (z: tf.Tensor): tf.Tensor => sigmoidCrossEntropy(z as tf.Tensor2D, labels);
      return [compare(tf.tensor2d(logits)), tf.grad(compare)(tf.tensor2d(logits))];
    });
    const { log1p, exp, LN2 } = Math;
    const first = log1p(exp(-2)) + log1p(exp(-1)) + (0.5 + log1p(exp(-0.5)));
    expectClose(loss!, [first / 3, (30 + LN2) / 3]);
    const s = (z: number): number => 1 / (1 + exp(-z));
    expectClose(
      gradient!,
      [s(2) - 1, s(-1), s(0.5), 0, 1, -0.5].map((value) => value / 3),
    );
  });

  it('smooths each class towards a half, as Keras does', () => {
    const [loss] = valuesOf(() => [
      sigmoidCrossEntropy(tf.tensor2d([[2, -1]]), tf.tensor1d([0], 'int32'), 0.2),
    ]);
    const { log1p, exp } = Math;
    // targets 0.9 and 0.1: log(1 + e^-2) + 0.1 * 2 and log(1 + e^-1) + 0.1 * 1
    expectClose(loss!, [(log1p(exp(-2)) + 0.2 + log1p(exp(-1)) + 0.1) / 2]);
  });

  it('is trained by the gradient of that loss', () => {
    const model = reader(3, { activation: 'sigmoid' });
    const images = tf.tensor4d([2 / 255, 1 / 255, 0], [1, 1, 3, 1]);
    const labels = tf.tensor1d([1], 'int32');
    const { loss, gradients } = lossAndGradients(model, { images, labels }, {});
    const { log1p, exp, LN2 } = Math;
    expect(loss).toBeCloseTo((2 + log1p(exp(-2)) + log1p(exp(-1)) + LN2) / 3, 4);
    const s = (z: number): number => 1 / (1 + exp(-z));
    const slopes = [s(2), s(1) - 1, 0.5].map((slope) => slope / 3);
    const kernel = [2, 1, 0].flatMap((pixel) => slopes.map((slope) => (slope * pixel) / 255));
    expectClose([...gradients.values()][0]!, kernel, 1e-5);
    tf.dispose([images, labels]);
    model.dispose();
  });
});

describeOn(['cpu', 'tensorflow', 'wasm'], 'a network with another head', () => {
  it('measures softmax and Reshape as the softmax alone', async () => {
    const split = rows(
      [0, 2],
      [
        [3, 1, 0, 2],
        [2, 1, 0, 4],
      ],
    );
    const bare = reader(4, { after: [softmax()] });
    const shaped = reader(4, { after: [softmax(), layers.reshape({ targetShape: [1, 1, 4] })] });
    const expected = await evaluate(bare, split, normalization, 2);
    expect(await evaluate(shaped, split, normalization, 2)).toEqual(expected);
    const { log, exp } = Math;
    const sum = log(exp(3) + exp(1) + 1 + exp(2)) - 3 + log(exp(2) + exp(1) + 1 + exp(4));
    expect(expected.loss).toBeCloseTo(sum / 2, 5);
    bare.dispose();
    shaped.dispose();
  });

  it('ranks sigmoids by themselves, however small', async () => {
    const model = reader(3, { activation: 'sigmoid' });
    const [kernel] = model.getWeights();
    const shifted = tf.tidy(() => tf.mul(kernel!, -1));
    model.setWeights([shifted]); // answers are sigmoid(-pixel)
    shifted.dispose();
    const split = rows([1], [[30, 20, 40]]); // all below 1e-7
    expect(await evaluate(model, split, normalization, 1)).toMatchObject({ top1: 1 });
    model.dispose();
  });

  it('takes one sigmoid above a half for the second of two classes', async () => {
    const model = reader(2, { units: 1, activation: 'sigmoid' });
    const kernel = tf.tensor2d([-255, 255], [2, 1]); // the second pixel less the first
    model.setWeights([kernel]);
    kernel.dispose();
    const split = rows(
      [0, 1, 1, 0],
      [
        [3, 1],
        [1, 3],
        [2, 1],
        [1, 1], // exactly a half is the first
      ],
    );
    const result = await evaluate(model, split, normalization, 4);
    const { log1p, exp, LN2 } = Math;
    const losses = [log1p(exp(-2)), log1p(exp(-2)), 1 + log1p(exp(-1)), LN2];
    expect(result.loss).toBeCloseTo(losses.reduce((sum, one) => sum + one) / 4, 5);
    expect(result).toMatchObject({ top1: 0.75, top5: 1 });
    model.dispose();
  });

  it('trains one sigmoid, and one logit, by the binary cross entropy', () => {
    const { log1p, exp } = Math;
    for (const [activation, loss] of [
      ['sigmoid', 'auto'],
      ['linear', 'logits'],
    ] as const) {
      const model = reader(2, { units: 1, activation });
      const images = tf.tensor4d([1 / 255, 2 / 255], [1, 1, 2, 1]);
      const labels = tf.tensor1d([0], 'int32');
      const found = lossAndGradients(model, { images, labels }, { loss });
      expect(found.loss).toBeCloseTo(2 + log1p(exp(-2)), 4);
      const slope = 1 / (1 + exp(-2)) / 255;
      expectClose([...found.gradients.values()][0]!, [slope, 2 * slope], 1e-5);
      tf.dispose([images, labels]);
      model.dispose();
    }
  });

  it('teaches by the logits of its answers', () => {
    const bare = reader(3);
    const shaped = reader(3, { after: [softmax(), layers.reshape({ targetShape: [1, 3] })] });
    const student = reader(3, { after: [layers.dense({ units: 3 })] });
    const images = tf.tensor4d([2 / 255, 1 / 255, 0], [1, 1, 3, 1]);
    const labels = tf.tensor1d([1], 'int32');
    const losses = [bare, shaped].map((teacher) => {
      const terms = [new Distillation(teacher, { weight: 1 })];
      return lossAndGradients(student, { images, labels }, { terms }).loss;
    });
    expect(losses[1]).toBeCloseTo(losses[0]!, 5);
    const [z] = valuesOf(() => [logitsOf(shaped, images, false)]);
    expect(z!.length).toBe(3);
    tf.dispose([images, labels]);
    for (const model of [bare, shaped, student]) model.dispose();
  });
});
