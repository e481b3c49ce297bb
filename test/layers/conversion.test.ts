import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import {
  copyWeights,
  forEachLayer,
  hasPrunableTwin,
  isPrunable,
  prunable,
  setMasks,
  stock,
  stockClassName,
  weightsByName,
} from '../../layers';
import { describeOn } from '../engines';
import { random, randomizeWeights } from '../tensors';

const symbolic = (layer: tf.layers.Layer, ...inputs: tf.SymbolicTensor[]): tf.SymbolicTensor =>
  layer.apply(inputs.length === 1 ? inputs[0]! : inputs) as tf.SymbolicTensor;

function sequential(name = 'sequence'): tf.LayersModel {
  return tf.sequential({
    name,
    layers: [
      tf.layers.conv2d({ name: 'conv', filters: 4, kernelSize: 3, inputShape: [6, 6, 2] }),
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.reLU({ name: 'relu' }),
      tf.layers.depthwiseConv2d({ name: 'depthwise', kernelSize: 3 }),
      tf.layers.flatten({ name: 'flatten' }),
      tf.layers.dense({ name: 'dense', units: 3 }),
    ],
  });
}

function functional(): tf.LayersModel {
  const input = tf.input({ shape: [6, 6, 2], name: 'input' });
  const first = symbolic(tf.layers.conv2d({ name: 'first', filters: 4, kernelSize: 3, padding: 'same' }), input); // prettier-ignore
  const left = symbolic(tf.layers.conv2d({ name: 'left', filters: 4, kernelSize: 1 }), first);
  const sum = symbolic(tf.layers.add({ name: 'sum' }), left, first);
  const normal = symbolic(tf.layers.batchNormalization({ name: 'normal' }), sum);
  const pool = symbolic(tf.layers.globalAveragePooling2d({ name: 'pool' }), normal);
  const head = symbolic(tf.layers.dense({ name: 'head', units: 2 }), pool);
  return tf.model({ name: 'functional', inputs: input, outputs: [head, pool] });
}

function nested(): tf.LayersModel {
  const input = tf.input({ shape: [6, 6, 2], name: 'image' });
  const inner = sequential('inner');
  const outer = symbolic(tf.layers.dense({ name: 'head', units: 2 }), symbolic(inner, input));
  return tf.model({ name: 'outer', inputs: input, outputs: outer });
}

function sharedLayer(): tf.LayersModel {
  const input = tf.input({ shape: [6, 6, 2], name: 'image' });
  const shared = tf.layers.conv2d({ name: 'shared', filters: 2, kernelSize: 3, padding: 'same' });
  const y = symbolic(tf.layers.flatten(), symbolic(shared, symbolic(shared, input)));
  return tf.model({ name: 'twice', inputs: input, outputs: y });
}

const networks = { sequential, functional, nested, 'shared layer': sharedLayer };

/** One layer's keep in each network, by path. */
const keeps: Record<keyof typeof networks, [string, number[]]> = {
  sequential: ['conv', [1, 0, 0, 1]],
  functional: ['left', [0, 1, 1, 0]],
  nested: ['inner/conv', [0, 0, 0, 1]],
  'shared layer': ['shared', [0, 1]],
};

function outputs(model: tf.LayersModel): Float32Array[] {
  return tf.tidy(() => {
    const y = model.predict(random([2, 6, 6, 2], 5));
    return [y].flat().map((tensor) => Float32Array.from(tensor.dataSync()) as unknown as tf.Tensor);
  }) as unknown as Float32Array[];
}

function allWeights(model: tf.LayersModel): [string, Float32Array][] {
  return [...weightsByName(model)].map(([name, weight]) => [
    name,
    Float32Array.from(weight.read().dataSync()),
  ]);
}

async function saved(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let artifacts: tf.io.ModelArtifacts = {};
  await model.save(
    tf.io.withSaveHandler((given) => {
      artifacts = given;
      return Promise.resolve({
        modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const },
      });
    }),
  );
  // Through JSON, as a file would.
  return {
    ...artifacts,
    modelTopology: JSON.parse(JSON.stringify(artifacts.modelTopology)) as object,
  };
}

describeOn(['cpu', 'tensorflow'], 'prunable and stock', () => {
  const names = Object.keys(networks) as (keyof typeof networks)[];

  it.each(names)('%s: prunable computes the same and leaves its input alone', (name) => {
    const plain = networks[name]();
    randomizeWeights(plain);
    const [weights, config, tensors] = [
      allWeights(plain),
      plain.getConfig(),
      tf.memory().numTensors,
    ];
    const model = prunable(plain);
    expect(outputs(model)).toEqual(outputs(plain));
    const layers: boolean[] = [];
    forEachLayer(model, (layer) => {
      if (layer.weights.length > 0) layers.push(isPrunable(layer));
    });
    expect(layers.length).toBeGreaterThan(0);
    expect(layers).not.toContain(false);
    model.dispose();
    // tfjs itself does not dispose of a layer that was called twice.
    if (name !== 'shared layer') expect(tf.memory().numTensors).toBe(tensors);
    expect(allWeights(plain)).toEqual(weights);
    expect(plain.getConfig()).toEqual(config);
    plain.dispose();
  });

  it.each(names)('%s: stock(prunable(model)) is the model again', (name) => {
    const plain = networks[name]();
    randomizeWeights(plain);
    const model = prunable(plain);
    const [path, keep] = keeps[name];
    setMasks(model, new Map([[path, { outputs: Uint8Array.from(keep) }]]));
    const back = stock(model); // the masks stay behind
    expect(back.getConfig()).toEqual(plain.getConfig());
    expect(back.getClassName()).toBe(plain.getClassName());
    expect(allWeights(back)).toEqual(allWeights(plain));
    expect(outputs(back)).toEqual(outputs(plain));
    for (const each of [plain, model, back]) each.dispose();
  });

  it.each(names)('%s: prunable(prunable(model)) keeps the masks', (name) => {
    const model = prunable(networks[name]());
    const [path, keep] = keeps[name];
    setMasks(model, new Map([[path, { outputs: Uint8Array.from(keep) }]]));
    const again = prunable(model);
    expect(allWeights(again)).toEqual(allWeights(model));
    expect(outputs(again)).toEqual(outputs(model));
    model.dispose();
    again.dispose();
  });

  it.each(names)('%s: masks survive save and load', async (name) => {
    const plain = networks[name]();
    randomizeWeights(plain);
    const model = prunable(plain);
    const [path, keep] = keeps[name];
    setMasks(model, new Map([[path, { outputs: Uint8Array.from(keep) }]]));
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(await saved(model)));
    expect(allWeights(loaded)).toEqual(allWeights(model));
    expect(outputs(loaded)).toEqual(outputs(model));
    expect(outputs(loaded)).not.toEqual(outputs(plain));
    setMasks(loaded, new Map()); // and can be lifted
    expect(outputs(loaded)).toEqual(outputs(plain));
    for (const each of [plain, model, loaded]) each.dispose();
  });
});

describe('conversion', () => {
  it('names the stock class of both twins', () => {
    expect(stockClassName('PrunableConv2D')).toBe('Conv2D');
    expect(stockClassName('Conv2D')).toBe('Conv2D');
    expect(stockClassName('ReLU')).toBe('ReLU');
    expect(['Conv2D', 'SeparableConv2D', 'Embedding'].map(hasPrunableTwin)).toEqual([true, true, false]); // prettier-ignore
  });

  it('trains a shared layer once, under one name', () => {
    const model = prunable(sharedLayer());
    expect([...weightsByName(model).keys()]).toEqual([
      'shared/kernel',
      'shared/bias',
      'shared/mask',
      'shared/bias_mask',
    ]);
    model.dispose();
  });

  it('names the weights of a nested model by path', () => {
    const model = nested();
    expect([...weightsByName(model).keys()]).toEqual([
      'inner/conv/kernel',
      'inner/conv/bias',
      'inner/bn/gamma',
      'inner/bn/beta',
      'inner/bn/moving_mean',
      'inner/bn/moving_variance',
      'inner/depthwise/depthwise_kernel',
      'inner/depthwise/bias',
      'inner/dense/kernel',
      'inner/dense/bias',
      'head/kernel',
      'head/bias',
    ]);
    model.dispose();
  });

  it.each([
    ['a layer', 'inner/conv/', (model: tf.LayersModel) => innerOf(model).getLayer('conv')],
    ['a nested model', 'inner/', innerOf],
  ])('keeps %s frozen', (_, frozen, part) => {
    const plain = nested();
    part(plain).trainable = false;
    const model = prunable(plain);
    const trainable = new Set(model.trainableWeights);
    const names = [...weightsByName(model)].filter(([, weight]) => trainable.has(weight));
    expect(names.map(([name]) => name)).toEqual(
      [...weightsByName(plain).keys()].filter(
        (name) => !name.startsWith(frozen) && !name.includes('moving'),
      ),
    );
    plain.dispose();
    model.dispose();
  });

  function innerOf(model: tf.LayersModel): tf.LayersModel {
    return model.getLayer('inner') as unknown as tf.LayersModel;
  }

  it('refuses to copy weights of another shape', () => {
    const [from, to] = [2, 3].map((units) =>
      tf.sequential({ layers: [tf.layers.dense({ name: 'dense', units, inputShape: [4] })] }),
    );
    expect(() => {
      copyWeights(from!, to!);
    }).toThrow('must match');
  });

  it.each([1, [1]])('refuses a normalization over axis %j, with its name', (axis) => {
    const config = { name: 'bn', axis: axis as number, inputShape: [3, 4, 5] }; // Keras writes [1]
    const plain = tf.sequential({ layers: [tf.layers.batchNormalization(config)] });
    expect(() => prunable(plain)).toThrow(
      expect.objectContaining({
        name: 'OptionError',
        message: 'axis of the prunable layer bn must be the last (-1 or 3), got 1',
      }),
    );
  });
});
