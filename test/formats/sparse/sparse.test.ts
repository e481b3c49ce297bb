import * as fs from 'node:fs';
import * as path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import {
  ModelFileError,
  readModel,
  readSparse,
  sparseWeights,
  unpackSparse,
  weightFileSizes,
  writeModel,
} from '../../../formats';
import { disposeWeights } from '../../../layers/build-model';
import { assignWeights, hostWeight } from '../../../layers/host-weights';
import { weightsByName } from '../../../layers';
import { RandomStream } from '../../../random/seeds';
import {
  functionalModel,
  nestedModel,
  outputOf,
  scratchFolder,
  sequentialModel,
  weightBits,
} from '../tfjs/model-folders';

const scratch = scratchFolder();
const makers = { functionalModel, nestedModel, sequentialModel };

beforeAll(async () => {
  await startEngine('cpu');
});

/** Sets each weight's values by what `value` makes of a draw; the model is changed and returned. */
function drawn(model: tf.LayersModel, value: (draw: number) => number): tf.LayersModel {
  const random = new RandomStream(11);
  const weights = [...weightsByName(model)].map(([name, weight]) => {
    const { shape, values } = hostWeight(weight);
    return [name, { shape, values: values.map(() => value(random.normal())) }] as const;
  });
  assignWeights(model, new Map(weights));
  return model;
}

/** A Dense layer of 3 inputs and 1 unit. */
function tiny(kernel: readonly number[], bias = 0): tf.LayersModel {
  const layers = [tf.layers.dense({ name: 'fc', units: 1, inputShape: [3] })];
  const model = tf.sequential({ name: 'tiny', layers });
  const values = Float32Array.from(kernel);
  assignWeights(
    model,
    new Map([
      ['fc/kernel', { shape: [3, 1], values }],
      ['fc/bias', { shape: [1], values: Float32Array.of(bias) }],
    ]),
  );
  return model;
}

/** The bytes of a model's two files. */
async function written(model: tf.LayersModel): Promise<{ bytes: Uint8Array; json: Uint8Array }> {
  const bytes = sparseWeights(model);
  const folder = path.join(scratch, 'written');
  await writeModel(model, folder, { 'weights.sparse': bytes });
  const read = (name: string): Uint8Array => fs.readFileSync(path.join(folder, name));
  expect(Buffer.compare(read('weights.sparse'), bytes)).toBe(0);
  return { bytes, json: read('model.json') };
}

const entries = [
  { name: 'fc/kernel', shape: [3, 1], dtype: 'float32' },
  { name: 'fc/bias', shape: [1], dtype: 'float32' },
];

/** A file from its parts, by hand. */
function file(...parts: (string | readonly number[])[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))); // prettier-ignore
  return gzipSync(Buffer.concat(bytes));
}
const header = 'secateur-sparse/1\n';
const planesOfOne = [0, 0, 0x80, 0x3f]; // 1 is 0x3f800000
const emptyBias = [1, 0b0];

async function reason(bytes: Uint8Array, weights = entries, limit?: number): Promise<string> {
  const error = await unpackSparse(bytes, weights, limit).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ModelFileError);
  return (error as ModelFileError).reason;
}

describe('a compressed weight file', () => {
  it('holds a bitmap and the planes of the values that are not zero, -0 among the values', () => {
    // bits 0 and 2; 1 = 00 00 80 3f, -0 = 00 00 00 80: their first bytes, second, third, fourth
    const expected = [1, 0b101, ...emptyBias, 0, 0, 0, 0, 0x80, 0, 0x3f, 0x80];
    const model = tiny([1, 0, -0]);
    expect([...gunzipSync(sparseWeights(model))]).toEqual([...Buffer.from(header), ...expected]);
    model.dispose();
  });

  it('holds every value where that is no longer', () => {
    // 3 values of 4 bytes are shorter than a bitmap of 1 byte beside them
    const model = tiny([1, 1, 1], 1);
    const planes = [0, 0x80, 0x3f].flatMap((byte) => new Array<number>(4).fill(byte));
    expect([...gunzipSync(sparseWeights(model))]).toEqual([
      ...[...Buffer.from(header), 0, 0],
      ...[0, 0, 0, 0, ...planes],
    ]);
    model.dispose();
  });

  it.each(Object.entries(makers))('gives %s back bit for bit', async (_, make) => {
    const special = [0, -0, 1e-45, -3.4e38, 1.1754942e-38];
    const model = drawn(make(), (draw) => special[Math.floor(Math.abs(draw) * 5)] ?? draw);
    const { bytes, json } = await written(model);
    const tensors = tf.memory().numTensors;
    const read = await readSparse(bytes, json);
    expect(weightBits(read)).toEqual(weightBits(model));
    expect(read.toJSON(null, false)).toEqual(model.toJSON(null, false));
    disposeWeights(read);
    expect(tf.memory().numTensors).toBe(tensors);
    disposeWeights(model);
  });

  it('computes what the stock files compute', async () => {
    const model = drawn(functionalModel(), (draw) => (Math.abs(draw) < 1 ? 0 : draw));
    const { bytes, json } = await written(model);
    const stock = await readModel(path.join(scratch, 'written', 'model.json'));
    const read = await readSparse(bytes, json);
    expect(outputOf(read)).toEqual(outputOf(stock));
    for (const each of [model, stock, read]) disposeWeights(each);
  });

  it('is read as well where a server has inflated it already', async () => {
    const model = tiny([0, -2, 0], 3);
    const inflated = gunzipSync(sparseWeights(model));
    expect([...new Float32Array(await unpackSparse(inflated, entries))]).toEqual([0, -2, 0, 3]);
    model.dispose();
  });

  it('is the same for the same network', () => {
    const one = drawn(nestedModel(), (draw) => (draw > 0 ? draw : 0));
    expect(Buffer.compare(sparseWeights(one), sparseWeights(one))).toBe(0);
    disposeWeights(one);
  });

  it('falls in proportion to the weights kept, below gzip of the stock file', () => {
    const layers = [tf.layers.dense({ name: 'fc', units: 100, inputShape: [200] })];
    const model = tf.sequential({ layers });
    const sizes = [0, 0.5, 0.8, 0.9, 0.95].map((rate) => {
      let at = 0;
      drawn(model, (draw) => ((at++ * 7919) % 20_100 < 20_100 * rate ? 0 : draw));
      return { rate, ...weightFileSizes(model) };
    });
    const whole = sizes[0]!.sparseBytes;
    for (const { rate, bytes, gzipBytes, sparseBytes } of sizes) {
      expect(bytes).toBe(4 * 20_100);
      expect(sparseBytes).toBeLessThan(gzipBytes);
      // the values kept, and at most one bit for each weight
      expect(sparseBytes).toBeLessThan(whole * (1 - rate) + 20_100 / 8 + 200);
      expect(sparseBytes).toBeGreaterThan(whole * (1 - rate) * 0.95);
    }
    model.dispose();
  });

  it.each([NaN, Infinity, -Infinity])('is refused to a network with a weight of %d', (value) => {
    const model = tiny([0, value, 0]);
    expect(() => sparseWeights(model)).toThrow(
      `weights.sparse: value 1 of weight fc/kernel must be finite, got ${value}`,
    );
    model.dispose();
  });

  it('leaves no tensor behind', () => {
    const model = functionalModel();
    const tensors = tf.memory().numTensors;
    weightFileSizes(model);
    expect(tf.memory().numTensors).toBe(tensors);
    disposeWeights(model);
  });
});

describe('a damaged weight file', () => {
  const places = [1, 0b001, ...emptyBias]; // one value is stored

  it('is read while it is whole', async () => {
    const data = await unpackSparse(file(header, places, planesOfOne), entries);
    expect([...new Float32Array(data)]).toEqual([1, 0, 0, 0]);
  });

  it.each<[string, Uint8Array]>([
    ['it must begin with secateur-sparse/1', new Uint8Array()],
    ['it must begin with secateur-sparse/1', file('secateur-sparse/2\n', places, planesOfOne)],
    ['it must begin with secateur-sparse/1', Buffer.from('{"format":1}')],
    ['it is no gzip file', file(header, places, planesOfOne).subarray(0, 20)],
    ['it is no gzip file', Buffer.of(0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8)],
    ['weight fc/kernel must be stored as 0 or 1, got 2', file(header, [2], emptyBias)],
    ['weight fc/bias must be stored as 0 or 1, got the end of the file', file(header, [1, 0b1])],
    ['it ends in the bitmap of weight fc/kernel', file(header, [1])],
    ['its 3 values take 12 bytes, there are 2', file(header, [1, 0b111], emptyBias, [1, 2])],
    ['its 1 values take 4 bytes, there are 5', file(header, places, planesOfOne, [0])],
    ['its 4 values take 16 bytes, there are 0', file(header, [0, 0])],
    ['the bitmap of weight fc/kernel has bits behind its 3 values', file(header, [1, 0b1000], emptyBias, planesOfOne)], // prettier-ignore
    [
      'value 0 of weight fc/kernel must be finite, got NaN',
      file(header, places, [0, 0, 0xc0, 0x7f]),
    ],
    ['value 0 of weight fc/bias must be finite, got -Infinity', file(header, [1, 0, 1, 1], [0, 0, 0x80, 0xff])], // prettier-ignore
  ])('is refused: %s', async (message, bytes) => {
    expect(await reason(bytes)).toContain(message);
  });

  it.each([
    ['fc/kernel must be float32', { dtype: 'int32' }],
    ['fc/kernel must be float32 and not quantized', { quantization: { dtype: 'uint8' } }],
    ['fc/kernel must have a shape of whole numbers', { shape: [3, -1] }],
    ['fc/kernel must have a shape of whole numbers', { shape: [1e9, 1e9] }],
    ['fc/kernel must have a shape', { shape: 'x' as unknown as number[] }],
    ['take 16000000004 bytes, at most 1073741824', { shape: [4e9] }],
  ])('is refused for weights that it cannot hold: %s', async (message, change) => {
    const weights = [{ ...entries[0]!, ...change }, entries[1]!];
    expect(await reason(file(header, places, planesOfOne), weights)).toContain(message);
  });

  it('is refused above the limit of the caller', async () => {
    const bytes = file(header, places, planesOfOne);
    expect((await unpackSparse(bytes, entries, 16)).byteLength).toBe(16);
    expect(await reason(bytes, entries, 15)).toContain('take 16 bytes, at most 15 are allowed');
  });

  it('that inflates without end is stopped at once', async () => {
    const bomb = gzipSync(Buffer.alloc(100_000_000));
    const started = process.memoryUsage().arrayBuffers;
    expect(await reason(bomb)).toContain('more than the 36 bytes that its weights can take');
    expect(process.memoryUsage().arrayBuffers - started).toBeLessThan(50_000_000);
  });

  it('does not let the layers ask for more than it holds', async () => {
    const model = tiny([1, 2, 3]);
    const { bytes, json } = await written(model);
    const text = Buffer.from(json).toString().replace('"units":1', '"units":1000000000');
    const tensors = tf.memory().numTensors;
    const error = await readSparse(bytes, Buffer.from(text)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModelFileError);
    expect((error as Error).message).toContain('no network that TensorFlow.js can build');
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });

  it('and model.json, mutated 1,000 times, are read or refused by name', async () => {
    const model = drawn(nestedModel(), (draw) => (draw > 0 ? draw : 0));
    const { bytes, json } = await written(model);
    disposeWeights(model);
    const inflated = gunzipSync(bytes);
    const change = fc.record({
      target: fc.constantFrom('file', 'inflated', 'json'),
      kind: fc.constantFrom('byte', 'cut', 'insert'),
      at: fc.nat(),
      byte: fc.nat(255),
    });
    let refused = 0;
    const tensors = tf.memory().numTensors;
    await fc.assert(
      fc.asyncProperty(change, async ({ target, kind, at, byte }) => {
        const whole = { file: bytes, inflated, json }[target];
        const place = at % whole.length;
        const rest = { byte: place + 1, cut: whole.length, insert: place }[kind];
        const added = kind === 'cut' ? [] : [Uint8Array.of(byte)];
        const made = Buffer.concat([whole.subarray(0, place), ...added, whole.subarray(rest)]);
        const files = { bytes, json };
        if (target === 'json') files.json = made;
        else files.bytes = target === 'file' ? made : gzipSync(made);
        const read = readSparse(files.bytes, files.json);
        const error = await read.then(disposeWeights, (thrown: unknown) => thrown);
        if (error !== undefined) {
          refused++;
          expect(error).toBeInstanceOf(ModelFileError);
        }
        expect(tf.memory().numTensors).toBe(tensors);
      }),
      { numRuns: 1_000, seed: 3 },
    );
    expect(refused).toBeGreaterThan(400);
    expect(refused).toBeLessThan(1_000);
  });
});
