import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { OptionError, StoppedError } from '../../errors';
import { readModel, writeModel } from '../../formats';
import { pruneLevels, pruneOnce, scanSensitivity } from '../../jobs';
import { TaylorFilter } from '../../methods';
import { describeOn } from '../engines';
import { scratchFolder, toyData, toyModel } from '../trainer/fixtures/toy-run';

describeOn(['cpu'], 'pruneOnce', () => {
  it('prunes a file, proves and writes it, and leaves no tensor behind', async () => {
    const folder = scratchFolder();
    const dense = toyModel();
    await writeModel(dense, join(folder, 'net'));
    dense.dispose();
    const tensors = tf.memory().numTensors;
    const [model, out] = [join(folder, 'net', 'model.json'), join(folder, 'small')];
    const {
      verification,
      dense: whole,
      exported,
      rate,
    } = await pruneOnce({ model, out, rate: 0.5 });
    expect(tf.memory().numTensors).toBe(tensors);
    expect({ rate, ...verification }).toMatchObject({ rate: 0.5, samples: 64, maxAbsDiff: 0 });
    expect(exported.params).toBeLessThan(whole!.params!);
    const manifest = JSON.parse(readFileSync(join(out, 'pruning.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({ method: 'fpgm', source: model });
  });

  it('takes a model, which stays as it is, images and a method that looks at them', async () => {
    const model = toyModel();
    const before = model.getWeights().map((weight) => [...weight.dataSync()]);
    const out = join(scratchFolder(), 'small');
    const job = { model, out, data: toyData(), batchSize: 4, bnBatches: 2 };
    const { exported, isSettled } = await pruneOnce({
      ...job,
      method: new TaylorFilter(),
      rate: 0.3,
    });
    expect(model.getWeights().map((weight) => [...weight.dataSync()])).toEqual(before);
    expect(isSettled).toBe(true);
    expect(exported.accuracy).toBeGreaterThanOrEqual(0);
    const small = await readModel(join(out, 'model.json'));
    expect(small.countParams()).toBeLessThan(model.countParams());
    for (const network of [small, model]) network.dispose();
  });

  it.each([
    ['rate', { rate: 0.001 }],
    ['method', { method: new TaylorFilter() }],
    ['maxDrop', { maxDrop: 1 }],
    ['targetBytes', { targetBytes: 'much' }],
    ['schemaFile', { schemaFile: '/no/such/file.json' }],
  ] as const)('refuses a wrong %s by its name, and writes nothing', async (option, wrong) => {
    const model = toyModel();
    const out = join(scratchFolder(), 'small');
    const tensors = tf.memory().numTensors;
    const error: unknown = await pruneOnce({ model, out, ...wrong }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(OptionError);
    expect((error as OptionError).option).toBe(option);
    expect(existsSync(out)).toBe(false);
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });

  it('ends before it has written anything once it is asked to stop', async () => {
    const model = toyModel();
    const out = join(scratchFolder(), 'small');
    const signal = AbortSignal.abort();
    await expect(pruneOnce({ model, out, signal })).rejects.toBeInstanceOf(StoppedError);
    expect(existsSync(out)).toBe(false);
    model.dispose();
  });
});

describeOn(['cpu'], 'pruneLevels', () => {
  it('stores a network at each rate', async () => {
    const model = toyModel();
    const out = scratchFolder();
    const { whole, levels } = await pruneLevels({ model, out, dataset: 'toy', rates: [0.3, 0.5] });
    const sizes = [whole, ...levels].map(({ params }) => params);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    for (const { source, folder } of levels) {
      expect(existsSync(source) && existsSync(join(folder, 'model.json'))).toBe(true);
    }
    model.dispose();
  });
});

describeOn(['cpu'], 'scanSensitivity', () => {
  it('scans a model group by group, which stays as it is, and goes on in its folder', async () => {
    const model = toyModel();
    const before = model.getWeights().map((weight) => [...weight.dataSync()]);
    const job = { model, data: toyData(), batchSize: 4, out: scratchFolder() };
    const found = await scanSensitivity({ ...job, rates: [0.5] });
    expect(found.groups.map(({ id }) => id)).toEqual(['conv0', 'conv1']);
    const log = join(job.out, 'sensitivity.jsonl');
    const lines = readFileSync(log, 'utf8');
    expect(await scanSensitivity({ ...job, rates: [0.5] })).toEqual(found);
    expect(readFileSync(log, 'utf8')).toBe(lines);
    expect(model.getWeights().map((weight) => [...weight.dataSync()])).toEqual(before);
    model.dispose();
  });
});
