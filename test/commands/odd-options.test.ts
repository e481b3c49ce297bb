import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invoke, refusal } from './fixtures/invoke';
import { writeOriginal } from './sweep/written-original';

const { layers } = tf;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-odd-'));

beforeAll(async () => {
  await tf.setBackend('cpu');
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

interface Entry {
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly inbound_nodes: unknown[][];
}

let next = 0;

/** A file with a layer between two others, whose entry is changed after tfjs has written it. */
async function fileWith(layer: tf.layers.Layer, change: (entry: Entry) => void): Promise<string> {
  const input = tf.input({ shape: [3] });
  const dense = (units: number, name: string): tf.layers.Layer => layers.dense({ units, name });
  const [one, other] = ['one', 'other'].map((name) => dense(4, name).apply(input)) as [
    tf.SymbolicTensor,
    tf.SymbolicTensor,
  ];
  const ends = [dense(2, 'end').apply(layer.apply(one)), other] as tf.SymbolicTensor[];
  const model = tf.model({ inputs: input, outputs: ends });
  const file = await writeOriginal(model, path.join(folder, `${next++}`), {
    isKeras3: false,
    shards: 1,
  });
  model.dispose();
  const json = JSON.parse(fs.readFileSync(file, 'utf8')) as {
    modelTopology: { config: { layers: Entry[] } };
  };
  change(json.modelTopology.config.layers.find(({ name }) => name === layer.name)!);
  fs.writeFileSync(file, JSON.stringify(json));
  return file;
}

/** What each command says of the file: its refusal, or ''. */
async function saidOf(file: string): Promise<Record<string, string>> {
  const out = ['--out', `${file}-out`, '--backend', 'cpu', '--verify-samples', '2'];
  const forms = ['--format', 'tfjs,typescript,onnx'];
  const commands = {
    prune: ['--rate', '0.5', ...out, ...forms],
    export: [...out, ...forms],
    graph: [],
    flops: [],
  };
  const said: Record<string, string> = {};
  for (const [command, options] of Object.entries(commands)) {
    const args = [command, '--model', file, ...options];
    const answer = await invoke(args).catch(() => refusal(args));
    said[command] = 'message' in answer ? answer.message : '';
    fs.rmSync(`${file}-out`, { recursive: true, force: true });
  }
  return said;
}

const options: readonly [string, () => tf.layers.Layer, string, readonly unknown[]][] = [
  ['ReLU', () => layers.reLU(), 'max_value', [[1], 'abc', true, { a: 1 }, -1]],
  ['Dropout', () => layers.dropout({ rate: 0.5 }), 'noise_shape', [5, 'abc', [null, 'x'], { a: 1 }, true]],
  ['Softmax', () => layers.softmax(), 'axis', ['x', [[1]], {}, 7]],
  ['RepeatVector', () => layers.repeatVector({ n: 1 }), 'n', ['x', [[1]], {}, null]],
]; // prettier-ignore

describe('a file with an option of a wrong type', () => {
  it.each(options)('of %s is computed or refused by name, by all commands', async (_, make, key, values) => {
    for (const value of values) {
      const layer = make();
      const file = await fileWith(layer, ({ config }) => (config[key] = value));
      for (const [command, message] of Object.entries(await saidOf(file))) {
        expect(`${command} ${JSON.stringify(value)}: ${message}`).not.toMatch(/\n\s+at /);
      }
    }
  }); // prettier-ignore
});

describe('a file that gives a layer of one input two', () => {
  it.each([
    ['Softmax', () => layers.softmax()],
    ['ReLU', () => layers.reLU()],
    ['Dropout', () => layers.dropout({ rate: 0.1 })],
    ['Activation', () => layers.activation({ activation: 'relu' })],
    ['Dense', () => layers.dense({ units: 2 })],
    ['BatchNormalization', () => layers.batchNormalization()],
  ] as const)('a %s, is refused with its name, and graph and flops go on', async (name, make) => {
    const layer = make();
    const file = await fileWith(layer, (entry) => entry.inbound_nodes[0]!.push(['other', 0, 0, {}]));
    const { prune, ...others } = await saidOf(file);
    expect(prune).toMatch(new RegExp(`${layer.name}|Expected exactly 1 Shape`));
    for (const message of [prune, ...Object.values(others)]) expect(message).not.toMatch(/\n\s+at /);
    expect(name).toBe(layer.getClassName());
  }); // prettier-ignore
});
