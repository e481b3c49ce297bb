import * as fs from 'node:fs';
import * as path from 'node:path';
import { execFileSync } from 'node:child_process';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelFileError, readModel, writeModel } from '../../../formats';
import { disposeWeights } from '../../../layers/build-model';
import {
  functionalModel,
  layerEntry,
  nestedModel,
  outputOf,
  plainlyLoaded,
  readLoose,
  scratchFolder,
  sequentialModel,
  weightBits,
  writeLoose,
} from './model-folders';
import type { Loose, LooseModel, LooseObject } from './model-folders';
import { fuzzReader } from './mutations';

const scratch = scratchFolder();
let functional: LooseModel;
let nested: LooseModel;
let sequential: LooseModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  const written = async (make: () => tf.LayersModel, name: string): Promise<LooseModel> => {
    const model = make();
    const folder = path.join(scratch, name);
    await writeModel(model, folder);
    disposeWeights(model);
    return readLoose(folder);
  };
  functional = await written(functionalModel, 'functional');
  nested = await written(nestedModel, 'nested');
  sequential = await written(sequentialModel, 'sequential');
});

/** Writes a changed copy and reads it; nothing may stay behind, whatever comes of it. */
async function refusal(
  change: (model: LooseModel, folder: string) => void,
  base: LooseModel = functional,
): Promise<string> {
  const model = { json: structuredClone(base.json), weights: Buffer.from(base.weights) };
  const folder = path.join(scratch, 'hostile');
  const file = writeLoose(folder, model);
  change(model, folder);
  fs.writeFileSync(file, JSON.stringify(model.json));
  return refusalOf(file);
}

async function refusalOf(file: string): Promise<string> {
  const before = tf.memory().numTensors;
  const started = process.cpuUsage();
  const error = await readModel(file).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ModelFileError);
  expect(tf.memory().numTensors).toBe(before);
  expect(process.cpuUsage(started).user).toBeLessThan(1_000_000);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  return (error as ModelFileError).message;
}

const config = (model: LooseModel): LooseObject => model.json.modelTopology.config as LooseObject;
const layer = (model: LooseModel, name: string): LooseObject =>
  layerEntry(model.json.modelTopology, name);
const inner = (model: LooseModel, name: string): LooseObject =>
  layer(model, name).config as LooseObject;
const spec = (model: LooseModel, name: string): LooseObject =>
  model.json.weightsManifest[0]!.weights.find((weight) => weight.name === name)!;

describe('a weight file', () => {
  it.each([
    '../secret.bin',
    '..',
    '.',
    '',
    '/etc/passwd',
    'a/b.bin',
    './../secret.bin',
    '..\\secret.bin',
    'C:\\secret.bin',
    '.hidden',
    'nul\u0000.bin',
    'x'.repeat(300),
    'https://example.org/w.bin',
  ])('with the path %j is refused, and nothing outside is read', async (name) => {
    const message = await refusal((model, folder) => {
      fs.writeFileSync(path.join(folder, '../secret.bin'), model.weights);
      model.json.weightsManifest[0]!.paths = [name];
    });
    expect(message).toContain('plain names in its own folder');
  });

  it('that is a link is refused, wherever it leads', async () => {
    const message = await refusal((model, folder) => {
      fs.writeFileSync(path.join(scratch, 'secret.bin'), model.weights);
      fs.rmSync(path.join(folder, 'group1-shard1of1.bin'));
      fs.symlinkSync(path.join(scratch, 'secret.bin'), path.join(folder, 'group1-shard1of1.bin'));
    });
    expect(message).toContain('must be a regular file, not a link or folder');
  });

  it('that is a folder, a pipe or missing is refused', async () => {
    const place = (folder: string): string => path.join(folder, 'group1-shard1of1.bin');
    const replaced = (put: (file: string) => void): Promise<string> =>
      refusal((_, folder) => {
        fs.rmSync(place(folder));
        put(place(folder));
      });
    expect(
      await replaced((file) => {
        fs.mkdirSync(file);
      }),
    ).toContain('must be a regular file');
    expect(await replaced((file) => execFileSync('mkfifo', [file]))).toContain('must be a regular');
    expect(await replaced(() => undefined)).toContain('does not exist');
  });

  it.each([-1, 1, -4, 4, 4096])('that is off by %d bytes is refused', async (difference) => {
    const message = await refusal(({ weights }, folder) => {
      const changed = Buffer.concat([weights, Buffer.alloc(4096)]);
      const file = path.join(folder, 'group1-shard1of1.bin');
      fs.writeFileSync(file, changed.subarray(0, weights.length + difference));
    });
    const { length } = functional.weights;
    expect(message).toContain(`must hold ${length} bytes, they hold ${length + difference}`);
  });

  it('that is named twice is refused', async () => {
    const message = await refusal(({ json }) => {
      json.weightsManifest[0]!.paths.push('./group1-shard1of1.bin');
    });
    expect(message).toContain('names the weight file group1-shard1of1.bin twice');
  });

  it('whose surplus is another group’s lack is refused', async () => {
    const message = await refusal(({ json, weights }, folder) => {
      const [group] = json.weightsManifest;
      const rest = group!.weights.splice(4);
      json.weightsManifest.push({ paths: ['second.bin'], weights: rest });
      const file = path.join(folder, 'group1-shard1of1.bin');
      fs.writeFileSync(file, weights.subarray(0, 400));
      fs.writeFileSync(path.join(folder, 'second.bin'), weights.subarray(400));
    });
    expect(message).toMatch(/group1-shard1of1\.bin must hold \d+ bytes, they hold 400/);
  });
});

describe('a weight', () => {
  it.each([
    [[1e15]],
    [[1e5, 1e5, 1e5]],
    [[2 ** 40, 2 ** 40]],
    [[2 ** 53]],
    [[1e300, 1e300, 0]],
    [[-3, -54]],
    [[1.5]],
    [['3']],
    [[null]],
    ['6'],
    [null],
  ])('of shape %j is refused before it is allocated', async (shape) => {
    const message = await refusal((model) => {
      spec(model, 'conv1/kernel').shape = shape;
    });
    expect(message).toMatch(/weight conv1\/kernel must have a shape|must hold \d+ bytes/);
  });

  it.each(['string', 'complex64', 'float64', '__proto__', 'toString', 4, null])(
    'of type %j is refused',
    async (dtype) => {
      const message = await refusal((model) => {
        spec(model, 'conv1/kernel').dtype = dtype;
      });
      expect(message).toContain('weight conv1/kernel must be float32, int32 or bool');
    },
  );

  it.each([
    [null],
    ['uint8'],
    [{}],
    [{ dtype: 'uint8' }],
    [{ dtype: 'uint8', min: 0 }],
    [{ dtype: 'uint4', min: 0, scale: 1 }],
    [{ dtype: 'constructor', min: 0, scale: 1 }],
    [{ dtype: 'uint16', min: '0', scale: 1 }],
  ] as Loose[][])('quantized as %j is refused', async (quantization) => {
    const message = await refusal((model) => {
      spec(model, 'conv1/kernel').quantization = quantization!;
    });
    expect(message).toContain('weight conv1/kernel must be quantized to uint8 or uint16');
  });

  it.each(['conv1/bias', '__proto__', 'constructor', 'toString', '', 7])(
    'with the name %j instead of its own is refused',
    async (name) => {
      const message = await refusal((model) => {
        spec(model, 'conv1/kernel').name = name;
      });
      expect(message).toMatch(/names the weight conv1\/bias twice|a weight must have a name/);
    },
  );

  it('of another shape than its layer’s, of no layer, or lacking is refused', async () => {
    expect(
      await refusal((model) => {
        spec(model, 'conv1/kernel').shape = [9, 3, 1, 6];
      }),
    ).toContain('Shape mismatch');
    expect(
      await refusal((model) => {
        spec(model, 'conv1/kernel').name = 'conv9/kernel';
      }),
    ).toContain('conv9/kernel');
    expect(
      await refusal((model, folder) => {
        const last = model.json.weightsManifest[0]!.weights.pop()!;
        const bytesOfLast = 4 * (last.shape as number[])[0]!;
        const file = path.join(folder, 'group1-shard1of1.bin');
        fs.writeFileSync(file, model.weights.subarray(0, -bytesOfLast));
      }),
    ).toMatch(/asks for a kernel of shape \[12,3\], the weight files hold 615 values in all/);
  });
});

describe('a layer', () => {
  const units = { filters: 1e9, units: 1e9 };

  it('of a billion filters is refused before they are allocated', async () => {
    const before = process.memoryUsage().rss;
    expect(
      await refusal((model) => {
        Object.assign(inner(model, 'conv1'), units);
      }),
    ).toMatch(/layer conv1 asks for a kernel of shape \[3,3,3,1000000000\], the weight files hold/);
    expect(
      await refusal((model) => {
        Object.assign(inner(model, 'hidden'), units);
      }, nested),
    ).toMatch(/layer hidden asks for a kernel/);
    expect(
      await refusal((model) => {
        const wrapped = inner(model, 'both_ways').layer as LooseObject;
        Object.assign(wrapped.config as LooseObject, units);
      }, sequential),
    ).toMatch(/asks for a kernel/);
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  it.each([1e15, 1e300, -1, 0.5, '6', null, [6], {}, true])(
    'with %j filters is refused',
    async (filters) => {
      await refusal((model) => {
        inner(model, 'conv1').filters = filters;
      });
    },
  );

  it('of an unknown class is refused by name and class', async () => {
    for (const className of [
      'ChannelShuffle',
      '__proto__',
      'constructor',
      'Adam',
      'relu',
      'L1L2',
    ]) {
      const message = await refusal((model) => {
        layer(model, 'relu').class_name = className;
      });
      expect(message).toMatch(
        /layer relu has the class \w+, which is no layer that TensorFlow.js knows; the option register FILE.js teaches it/,
      );
    }
    const wrapped = await refusal((model) => {
      (inner(model, 'each').layer as LooseObject).class_name = 'Mystery';
    }, sequential);
    expect(wrapped).toContain('what layer each wraps has the class Mystery');
  });

  it.each(['kernel_constraint', 'bias_initializer', 'kernel_regularizer', 'activation'])(
    'with a layer for its %s is refused: tfjs would call it',
    async (key) => {
      const message = await refusal((model) => {
        inner(model, 'fc')[key] = { class_name: 'Dense', config: { units: 1e9 } };
      });
      expect(message).toMatch(
        /layer fc has the (constraint|initializer|regularizer|activation) Dense, which/,
      );
    },
  );

  it('without a name, with two, or with another’s is refused', async () => {
    const renamed = (change: (entry: LooseObject) => void): Promise<string> =>
      refusal((model) => {
        change(layer(model, 'relu'));
      });
    expect(await renamed((entry) => delete entry.name)).toContain('must have a name, got none');
    expect(
      await renamed((entry) => {
        entry.name = 'relu2';
      }),
    ).toContain('layer relu2 must have the same name in its config, got "relu"');
    expect(
      await renamed((entry) => {
        entry.name = 'add';
        (entry.config as LooseObject).name = 'add';
      }),
    ).toContain('two layers with the name add');
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', '', 5, null]) {
      expect(
        await renamed((entry) => {
          entry.name = name;
          (entry.config as LooseObject).name = name;
        }),
      ).toContain('must have a name');
    }
    expect(await refusal((model) => delete inner(model, 'hidden').name, nested)).toContain(
      'each layer of layer head must have a name, got none',
    );
  });

  it('with an impossible input shape is refused', async () => {
    for (const shape of [7, [null, -8, 8, 3], [null, 8.5, 8, 3], [null, 'x'], {}, [1e6, 8, 8, 3]]) {
      const message = await refusal((model) => {
        inner(model, 'image').batch_input_shape = shape;
      });
      expect(message).toMatch(/layer image must have (an input shape|a batch of at most 65536)/);
    }
  });
});

describe('a call', () => {
  const calls = (model: LooseModel, name: string, to: Loose): void => {
    layer(model, name).inbound_nodes = to;
  };

  it('in a cycle is refused, with the layers on it', async () => {
    expect(
      await refusal((model) => {
        calls(model, 'conv1', [[['bn1', 0, 0, {}]]]);
      }),
    ).toContain('read one another in a cycle: conv1 <- bn1 <- conv1');
    expect(
      await refusal((model) => {
        calls(model, 'relu', [[['relu', 0, 0, {}]]]);
      }),
    ).toContain('cycle: relu <- relu');
    expect(
      await refusal((model) => {
        calls(model, 'shared', [[['shared', 1, 0]], [['shared', 0, 0]]]);
      }),
    ).toContain('cycle: shared <- shared');
  });

  it.each([
    [[[['nobody', 0, 0, {}]]], 'layer relu reads the layer nobody, which is not there'],
    [[[['toString', 0, 0, {}]]], 'layer relu reads the layer toString, which is not there'],
    [[[['shared', 2, 0, {}]]], 'layer relu reads call 2 of shared, which has 2, counted from 0'],
    [[[['block', 2, 0, {}]]], 'layer relu reads call 2 of block, which has 2'],
    [[[['block', -1, 0, {}]]], 'must read [layer, call, output]'],
    [[[['block', 1, 0.5]]], 'must read [layer, call, output]'],
    [[[['block', 1]]], 'must read [layer, call, output]'],
    [[[['block', 1, 0, 'x']]], 'must read [layer, call, output]'],
    [[['block', 1, 0, {}]], 'must read [layer, call, output], got "block"'], // TFOpLambda's way
    [[{ args: [], kwargs: {} }], 'layer relu (ReLU) is called with none, no tensor'], // Keras 3's way
    [[{ args: [7], kwargs: {} }], 'layer relu (ReLU) is called with 7, no tensor'],
    [[{ args: {} }], 'each call of layer relu must be a list'],
    [[[[['block', 1, 0, {}]]]], 'must read [layer, call, output]'],
    [null, 'the calls of layer relu must be a list'],
    ['block', 'the calls of layer relu must be a list'],
  ] as [Loose, string][])('that reads %j is refused', async (to, message) => {
    expect(
      await refusal((model) => {
        calls(model, 'relu', to);
      }),
    ).toContain(message);
  });

  it('of an output that its layer does not have is refused', async () => {
    await refusal((model) => {
      calls(model, 'relu', [[['block', 1, 1, {}]]]);
    });
  });

  it.each(['input_layers', 'output_layers'])(
    'from %s that is not there is refused',
    async (end) => {
      const changed = (to: Loose): Promise<string> =>
        refusal((model) => {
          config(model)[end] = to;
        });
      expect(await changed([['nobody', 0, 0]])).toContain('reads the layer nobody');
      expect(await changed([['fc', 7, 0]])).toContain('reads call 7 of fc');
      expect(await changed(null)).toContain('must be a list');
      await changed([]);
      await changed([['fc', 0, 9]]);
    },
  );

  it('made by layers in an order that would take for ever is refused', async () => {
    const message = await refusal((model) => {
      const layers = Array.from({ length: 4900 }, (_, index) => ({
        class_name: 'ReLU',
        name: `r${index}`,
        config: { name: `r${index}` },
        inbound_nodes: [[[index === 0 ? 'image' : `r${index - 1}`, 0, 0, {}]]],
      }));
      config(model).layers = [...layers.reverse(), layer(model, 'image')];
      config(model).output_layers = [['r4899', 0, 0]];
    });
    expect(message).toContain('in an order that takes too long');
  });
});

describe('a model.json', () => {
  const inFile = (text: string | Buffer): Promise<string> => {
    const folder = path.join(scratch, 'text');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'model.json'), text);
    return refusalOf(path.join(folder, 'model.json'));
  };
  const text = (): string => JSON.stringify(functional.json);

  it('that is no JSON is refused', async () => {
    expect(await inFile('')).toContain('it is empty');
    expect(await inFile('{"modelTopology":')).toContain('it is not JSON');
    expect(await inFile(Buffer.from([0xff, 0xfe, 0x7b]))).toContain('it is not JSON');
    expect(await inFile(text().replace('"filters":6', '"filters":NaN'))).toContain('is not JSON');
  });

  it('that is no LayersModel is refused', async () => {
    for (const other of ['null', '7', '[]', '{}', '{"modelTopology":[],"weightsManifest":[]}']) {
      expect(await inFile(other)).toContain('it must be a LayersModel');
    }
    const graph = { format: 'graph-model', modelTopology: { node: [] }, weightsManifest: [] };
    expect(await inFile(JSON.stringify(graph))).toContain('it is a GraphModel');
    const group = { modelTopology: {}, weightsManifest: [{ paths: 'x' }] };
    expect(await inFile(JSON.stringify(group))).toContain('must have paths and weights');
    const single = { class_name: 'Dense', config: { name: 'fc', units: 3 } };
    expect(await inFile(JSON.stringify({ modelTopology: single, weightsManifest: [] }))).toContain(
      'must be that of a model',
    );
  });

  it('with a number too large for one is refused', async () => {
    expect(await inFile(text().replace('"filters":6', '"filters":1e999'))).toMatch(
      /\$\.modelTopology\..*filters must be a finite number/,
    );
  });

  it.each(['__proto__', 'constructor', 'prototype'])('with the key %s is refused', async (key) => {
    const hostile = `"${key}":{"polluted":1},"filters":6`;
    expect(await inFile(text().replace('"filters":6', hostile))).toContain(
      `must not have a key ${key}`,
    );
    expect(await inFile(text().replace('{', `{"${key}":{"polluted":1},`))).toContain(key);
    const escaped = `"\\u005f\\u005fproto__":{"polluted":1},"filters":6`;
    expect(await inFile(text().replace('"filters":6', escaped))).toContain('__proto__');
  });

  it('nested deeper than 64 is refused, however deep', async () => {
    const nest = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(await inFile(nest(64))).toContain('must be a LayersModel');
    expect(await inFile(nest(65))).toContain('nested deeper than 64');
    expect(await inFile('['.repeat(5_000_000))).toContain('nested deeper than 64');
    const model = text().replace('"filters":6', `"other":${nest(70)},"filters":6`);
    expect(await inFile(model)).toContain('nested deeper than 64');
  });

  it('with brackets in its texts is no deeper for it', async () => {
    const folder = path.join(scratch, 'brackets');
    const file = writeLoose(folder, functional);
    const braces = JSON.stringify(`\\"${'['.repeat(1000)}\\`);
    fs.writeFileSync(file, text().replace('{', `{"note":${braces},`));
    disposeWeights(await readModel(file));
  });

  it('larger than 64 MB, or with too many values or layers, is refused', async () => {
    const folder = path.join(scratch, 'large');
    fs.mkdirSync(folder);
    const file = path.join(folder, 'model.json');
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 2 ** 40); // sparse
    expect(await refusalOf(file)).toContain('at most 67108864 are allowed');
    expect(await inFile(`[${'[],'.repeat(2_000_000)}0]`)).toContain('more than 2000000 values');
    const many = { class_name: 'Sequential', config: { name: 's', layers: [] as Loose[] } };
    many.config.layers = Array.from({ length: 5_001 }, (_, index) => ({
      class_name: 'ReLU',
      config: { name: `r${index}` },
    }));
    expect(await inFile(JSON.stringify({ modelTopology: many, weightsManifest: [] }))).toContain(
      'more than 5000 layers',
    );
  });

  it('that is a folder or missing is refused', async () => {
    fs.mkdirSync(path.join(scratch, 'folder', 'model.json'), { recursive: true });
    expect(await refusalOf(path.join(scratch, 'folder', 'model.json'))).toContain(
      'it is a folder without a model.json',
    );
    expect(await refusalOf(path.join(scratch, 'nowhere', 'model.json'))).toContain('cannot read');
  });

  it('with another model and other weights hidden in its topology is read as if without', async () => {
    const model = { json: structuredClone(functional.json), weights: functional.weights };
    const fetched: string[] = [];
    const { fetch } = globalThis;
    globalThis.fetch = (url) => {
      fetched.push(JSON.stringify(url));
      return Promise.reject(new Error('no network'));
    };
    const hidden = { class_name: 'Sequential', config: { name: 'hidden', layers: [] } };
    Object.assign(model.json.modelTopology, {
      modelTopology: hidden,
      modelConfig: hidden,
      weightsManifest: [{ paths: ['http://127.0.0.1:9/secret'], weights: [] }],
      pathPrefix: '../',
    });
    Object.assign(config(model), { custom_objects: { Conv2D: [1, 2] } });
    try {
      const read = await readModel(writeLoose(path.join(scratch, 'hidden'), model));
      expect(read.name).toBe('functional');
      disposeWeights(read);
      expect(fetched).toEqual([]);
    } finally {
      globalThis.fetch = fetch;
    }
  });

  it('may itself be a link, which the user has named', async () => {
    const file = writeLoose(path.join(scratch, 'linked'), functional);
    fs.renameSync(file, path.join(scratch, 'linked.json'));
    fs.symlinkSync(path.join(scratch, 'linked.json'), file);
    disposeWeights(await readModel(file));
  });
});

describe('what tfjs loads', () => {
  /** Read by us and by tfjs itself: same weights, same outputs. */
  async function expectSame(model: LooseModel): Promise<tf.LayersModel> {
    const file = writeLoose(path.join(scratch, 'same'), model);
    const [ours, theirs] = [await readModel(file), await plainlyLoaded(model)];
    expect(weightBits(ours)).toEqual(weightBits(theirs));
    expect(outputOf(ours)).toEqual(outputOf(theirs));
    expect(ours.toJSON(null, false)).toEqual(theirs.toJSON(null, false));
    disposeWeights(theirs);
    return ours;
  }

  const copy = ({ json, weights }: LooseModel): LooseModel => ({
    json: structuredClone(json),
    weights: Buffer.from(weights),
  });

  it.each(['functional', 'nested', 'sequential'])('is loaded the same: %s', async (name) => {
    disposeWeights(await expectSame({ functional, nested, sequential }[name]!));
  });

  it('wrapped as a Keras file, with model_config, training and optimizer weights', async () => {
    const model = copy(functional);
    model.json.modelTopology = {
      keras_version: '2.15.0',
      backend: 'tensorflow',
      model_config: { ...model.json.modelTopology, class_name: 'Functional' },
      training_config: { loss: 'mse' },
    };
    model.json.weightsManifest[0]!.weights.push({
      name: 'Variable/iteration',
      shape: [2],
      dtype: 'float32',
      group: 'optimizer',
    });
    model.weights = Buffer.concat([model.weights, Buffer.alloc(8)]);
    disposeWeights(await expectSame(model));
  });

  it('in several groups and files, called ./ as tfjs does in browsers', async () => {
    const model = copy(functional);
    const [group] = model.json.weightsManifest;
    const bytes = (weights: LooseObject[]): number =>
      weights.reduce((sum, { shape }) => sum + 4 * tf.util.sizeFromShape(shape as number[]), 0);
    const rest = group!.weights.splice(5);
    const first = bytes(group!.weights);
    group!.paths = ['./first weights.bin'];
    model.json.weightsManifest.push({ paths: ['b1.bin', 'b2.bin'], weights: rest });
    const folder = path.join(scratch, 'groups');
    const file = writeLoose(folder, model);
    fs.writeFileSync(path.join(folder, 'first weights.bin'), model.weights.subarray(0, first));
    fs.writeFileSync(path.join(folder, 'b1.bin'), model.weights.subarray(first, first + 7));
    fs.writeFileSync(path.join(folder, 'b2.bin'), model.weights.subarray(first + 7));
    const ours = await readModel(file);
    const theirs = await plainlyLoaded(functional);
    expect(weightBits(ours)).toEqual(weightBits(theirs));
    disposeWeights(ours);
    disposeWeights(theirs);
  });

  it('with camelCase keys, and a bare Sequential in old Keras’ way', async () => {
    const model = copy(functional);
    const text = JSON.stringify(model.json.modelTopology).replace(
      /"(\w+)":/g,
      (_, key: string) =>
        `"${key.replace(/_(\w)/g, (__, letter: string) => letter.toUpperCase())}":`,
    );
    expect(text).toContain('"inboundNodes"');
    model.json.modelTopology = JSON.parse(text) as LooseObject;
    disposeWeights(await expectSame(model));
    const bare = copy(sequential);
    bare.json.modelTopology.config = (bare.json.modelTopology.config as LooseObject).layers!;
    const [ours, theirs] = [
      await readModel(writeLoose(path.join(scratch, 'bare'), bare)),
      await plainlyLoaded(bare),
    ];
    expect(outputOf(ours)).toEqual(outputOf(theirs));
    disposeWeights(ours);
    disposeWeights(theirs);
  });

  it('with constraints, regularizers and initializers as objects and as names', async () => {
    const model = copy(functional);
    Object.assign(inner(model, 'conv1'), {
      kernel_constraint: { class_name: 'MaxNorm', config: { max_value: 0.5, axis: 0 } },
      bias_constraint: 'NonNeg',
      kernel_regularizer: { class_name: 'L1L2', config: { l1: 0.1, l2: 0 } },
      bias_initializer: 'ones',
      activation: 'relu6',
    });
    disposeWeights(await expectSame(model));
  });

  it.each(['uint8', 'uint16', 'float16'])('with weights quantized to %s', async (dtype) => {
    const model = copy(functional);
    const bytes = dtype === 'uint8' ? 1 : 2;
    const parts = model.json.weightsManifest[0]!.weights.map((weight, index) => {
      const size = tf.util.sizeFromShape(weight.shape as number[]);
      weight.quantization =
        dtype === 'float16' ? { dtype } : { dtype, min: -1.5 + index / 8, scale: 3 / 65_535 };
      // float16: 0x3c00 is 1, 0x3555 is 0.333; no infinities (0x7c00) among them
      return Buffer.from(
        Uint16Array.from({ length: size }, (_, at) => 0x3400 + ((at * 37 + index) % 0x900)).buffer,
      ).subarray(0, size * bytes);
    });
    model.weights = Buffer.concat(parts);
    const ours = await expectSame(model);
    expect(ours.weights.every(({ dtype: type }) => type === 'float32')).toBe(true);
    disposeWeights(ours);
  });

  it('with a fresh random initialisation nowhere: large kernels load at once', async () => {
    // An Orthogonal initialiser takes minutes for such a matrix; the file's values replace it anyway.
    const size = 1500;
    const json = {
      modelTopology: {
        class_name: 'Sequential',
        config: {
          name: 's',
          layers: [
            {
              class_name: 'Dense',
              config: {
                name: 'fc',
                units: size,
                use_bias: false,
                batch_input_shape: [null, size],
                kernel_initializer: { class_name: 'Orthogonal', config: { gain: 1, seed: 1 } },
              },
            },
          ],
        },
      } as LooseObject,
      weightsManifest: [
        {
          paths: ['group1-shard1of1.bin'],
          weights: [{ name: 'fc/kernel', shape: [size, size], dtype: 'float32' }],
        },
      ],
    };
    const weights = Buffer.alloc(size * size * 4, 1);
    const started = process.cpuUsage();
    const model = await readModel(writeLoose(path.join(scratch, 'orthogonal'), { json, weights }));
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000);
    disposeWeights(model);
  });
});

describe('a mutated model', () => {
  it('is loaded or refused with a typed error, 5,000 times, at once and without a trace', async () => {
    const folder = path.join(scratch, 'fuzz');
    const { loaded, refused } = await fuzzReader(
      folder,
      [functional, nested, sequential],
      5_000,
      7,
    );
    expect(loaded + refused).toBe(5_000);
    expect(refused).toBeGreaterThan(2_000);
    expect(loaded).toBeGreaterThan(200);
  });
});
