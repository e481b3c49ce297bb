import * as fs from 'node:fs';
import { join, relative } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeEach, expect, it } from 'vitest';
import { writeModel } from '../../formats';
import { pruneLevels, pruneOnce } from '../../jobs';
import { requireNotRead } from '../../jobs/require-place';
import { describeOn } from '../engines';
import { scratchFolder } from '../formats/tfjs/model-folders';
import { invoke, refusal } from '../commands/fixtures/invoke';
import { writeTiny } from '../commands/fixtures/tiny-network';

const scratch = scratchFolder();
let dense: string;
let count = 0;

const fresh = (name = 'out'): string => join(scratch, `${name}${count++}`);
const quick = ['--backend', 'cpu', '--verify-samples', '1'];
const pruneTo = (out: string, ...args: string[]): string[] => [
  ...[
    'prune',
    '--model',
    join(dense, 'model.json'),
    '--rate',
    '0.5',
    '--out',
    out,
    ...quick,
    ...args,
  ],
];
const exportTo = (out: string, ...args: string[]): string[] => [
  ...['export', '--model', join(dense, 'model.json'), '--out', out, ...quick, ...args],
];

/** All files of a folder with what they hold. */
function contentOf(folder: string): Record<string, string> {
  const names = fs.readdirSync(folder).sort();
  return Object.fromEntries(
    names.map((name) => [name, fs.readFileSync(join(folder, name), 'latin1')]),
  );
}

async function expectRefused(args: readonly string[], ...words: string[]): Promise<void> {
  const before = contentOf(dense);
  const error = await refusal(args);
  expect(error.exitCode).toBe(2);
  for (const word of words) expect(error.message).toContain(word);
  expect(contentOf(dense)).toEqual(before);
}

describeOn(['cpu'], 'a network that is read is never written over', () => {
  beforeEach(async () => {
    dense = fresh('dense');
    await writeTiny(dense); // under the names that a converter gives its files
  });

  const links: Record<string, () => string> = {
    'its own folder': () => dense,
    'a relative path': () => relative(process.cwd(), dense),
    'a path with detours': () => join(dense, '..', dense.split('/').at(-1)!, '.'),
    'a symbolic link': () => {
      const link = fresh('link');
      fs.symlinkSync(dense, link);
      return link;
    },
    'a folder of hard links': () => {
      const twin = fresh('twin');
      fs.mkdirSync(twin);
      for (const name of fs.readdirSync(dense)) fs.linkSync(join(dense, name), join(twin, name));
      return twin;
    },
  };

  it.each(Object.keys(links))('by %s, with force or not', async (kind) => {
    const out = links[kind]!();
    for (const force of [[], ['--force']]) {
      const words = ['must not hold a network that is read', 'choose another folder'];
      await expectRefused(pruneTo(out, ...force), out, ...words);
      await expectRefused(exportTo(out, ...force), out, ...words);
    }
  });

  it('where only its weights are in the folder, or its model.json is a link', async () => {
    const named = fresh('named');
    fs.mkdirSync(named);
    fs.symlinkSync(join(dense, 'model.json'), join(named, 'model.json'));
    for (const name of fs.readdirSync(dense)) {
      if (name.endsWith('.bin')) fs.copyFileSync(join(dense, name), join(named, name));
    }
    await expectRefused(
      ['prune', '--model', join(named, 'model.json'), '--out', dense, '--force', ...quick],
      'must not hold a network that is read',
    );
  });

  it('by a level that lies in its place', async () => {
    const out = fresh('levels');
    const place = join(out, 'mnist', 'all', 'tiny_50');
    await writeTiny(place);
    const before = contentOf(place);
    const options = { out, dataset: 'mnist', rates: [0.5], model: place, force: true };
    await expect(pruneLevels(options)).rejects.toThrow('must not hold a network that is read');
    expect(contentOf(place)).toEqual(before);
    expect(fs.readdirSync(join(out, 'mnist', 'all'))).toEqual(['tiny_50']);
  });

  it('nor is a teacher', async () => {
    await expect(requireNotRead(dense, [null, 'dense', dense])).rejects.toThrow('a network that is read'); // prettier-ignore
    await expect(requireNotRead(dense, [null, 'dense', fresh()])).resolves.toBeUndefined();
  });
});

describeOn(['cpu'], 'an export is replaced by one of the same network only', () => {
  beforeEach(async () => {
    dense = fresh('dense');
    await writeTiny(dense);
  });

  it('which its pruning.json names, in whatever way', async () => {
    const out = fresh();
    await invoke(pruneTo(out));
    await invoke(pruneTo(out));
    await invoke(['prune', '--model', relative(process.cwd(), dense), '--out', out, ...quick]);
    await invoke(['prune', '--model', `file://${dense}/model.json`, '--out', out, ...quick]);
    await invoke(['export', '--model', out, '--out', `${out}b`, ...quick]);
    await invoke(['export', '--model', out, '--out', `${out}b`, ...quick]);
  });

  it('else it is refused, unless force says otherwise', async () => {
    const out = fresh();
    await invoke(pruneTo(out));
    const earlier = contentOf(out);
    const other = fresh('other');
    await writeTiny(other);
    const args = ['prune', '--model', other, '--rate', '0.5', '--out', out, ...quick];
    const words = [`hold an earlier export of ${other}`, `it holds one of ${dense}`, '--force'];
    await expectRefused(args, out, ...words, 'another folder');
    expect(contentOf(out)).toEqual(earlier);
    await invoke([...args, '--force']);
    expect(contentOf(out)['pruning.json']).toContain(`"source": "${other}"`);
  });

  it('without a pruning.json, by its layers', async () => {
    const out = fresh();
    const built = ['export', '--arch', 'vgg11', '--input-shape', '32,32,1', '--classes', '2'];
    await invoke(exportTo(out));
    await invoke(exportTo(out));
    await expectRefused([...built, '--out', out, ...quick], 'whose source is not known', '--force');
    await expectRefused(pruneTo(out), 'whose source is not known');
    await invoke(pruneTo(out, '--force'));
  });

  it('from a program, by the name of a model in memory', async () => {
    const out = fresh();
    const model = (name: string): tf.LayersModel =>
      tf.sequential({
        name,
        layers: [
          tf.layers.dense({ name: 'a', units: 4, inputShape: [3] }),
          tf.layers.dense({ name: 'b', units: 2 }),
        ],
      });
    const options = { rate: 0.5, out, verifySamples: 1, method: 'norm-filter' as const };
    await pruneOnce({ ...options, model: model('one') });
    await pruneOnce({ ...options, model: model('one') });
    const pruning = pruneOnce({ ...options, model: model('two') });
    await expect(pruning).rejects.toThrow('an earlier export of two, it holds one of one');
    await pruneOnce({ ...options, model: model('two'), force: true });
  });

  it('is never one of a format that is not ours', async () => {
    const out = fresh();
    await writeModel(tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }), out); // prettier-ignore
    fs.writeFileSync(join(out, 'thesis.txt'), 'mine');
    await expectRefused(pruneTo(out, '--force'), 'it holds thesis.txt');
  });
});
