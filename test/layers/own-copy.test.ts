import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../errors';
import { readModel, typescriptSource, writeModel } from '../../formats';
import { onnxModel } from '../../formats/onnx/onnx';
import { ChannelGraph, keepAll, Network } from '../../graph';
import { pruneOnce } from '../../jobs';
import { prunable, setMasks, stock, weightsByName } from '../../layers';
import { logitsOf } from '../../measure/logits';
import { readHead } from '../../measure/head';
import { harden, mask, PruningManager, strip, verify } from '../../surgery';
import { Distillation } from '../../trainer';

type Layers = Pick<typeof tf, 'sequential' | 'layers' | 'input' | 'model' | 'LayersModel'>;

const load = createRequire(__filename);

/** tfjs-layers once more, with a tfjs-core of its own, as a second installation has them. */
function loadAnotherCopy(): Layers {
  const own = Object.keys(load.cache).filter((file) => file.includes('@tensorflow'));
  const kept = own.map((file) => [file, load.cache[file]] as const);
  for (const file of own) Reflect.deleteProperty(load.cache, file);
  try {
    return load('@tensorflow/tfjs-layers') as Layers;
  } finally {
    for (const [file, module] of kept) load.cache[file] = module;
  }
}

/** A small classifier of a copy of TensorFlow.js; the engine takes a name once. */
function sequentialOf({ sequential, layers }: Layers, name: string): tf.LayersModel {
  return sequential({
    layers: [
      layers.conv2d({ inputShape: [4, 4, 1], filters: 4, kernelSize: 3, name: `${name}_conv` }),
      layers.flatten(),
      layers.dense({ units: 2, name: `${name}_top` }),
    ],
  });
}

function functionalOf({ layers, input, model }: Layers, name: string): tf.LayersModel {
  const images = input({ shape: [4, 4, 1] });
  const hidden = layers.conv2d({ filters: 4, kernelSize: 3, name }).apply(images);
  const outputs = layers.flatten().apply(hidden) as tf.SymbolicTensor;
  return model({ inputs: images, outputs });
}

const place = mkdtempSync(join(tmpdir(), 'secateur-copy-'));
const images = tf.zeros([1, 4, 4, 1]);

/** What a program hands models to. */
const doors: Readonly<Record<string, (model: tf.LayersModel) => unknown>> = {
  'ChannelGraph.of': (model) => ChannelGraph.of(model),
  'Network.of': (model) => Network.of(model),
  prunable,
  stock,
  strip,
  weightsByName,
  setMasks: (model) => { setMasks(model, new Map()); }, // prettier-ignore
  mask: (model) => { mask({ model, graph: ownGraph() }, keepAll); }, // prettier-ignore
  harden: (model) => harden({ model, graph: ownGraph() }, keepAll),
  verify: (model) => verify({ model, graph: ownGraph(), keep: keepAll, hard: model }, [images]),
  PruningManager: (model) => new PruningManager(model),
  Distillation: (model) => new Distillation(model),
  readHead: (model) => readHead(model),
  logitsOf: (model) => logitsOf(model, images, false),
  typescriptSource: (model) => typescriptSource(model),
  onnxModel: (model) => onnxModel(model),
  pruneOnce: (model) => pruneOnce({ model, rate: 0.5, out: mkdtempSync(join(place, 'out-')) }),
};

function ownGraph(): ChannelGraph {
  return ChannelGraph.of(sequentialOf(tf, 'own'));
}

describe('a model of another copy of TensorFlow.js', () => {
  let foreign: Layers;
  let strange: tf.LayersModel[];

  beforeAll(() => {
    foreign = loadAnotherCopy();
    expect(foreign.LayersModel).not.toBe(tf.LayersModel);
    strange = [sequentialOf(foreign, 'first'), functionalOf(foreign, 'second')];
  });

  afterAll(() => {
    rmSync(place, { recursive: true });
  });

  /** How a door takes a model: what it throws, or that it throws nothing. */
  async function refusalOf(
    door: (model: tf.LayersModel) => unknown,
    model: tf.LayersModel,
  ): Promise<unknown> {
    try {
      await door(model);
      return 'taken';
    } catch (error) {
      return error;
    }
  }

  it.each(Object.entries(doors))('is refused with what mends it: %s', async (_, door) => {
    for (const model of strange) {
      const error = await refusalOf(door, model);
      expect(error).toBeInstanceOf(OptionError);
      const { message } = error as OptionError;
      expect(message).toContain('another copy of @tensorflow/tfjs');
      expect(message).toContain(`tfjs-layers ${tf.version_layers}`);
      expect(message).toMatch(/node_modules\/@tensorflow\/tfjs-layers/);
      expect(message).toMatch(/npm ls @tensorflow\/tfjs.*npm dedupe/);
    }
  });

  it.each(Object.entries(doors))(
    'is a matter of the copy alone: %s takes its own',
    async (_, door) => {
      const said = await refusalOf(door, sequentialOf(tf, 'own'));
      expect(String(said)).not.toContain('another copy');
    },
  );

  it('is named where its weights have the names that ours are to have', async () => {
    const [model] = strange;
    const folder = join(place, 'net');
    await writeModel(sequentialOf(tf, 'third'), folder);
    const json = readFileSync(join(folder, 'model.json'), 'utf8');
    writeFileSync(join(folder, 'model.json'), json.replaceAll('third', 'first'));
    expect(model!.layers[0]!.name).toBe('first_conv');
    await expect(readModel(folder)).rejects.toThrow(
      /another copy of @tensorflow\/tfjs.*the weight first_conv\/kernel/,
    );
  });

  it('is told from what is no model, and from a GraphModel', () => {
    for (const value of [null, undefined, 3, 'net/model.json', {}, { layers: [] }]) {
      const given = value as unknown as tf.LayersModel;
      expect(() => ChannelGraph.of(given)).toThrow(/^model must be a tf.LayersModel, got /);
    }
    const graph = new tf.GraphModel('net/model.json') as unknown as tf.LayersModel;
    expect(() => prunable(graph)).toThrow(/^model is a GraphModel/);
  });

  it('shares tensors and the engine with ours, which are taken as they are', async () => {
    const model = prunable(sequentialOf(tf, 'own'));
    const { graph } = Network.of(model);
    const comparison = { model, graph, keep: keepAll, hard: harden({ model, graph }, keepAll) };
    const { randomNormal } = load('@tensorflow/tfjs-core') as Pick<typeof tf, 'randomNormal'>;
    const proof = await verify(comparison, [randomNormal([2, 4, 4, 1], 0, 1, 'float32', 1)]);
    expect(proof.maxAbsDiff).toBe(0);
  });
});
