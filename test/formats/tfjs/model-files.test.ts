import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../../errors';
import { startEngine } from '../../../backend/engine';
import { RandomStream } from '../../../random/seeds';
import { harden } from '../../../surgery';
import {
  FolderInUseError,
  modelBytes,
  ModelFileError,
  readModel,
  requireFree,
  writeModel,
} from '../../../formats';
import { disposeWeights } from '../../../layers/build-model';
import { DiskError, nodeFiles } from '../../../files';
import type { FileLayer } from '../../../files';
import { ChannelGraph } from '../../../graph';
import { prunable } from '../../../layers';
import { resnet20 } from '../../../models';
import { randomize, randomKeep } from '../../graph/networks';
import {
  functionalModel,
  nestedModel,
  outputOf,
  scratchFolder,
  sequentialModel,
  weightBits,
} from './model-folders';
import { compileInto } from '../../compiled';
import { askPlainTensorFlow, folderWithTensorFlow } from '../plain-tfjs';

const scratch = scratchFolder();

beforeAll(async () => {
  await startEngine('cpu');
});

function smallResNet(): tf.LayersModel {
  return randomize(resnet20({ inputShape: [8, 8, 3], classes: 4, width: 0.5 }));
}

function prunedResNet(): tf.LayersModel {
  const model = prunable(smallResNet());
  const graph = ChannelGraph.of(model);
  return harden({ model, graph }, randomKeep(graph, 3));
}

/** Weights of 4 MB + 8 KB + 8 KB: a full file, and the rest in another. */
function largeModel(): tf.LayersModel {
  const layer = tf.layers.dense({ name: 'fc', units: 2048, inputShape: [513] });
  return randomize(tf.sequential({ name: 'large', layers: [layer] }));
}

function weightlessModel(): tf.LayersModel {
  const layers = [tf.layers.flatten({ name: 'flat', inputShape: [2, 3] })];
  return tf.sequential({ name: 'weightless', layers });
}

const makers = {
  'a ResNet-20': smallResNet,
  'a pruned ResNet-20': prunedResNet,
  'shared and nested layers': functionalModel,
  'a Sequential in a Sequential': nestedModel,
  'recurrent layers and wrappers': sequentialModel,
  'more than 4 MB': largeModel,
  'no weights': weightlessModel,
};

/** A model whose weights are `value`. */
function constantModel(value: number, size = 40): tf.LayersModel {
  const kernelInitializer = tf.initializers.constant({ value });
  const layer = tf.layers.dense({
    name: 'fc',
    units: size,
    useBias: false,
    inputShape: [size],
    kernelInitializer,
  });
  return tf.sequential({ name: 'constant', layers: [layer] });
}

/** The one value of a constant model's weights, after checking that it is one. */
async function constantIn(folder: string): Promise<number> {
  const { value, note } = await networkIn(folder);
  expect(note).toBe(`{"value":${value}}`);
  return value;
}

/** The network in a folder, and what describes it: nothing, while one export takes the place of another. */
async function networkIn(folder: string): Promise<{ value: number; note: string | null }> {
  const model = await readModel(path.join(folder, 'model.json'));
  const values = model.weights[0]!.read().dataSync();
  disposeWeights(model);
  expect(values.every((value) => value === values[0])).toBe(true);
  const file = path.join(folder, 'pruning.json');
  const note = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
  expect([null, `{"value":${values[0]}}`]).toContain(note); // the files of one export belong together
  return { value: values[0]!, note };
}

async function writeConstant(value: number, folder: string, files?: FileLayer): Promise<void> {
  const model = constantModel(value);
  try {
    await writeModel(model, folder, { 'pruning.json': `{"value":${value}}` }, files);
  } finally {
    disposeWeights(model);
  }
}

describe('a model', () => {
  it.each(Object.entries(makers))('with %s comes back bit for bit', async (name, make) => {
    const model = make();
    const folder = path.join(scratch, 'round trips', name.replaceAll(' ', '-'));
    await writeModel(model, folder);
    const copy = await readModel(path.join(folder, 'model.json'));
    expect(weightBits(copy)).toEqual(weightBits(model));
    expect(outputOf(copy)).toEqual(outputOf(model));
    expect(copy.toJSON(null, false)).toEqual(model.toJSON(null, false));
  });

  it('opens with plain tfjs in a process that never loads this project, bit for bit', () => {
    const folders = Object.keys(makers).map((name) => ({
      folder: path.join(scratch, 'round trips', name.replaceAll(' ', '-')),
    }));
    const home = folderWithTensorFlow(path.join(scratch, 'plain'));
    const { answers, modules } = askPlainTensorFlow(home, folders);
    for (const [index, make] of Object.values(makers).entries()) {
      expect(answers[index]!.output).toEqual(outputOf(make()));
      expect(answers[index]!.classes.filter((name) => name.startsWith('Prunable'))).toEqual([]);
    }
    const foreign = modules.filter((file) => !file.includes('node_modules'));
    expect(foreign.map((file) => path.basename(file))).toEqual(['reader.js']);
  });

  it('is written in files of 4 MB', () => {
    const folder = path.join(scratch, 'round trips', 'more-than-4-MB');
    const size = (name: string): number => fs.statSync(path.join(folder, name)).size;
    expect(fs.readdirSync(folder).sort()).toEqual([
      'group1-shard1of2.bin',
      'group1-shard2of2.bin',
      'model.json',
    ]);
    // 513 * 2048 + 2048 float32: 4 MiB + 8192 bytes of kernel, 8192 of bias
    expect([size('group1-shard1of2.bin'), size('group1-shard2of2.bin')]).toEqual([4194304, 16384]);
  });

  it('leaves no tensor behind when it is written, read or refused', async () => {
    const model = nestedModel();
    const folder = path.join(scratch, 'leaks');
    const before = tf.memory().numTensors;
    for (let time = 0; time < 3; time++) {
      await writeModel(model, folder);
      expect(tf.memory().numTensors).toBe(before);
      disposeWeights(await readModel(path.join(folder, 'model.json')));
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it.each(Object.entries(makers))('with %s has as many bytes as it takes', async (name, make) => {
    const folder = path.join(scratch, 'round trips', name.replaceAll(' ', '-'));
    const files = fs.readdirSync(folder).map((file) => fs.statSync(path.join(folder, file)).size);
    expect(await modelBytes(make())).toBe(files.reduce((sum, size) => sum + size, 0));
  });

  it('with two weights of one name is refused: no loader could tell them apart', async () => {
    const block = (name: string): tf.Sequential =>
      tf.sequential({
        name,
        layers: [tf.layers.dense({ name: 'same', units: 2, inputShape: [2] })],
      });
    const model = tf.sequential({ layers: [block('one'), block('two')] });
    const folder = path.join(scratch, 'twins');
    const writing = writeModel(model, folder);
    await expect(writing).rejects.toThrow(ModelFileError);
    await expect(writing).rejects.toThrow('two weights have the name same/kernel');
    expect(fs.existsSync(folder)).toBe(false);
  });
});

describe('the folder of an export', () => {
  const folder = (name: string): string => path.join(scratch, 'folders', name);

  it('is made with its parents, and replaced with all it held', async () => {
    const target = folder('deep/er/export');
    await writeConstant(1, target);
    await writeModel(largeModel(), target, { 'notes.txt': 'large' });
    expect(fs.readdirSync(target)).toHaveLength(4);
    await expect(writeConstant(2, target)).rejects.toThrow(FolderInUseError); // notes.txt is not ours
    const model = constantModel(3);
    await writeModel(model, target, { 'notes.txt': 'small' });
    expect(fs.readdirSync(target).sort()).toEqual([
      'group1-shard1of1.bin',
      'model.json',
      'notes.txt',
    ]);
    expect(fs.readdirSync(path.dirname(target))).toEqual(['export']);
  });

  it('that holds anything else is refused and stays as it is', async () => {
    const hold = (name: string, ...files: string[]): string => {
      fs.mkdirSync(folder(name), { recursive: true });
      for (const file of files) fs.writeFileSync(path.join(folder(name), file), 'mine');
      return folder(name);
    };
    const taken = hold('taken', 'thesis.txt');
    const mixed = hold('mixed', 'model.json', 'pruning.json', 'package.json');
    const foreign = hold('foreign', 'model.json', 'weights.bin');
    const shards = hold('shards', 'group1-shard1of1.bin');
    for (const target of [taken, mixed, foreign, shards]) {
      const held = fs.readdirSync(target);
      await expect(writeConstant(1, target)).rejects.toThrow(FolderInUseError);
      expect(fs.readdirSync(target)).toEqual(held);
    }
    await expect(requireFree(mixed)).rejects.toThrow('it holds package.json');
    await expect(requireFree(mixed, ['package.json'])).resolves.toBeUndefined();
    fs.writeFileSync(folder('file'), 'mine');
    await expect(writeConstant(1, folder('file'))).rejects.toThrow('must be a folder');
  });

  it('may be empty, or a link to a folder, which stays a link', async () => {
    fs.mkdirSync(folder('empty'), { recursive: true });
    await writeConstant(1, folder('empty'));
    fs.symlinkSync(folder('empty'), folder('link'));
    await writeConstant(2, folder('link'));
    expect(await constantIn(folder('empty'))).toBe(2);
    expect(fs.lstatSync(folder('link')).isSymbolicLink()).toBe(true);
    fs.symlinkSync(folder('nowhere'), folder('dead link'));
    await expect(writeConstant(2, folder('dead link'))).rejects.toThrow('it is a dead link');
  });

  it.each(['model.json', 'group1-shard1of1.bin', '../out.txt', 'a/b', '', '.x'])(
    'takes no further file named %j',
    async (name) => {
      const writing = writeModel(constantModel(1), folder('extras'), { [name]: 'x' });
      await expect(writing).rejects.toThrow(OptionError);
    },
  );
});

describe('what is left beside an export', () => {
  const host = leftoverHost();

  /** The part of a leftover's name that says which machine made it. */
  function leftoverHost(): string {
    const modules = path.join(scratch, 'names');
    compileInto(modules, ['files/leftovers']);
    const script = `console.log(new (require('./files/leftovers').Leftover)('tmp', 'x').name)`;
    const name = execFileSync(process.execPath, ['-e', script], { cwd: modules, encoding: 'utf8' });
    return name.split('-')[2]!;
  }

  /** The number of a process that has ended. */
  function deadPid(): number {
    return Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
  }

  it('by dead processes is removed by the next, by live ones and by people it is not', async () => {
    const parent = path.join(scratch, 'leftovers');
    const target = path.join(parent, 'export');
    await writeConstant(1, target);
    const dead = deadPid();
    const names = [
      `.tmp-export-${host}-${dead}-abcdefabcdef-0`,
      `.old-export-${host}-${dead}-abcdefabcdef-1`,
      `.tmp-export-${host}-${process.ppid}-abcdefabcdef-0`,
      '.tmp-export',
      'export.tmp-17',
    ];
    for (const name of names) {
      fs.mkdirSync(path.join(parent, name));
      fs.writeFileSync(path.join(parent, name, 'model.json'), '{}');
    }
    await writeConstant(2, target);
    expect(fs.readdirSync(parent).sort()).toEqual(['export', ...names.slice(2)].sort());
    expect(await constantIn(target)).toBe(2);
  });

  it('when a process died between its two renames is put back', async () => {
    const parent = path.join(scratch, 'between');
    const target = path.join(parent, 'export');
    await writeConstant(1, target);
    fs.renameSync(target, path.join(parent, `.old-export-${host}-${deadPid()}-abcdefabcdef-0`));
    const full = failing((operation) => operation === 'write');
    await expect(writeConstant(2, target, full)).rejects.toThrow(DiskError);
    expect(fs.readdirSync(parent)).toEqual(['export']);
    expect(await constantIn(target)).toBe(1);
  });
});

type Operation = keyof FileLayer | 'write' | 'sync';

/** The disk, with the operations that `decides` picks failing for lack of space. */
function failing(decides: (operation: Operation) => boolean): FileLayer {
  const fail = (operation: Operation): void => {
    if (!decides(operation)) return;
    throw Object.assign(new Error(`ENOSPC: no space left, ${operation}`), { code: 'ENOSPC' });
  };
  const wrapped = Object.fromEntries(
    Object.entries(nodeFiles).map(([name, work]) => [
      name,
      async (...given: unknown[]): Promise<unknown> => {
        fail(name as Operation);
        return (work as (...all: unknown[]) => Promise<unknown>)(...given);
      },
    ]),
  ) as unknown as FileLayer;
  return {
    ...wrapped,
    async open(target, flags) {
      fail('open');
      const file = await nodeFiles.open(target, flags);
      return {
        ...file,
        async write(bytes) {
          fail('write');
          return file.write(bytes.subarray(0, 1000)); // few at a time, as a pipe or a network disk
        },
        async sync() {
          fail('sync');
          await file.sync();
        },
      };
    },
  };
}

describe('a failing disk', () => {
  const operations: Operation[] = ['open', 'write', 'sync', 'makeFolder', 'rename', 'syncFolder'];

  it('leaves the earlier network or the new one and nothing else, whichever operation fails', async () => {
    const parent = path.join(scratch, 'failing');
    const target = path.join(parent, 'export');
    await writeConstant(1, target);
    const names = fs.readdirSync(target).sort();
    const found: number[] = [];
    let count = 0;
    const counting = failing((operation) => {
      if (operations.includes(operation)) count++;
      return false;
    });
    await writeConstant(1, target, counting);
    expect(count).toBeGreaterThan(12);
    for (let bad = 1; bad <= count; bad++) {
      let now = 0;
      let failed = '';
      const disk = failing((operation) => {
        const isBad = operations.includes(operation) && ++now === bad;
        if (isBad) failed = operation;
        return isBad;
      });
      const error = await writeConstant(2, target, disk).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(DiskError);
      expect(error).toMatchObject({ exitCode: 4, code: 'ENOSPC', path: fs.realpathSync(target) });
      // From some operation on the new network is in place.
      found.push((await networkIn(target)).value);
      if (found.at(-1) === 1) expect([failed, await constantIn(target)]).toEqual([failed, 1]);
      expect(fs.readdirSync(parent)).toEqual(['export']);
      await writeConstant(1, target);
      expect(fs.readdirSync(target).sort()).toEqual(names);
    }
    expect(found).toEqual(found.toSorted());
    expect(new Set(found)).toEqual(new Set([1, 2]));
    await writeConstant(3, target);
    expect(fs.readdirSync(parent)).toEqual(['export']);
    expect(await constantIn(target)).toBe(3);
  });

  it('that dies between any two operations leaves one network, whole, where it was', async () => {
    const parent = path.join(scratch, 'dying');
    const target = path.join(parent, 'export');
    const found: number[] = [];
    for (let last = 0; ; last++) {
      fs.rmSync(parent, { recursive: true, force: true });
      await writeConstant(1, target);
      const names = fs.readdirSync(target).sort();
      let now = 0;
      const disk = failing(() => now++ >= last); // and all that follow
      const error = await writeConstant(2, target, disk).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      found.push((await networkIn(target)).value);
      if (error === null) break;
      await writeConstant(3, target);
      expect(fs.readdirSync(parent)).toEqual(['export']);
      expect(fs.readdirSync(target).sort()).toEqual(names);
      expect(await constantIn(target)).toBe(3);
    }
    expect(found).toEqual(found.toSorted());
    expect(new Set(found)).toEqual(new Set([1, 2]));
  });

  it('is never without a network, for who looks between any two operations', async () => {
    const target = path.join(scratch, 'watched', 'export');
    await writeConstant(1, target);
    const found: number[] = [];
    const watched = new Proxy(nodeFiles, {
      get:
        (files, key: keyof FileLayer) =>
        async (...given: unknown[]): Promise<unknown> => {
          found.push((await networkIn(target)).value);
          return (files[key] as (...all: unknown[]) => Promise<unknown>)(...given);
        },
    });
    await writeConstant(2, target, watched);
    expect(found.length).toBeGreaterThan(20);
    expect(found).toEqual(found.toSorted());
    expect(new Set(found)).toEqual(new Set([1, 2]));
    expect(await constantIn(target)).toBe(2);
  });

  const reason = withoutSmallDisk();

  /** Why a small disk cannot be mounted here; null where it can. */
  function withoutSmallDisk(): string | null {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      return 'mounting needs root on Linux';
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', place], { stdio: 'ignore' });
      execFileSync('umount', [place]);
      return null;
    } catch {
      return 'mounting is not allowed';
    } finally {
      fs.rmdirSync(place);
    }
  }

  it.skipIf(reason !== null)(
    `that is really full keeps the earlier export${reason === null ? '' : ` (skipped: ${reason})`}`,
    async () => {
      const disk = path.join(scratch, 'disk');
      fs.mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', disk]);
      try {
        const target = path.join(disk, 'export');
        await writeConstant(1, target);
        const error = await writeModel(constantModel(2, 600), target).then(
          () => null,
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(DiskError);
        // 600 * 600 float32
        expect(error).toMatchObject({ exitCode: 4, code: 'ENOSPC', bytesNeeded: 1_440_000 });
        expect((error as DiskError).bytesFree).toBeGreaterThan(900_000); // the draft is gone
        expect(fs.readdirSync(disk)).toEqual(['export']);
        expect(await constantIn(target)).toBe(1);
      } finally {
        execFileSync('umount', [disk]);
      }
    },
  );
});

/** Waits until the child has printed `count` dots, one before each write. */
function dots(output: NodeJS.ReadableStream, count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    output.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (seen >= count) resolve();
    });
  });
}

describe('a process killed while it writes', () => {
  const writer = `
    const tf = require('@tensorflow/tfjs');
    const { writeModel } = require('./formats/tfjs/model-files.js');
    (async () => {
      await tf.setBackend('cpu');
      const [folder, first] = process.argv.slice(2);
      for (let value = Number(first); ; value++) {
        const kernelInitializer = tf.initializers.constant({ value });
        const layer = tf.layers.dense({
          name: 'fc', units: 40, useBias: false, inputShape: [40], kernelInitializer });
        const model = tf.sequential({ name: 'constant', layers: [layer] });
        process.stdout.write('.');
        await writeModel(model, folder, { 'pruning.json': JSON.stringify({ value }) });
        model.dispose();
      }
    })();`;

  it('leaves one network, whole, at each of 30 moments, and what it leaves goes', async () => {
    const home = folderWithTensorFlow(path.join(scratch, 'killed'));
    compileInto(home, ['formats/tfjs/model-files']);
    fs.writeFileSync(path.join(home, 'writer.js'), writer);
    const parent = path.join(home, 'runs');
    const target = path.join(parent, 'export');
    const random = new RandomStream(9);
    let last = 0;
    for (let trial = 0; trial < 30; trial++) {
      const child = spawn(process.execPath, ['writer.js', target, String(last + 1)], {
        cwd: home,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(child, 'exit');
      // In every second trial one write is finished first; then at any moment of the next one.
      await dots(child.stdout, trial % 2 === 0 ? 1 : 2);
      await new Promise((resolve) => setTimeout(resolve, random.next() * 25));
      child.kill('SIGKILL');
      expect((await ended)[1]).toBe('SIGKILL');
      if (last === 0 && !fs.existsSync(target)) continue; // before the first
      const { value: found } = await networkIn(target);
      expect(found).toBeGreaterThanOrEqual(last);
      last = found;
    }
    expect(last).toBeGreaterThan(0);
    await writeConstant(1000, target);
    expect(fs.readdirSync(parent)).toEqual(['export']);
    expect(fs.readdirSync(target)).toHaveLength(3);
    expect(await constantIn(target)).toBe(1000);
  }, 120_000);
});
