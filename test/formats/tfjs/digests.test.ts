import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import {
  fileFormats,
  ModelFileError,
  readModel,
  setUsage,
  usageOf,
  writeForms,
  writeModel,
} from '../../../formats';
import type { Usage } from '../../../formats';
import { pruneOnce } from '../../../jobs';
import { disposeWeights } from '../../../layers';
import { RandomStream } from '../../../random/seeds';
import { randomize } from '../../graph/networks';
import {
  functionalModel,
  readLoose,
  scratchFolder,
  sequentialModel,
  writeLoose,
} from './model-folders';

const scratch = scratchFolder();
let next = 0;
const fresh = (): string => path.join(scratch, `net${next++}`);

beforeAll(async () => {
  await startEngine('cpu');
});

/** Weights of 4 MB and 8 KB, in two files. */
function largeModel(): tf.LayersModel {
  const layer = tf.layers.dense({ name: 'fc', units: 2048, inputShape: [512] });
  return randomize(tf.sequential({ name: 'large', layers: [layer] }));
}

async function write(model: tf.LayersModel, usage?: Usage): Promise<string> {
  const folder = fresh();
  if (usage) setUsage(model, usage);
  await writeModel(model, folder, writeForms(model, ['tfjs', 'sparse']));
  model.dispose();
  return folder;
}

/** Turns one bit of a file. */
function flip(file: string, bit: number): void {
  const bytes = fs.readFileSync(file);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  fs.writeFileSync(file, bytes);
}

async function refused(file: string): Promise<ModelFileError> {
  const error: unknown = await readModel(file).then(
    (model) => {
      disposeWeights(model);
      return null;
    },
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelFileError);
  return error as ModelFileError;
}

/** An export with its pruning.json. */
async function pruned(): Promise<string> {
  const folder = fresh();
  const model = functionalModel();
  await pruneOnce({ model, rate: 0.5, out: folder, format: ['tfjs', 'typescript', 'sparse'], verifySamples: 2 }); // prettier-ignore
  model.dispose();
  return folder;
}

describe('the weights of a network', () => {
  it('are refused with any bit turned, by the hash in model.json, 250 of 250', async () => {
    const folder = await write(functionalModel());
    const file = path.join(folder, 'group1-shard1of1.bin');
    const bits = 8 * fs.statSync(file).size;
    const random = new RandomStream(5);
    const tensors = tf.memory().numTensors;
    for (let turn = 0; turn < 250; turn++) {
      const bit = random.integer(bits);
      flip(file, bit);
      const { message } = await refused(folder);
      expect(message).toMatch(/weights in group1-shard1of1\.bin are not those that were written/);
      flip(file, bit);
    }
    expect(tf.memory().numTensors).toBe(tensors);
    disposeWeights(await readModel(folder));
  });

  it('are read from files of 4 MB, each of which counts', async () => {
    const folder = await write(largeModel());
    const shards = ['group1-shard1of2.bin', 'group1-shard2of2.bin'].map((name) => path.join(folder, name)); // prettier-ignore
    expect(shards.map((file) => fs.statSync(file).size)).toEqual([4 * 1024 * 1024, 8 * 1024]);
    disposeWeights(await readModel(folder));
    for (const file of shards) {
      flip(file, 7);
      expect((await refused(folder)).message).toContain('group1-shard2of2.bin are not those');
      flip(file, 7);
    }
    const [first, second] = shards.map((file) => fs.readFileSync(file));
    const swapped = Buffer.concat([second!, first!]); // the same bytes in another order
    fs.writeFileSync(shards[0]!, swapped.subarray(0, first!.length));
    fs.writeFileSync(shards[1]!, swapped.subarray(first!.length));
    expect((await refused(folder)).message).toContain('are not those that were written');
  });

  it('are known again in other files, and in the compressed one', async () => {
    const folder = await write(functionalModel());
    const { json, weights } = readLoose(folder);
    json.convertedBy = 'Secateur';
    json.weightsManifest[0]!.paths = ['a.bin', 'b.bin'];
    fs.writeFileSync(path.join(folder, 'a.bin'), weights.subarray(0, 100));
    fs.writeFileSync(path.join(folder, 'b.bin'), weights.subarray(100));
    fs.writeFileSync(path.join(folder, 'model.json'), JSON.stringify(json));
    disposeWeights(await readModel(folder));
    disposeWeights(await fileFormats.sparse.read(path.join(folder, 'weights.sparse')));
    const other = await write(randomize(functionalModel(), 9));
    fs.copyFileSync(path.join(other, 'weights.sparse'), path.join(folder, 'weights.sparse'));
    await expect(fileFormats.sparse.read(path.join(folder, 'weights.sparse'))).rejects.toThrow(
      'the weights in weights.sparse are not those that were written',
    );
  });

  it('may be others where another program has written them since', async () => {
    const usage: Usage = { classes: ['a', 'b', 'c'], accuracy: { top1: 0.9, images: 10, dataSet: 'toy' } }; // prettier-ignore
    const folder = await write(functionalModel(), usage);
    const { json, weights } = readLoose(folder); // as tfjs saves it: what the network says goes along
    weights.writeFloatLE(0.5, 0);
    const trained = await readModel(writeLoose(fresh(), { json, weights }));
    const again = fresh();
    await writeModel(trained, again);
    disposeWeights(trained);
    const read = await readModel(again);
    expect(usageOf(read)).toMatchObject({ classes: ['a', 'b', 'c'] });
    expect(usageOf(read)).not.toHaveProperty('accuracy'); // it was another network's
    disposeWeights(read);
    const same = await readModel(folder);
    const copy = await write(same);
    const copied = await readModel(copy);
    expect(usageOf(copied)).toMatchObject(usage);
    disposeWeights(copied);
  });
});

describe('the files that pruning.json names', () => {
  it('are refused by name when any of their bits is turned', async () => {
    const folder = await pruned();
    const random = new RandomStream(6);
    for (const name of ['model.json', 'group1-shard1of1.bin']) {
      const file = path.join(folder, name);
      for (let turn = 0; turn < 40; turn++) {
        const bit = random.integer(8 * fs.statSync(file).size);
        flip(file, bit);
        const { message } = await refused(folder);
        expect(message).toContain(`${name} is not the file that was written`);
        flip(file, bit);
      }
    }
    const sparse = path.join(folder, 'weights.sparse');
    flip(sparse, 8 * 8); // the time in the head of gzip, which changes no weight
    await expect(fileFormats.sparse.read(sparse)).rejects.toThrow('weights.sparse is not the file');
    disposeWeights(await readModel(folder));
  });

  it('may be changed by who says so in pruning.json', async () => {
    const folder = await pruned();
    const [file, manifest] = ['model.json', 'pruning.json'].map((name) => path.join(folder, name)) as [string, string]; // prettier-ignore
    fs.writeFileSync(file, `${fs.readFileSync(file, 'utf8')}\n`);
    expect((await refused(folder)).message).toContain('remove model.json from "files"');
    const said = JSON.parse(fs.readFileSync(manifest, 'utf8')) as {
      files: Record<string, unknown>;
    };
    delete said.files['model.json'];
    fs.writeFileSync(manifest, JSON.stringify(said));
    disposeWeights(await readModel(folder));
  });

  it.each([
    ['is no JSON', '{"files": '],
    ['says nothing of files', '{"format":"secateur-pruning/1"}'],
    ['is of another kind', '[1, 2]'],
    ['says no hash', '{"files":{"model.json":{"sha256":"short"},"group1-shard1of1.bin":7}}'],
  ])('are not compared where pruning.json %s', async (_, text) => {
    const folder = await pruned();
    fs.writeFileSync(path.join(folder, 'pruning.json'), text);
    const notes: string[] = [];
    disposeWeights(await readModel(folder, (words) => notes.push(words)));
    expect(notes).toEqual(
      text.endsWith(': ') ? [expect.stringContaining('pruning.json beside it cannot be read')] : [],
    );
  });

  it('are the files of another export in the same form', async () => {
    const [one, other] = [await pruned(), await write(sequentialModel())];
    fs.copyFileSync(path.join(other, 'model.json'), path.join(one, 'model.json'));
    expect((await refused(one)).message).toContain('model.json is not the file that was written');
  });
});
