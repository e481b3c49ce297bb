import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { RandomStream } from '../../../random/seeds';
import type { SaveCheckpointOptions } from '../../../files/run/checkpoint';
import type { NamedArray, TrainingState } from '../../../files/run/training-state';
import {
  loadCheckpoint,
  loadNewestCheckpoint,
  saveCheckpoint,
} from '../../../files/run/checkpoint';
import {
  CheckpointDamagedError,
  CheckpointStateError,
  NoValidCheckpointError,
} from '../../../files/run/checkpoint-errors';
import { stateHash } from '../../../files/run/encode-checkpoint';
import type { FileLayer, JsonObject, OpenFile } from '../../../files';
import { canonicalJson, DiskError, MalformedFileError } from '../../../files';
import { compileInto } from '../../compiled';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'checkpoint-test-'));
let folders = 0;
const newFolder = (): string => path.join(scratch, `case-${folders++}`, 'checkpoints');

afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

/** A small state in which everything depends on the key. */
function makeState(key: number): TrainingState {
  const random = new RandomStream(key);
  const floats = (length: number): Float32Array =>
    Float32Array.from({ length }, () => random.normal());
  const tensors = new Map<string, NamedArray>([
    ['model/conv/mask', { shape: [5], dtype: 'bool', values: Uint8Array.of(1, 0, 1, 1, key % 2) }],
    ['model/conv/kernel', { shape: [3, 3, 1, 5], dtype: 'float32', values: floats(45) }],
    ['optimizer/conv/kernel/momentum', { shape: [3, 15], dtype: 'float32', values: floats(45) }],
    ['optimizer/step', { shape: [], dtype: 'int32', values: Int32Array.of(key) }],
    ['model/empty', { shape: [0, 3], dtype: 'float32', values: new Float32Array(0) }],
  ]);
  const record = { step: key, keep: { conv: [0, 2, 3] }, best: { top1: 0.5 / key, epoch: null } };
  return { tensors, record };
}

const oneTensor = (array: NamedArray, name = 'model/a'): TrainingState => ({
  tensors: new Map([[name, array]]),
  record: {},
});

const hidden = (names: readonly string[]): string[] => names.filter((name) => name.startsWith('.'));

// ------------------------------------------------------------------------------ a disk in memory

interface FileNode {
  kind: 'file';
  data: Buffer;
  /** What a power cut leaves for certain. */
  synced: Buffer;
}

interface FolderNode {
  kind: 'folder';
  entries: Map<string, MemoryNode>;
  synced: Map<string, MemoryNode>;
  /** Changes of names since the last sync; each may or may not survive a power cut. */
  pending: ((entries: Map<string, MemoryNode>) => void)[];
}

type MemoryNode = FileNode | FolderNode;

class PowerCut extends Error {}

const failure = (code: string, target: string): Error =>
  Object.assign(new Error(`${code}: ${target}`), { code, path: target });

/** A disk that counts its operations, fails any one of them, and forgets what was not synced. */
class MemoryDisk implements FileLayer {
  operations = 0;
  log: string[] = [];
  failAt = -1;
  failCode = 'EIO';
  failed = '';
  cutAt = Infinity;
  mostPerWrite = Infinity;
  filesFree = 7;

  constructor(readonly root: FolderNode = emptyFolder()) {}

  /** What is there after the power is back; `survives` decides on each change not yet synced. */
  afterPowerCut(random: RandomStream | 'none' | 'all'): MemoryDisk {
    return new MemoryDisk(survivor(this.root, random) as FolderNode);
  }

  open(target: string, flags: 'wx' | 'a'): Promise<OpenFile> {
    return this.run('open', target, () => {
      const { folder, name } = this.locate(target);
      const found = folder.entries.get(name);
      if (flags === 'wx' && found !== undefined) throw failure('EEXIST', target);
      const file: MemoryNode = found ?? {
        kind: 'file',
        data: Buffer.alloc(0),
        synced: Buffer.alloc(0),
      };
      if (file.kind !== 'file') throw failure('EISDIR', target);
      if (found === undefined) this.change(folder, (entries) => entries.set(name, file));
      return this.handle(target, file);
    });
  }

  read(target: string, limit: number): Promise<Buffer> {
    return this.run('read', target, () => {
      const found = this.find(target);
      if (found === undefined) throw failure('ENOENT', target);
      if (found.kind !== 'file') throw new MalformedFileError(target, 'is not a regular file');
      if (found.data.length > limit) throw new MalformedFileError(target, 'is too large');
      return Buffer.from(found.data);
    });
  }

  status(target: string): ReturnType<FileLayer['status']> {
    return this.run('status', target, () => {
      const found = this.find(target);
      if (found === undefined) return null;
      const bytes = found.kind === 'file' ? found.data.length : 0;
      return { kind: found.kind, bytes, modifiedMs: 0 };
    });
  }

  list(target: string): Promise<string[]> {
    return this.run('list', target, () => [...this.folder(target).entries.keys()]);
  }

  makeFolder(target: string): Promise<void> {
    return this.run('makeFolder', target, () => {
      const { folder, name } = this.locate(target);
      if (folder.entries.has(name)) throw failure('EEXIST', target);
      const made = emptyFolder();
      this.change(folder, (entries) => entries.set(name, made));
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.run('rename', `${from} -> ${to}`, () => {
      const { folder, name } = this.locate(from);
      const node = folder.entries.get(name);
      if (node === undefined) throw failure('ENOENT', from);
      const goal = this.locate(to);
      if (goal.folder !== folder) throw new Error('not needed: rename between folders');
      const taken = folder.entries.get(goal.name);
      if (taken?.kind === 'folder' && taken.entries.size > 0) throw failure('ENOTEMPTY', to);
      this.change(folder, (entries) => {
        entries.delete(name);
        entries.set(goal.name, node);
      });
    });
  }

  syncFolder(target: string): Promise<void> {
    return this.run('syncFolder', target, () => {
      const folder = this.folder(target);
      folder.synced = new Map(folder.entries);
      folder.pending = [];
    });
  }

  removeFile(target: string): Promise<void> {
    return this.run('removeFile', target, () => {
      this.remove(target);
    });
  }

  removeFolder(target: string): Promise<void> {
    return this.run('removeFolder', target, () => {
      if (this.folder(target).entries.size > 0) throw failure('ENOTEMPTY', target);
      this.remove(target);
    });
  }

  freeFiles(target: string): Promise<number> {
    return this.run('freeFiles', target, () => this.filesFree);
  }

  freeBytes(target: string): Promise<number> {
    return this.run('freeBytes', target, () => 12345);
  }

  /** Changes a file behind the back of the code under test, as bad hardware would. */
  damage(target: string, change: (bytes: Buffer) => Buffer): void {
    const file = this.find(target) as FileNode;
    file.data = change(Buffer.from(file.data));
    file.synced = file.data;
  }

  names(target: string): string[] {
    return [...this.folder(target).entries.keys()].sort();
  }

  private handle(target: string, file: FileNode): OpenFile {
    return {
      write: (bytes) =>
        this.run('write', target, () => {
          const written = Math.min(bytes.byteLength, this.mostPerWrite);
          file.data = Buffer.concat([file.data, bytes.subarray(0, written)]);
          return written;
        }),
      sync: () =>
        this.run('sync', target, () => {
          file.synced = file.data;
        }),
      close: () => this.run('close', target, () => undefined),
    };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- an error must reject, not throw
  private async run<T>(operation: string, target: string, action: () => T): Promise<T> {
    const index = this.operations++;
    if (index >= this.cutAt) throw new PowerCut();
    const entry = `${operation} ${target.replaceAll(/\.(tmp|trash|old)-(\w+-\d+)-[\w-]+/g, '.$1-$2')}`;
    this.log.push(entry);
    if (index === this.failAt) {
      this.failed = entry;
      throw failure(this.failCode, target);
    }
    return action();
  }

  private change(folder: FolderNode, apply: (entries: Map<string, MemoryNode>) => void): void {
    apply(folder.entries);
    folder.pending.push(apply);
  }

  private remove(target: string): void {
    const { folder, name } = this.locate(target);
    if (!folder.entries.has(name)) throw failure('ENOENT', target);
    this.change(folder, (entries) => entries.delete(name));
  }

  private locate(target: string): { folder: FolderNode; name: string } {
    return { folder: this.folder(path.dirname(target)), name: path.basename(target) };
  }

  private folder(target: string): FolderNode {
    const found = this.find(target);
    if (found === undefined) throw failure('ENOENT', target);
    if (found.kind !== 'folder') throw failure('ENOTDIR', target);
    return found;
  }

  private find(target: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.root;
    for (const name of target.split('/').filter((part) => part !== '')) {
      node = node?.kind === 'folder' ? node.entries.get(name) : undefined;
    }
    return node;
  }
}

function emptyFolder(): FolderNode {
  return { kind: 'folder', entries: new Map(), synced: new Map(), pending: [] };
}

function survivor(node: MemoryNode, random: RandomStream | 'none' | 'all'): MemoryNode {
  if (node.kind === 'file') {
    const data = survivingBytes(node, random);
    return { kind: 'file', data, synced: data };
  }
  const names = new Map(node.synced);
  for (const apply of node.pending) {
    if (random === 'all' || (random !== 'none' && random.next() < 0.5)) apply(names);
  }
  const entries = new Map([...names].map(([name, child]) => [name, survivor(child, random)]));
  return { kind: 'folder', entries, synced: new Map(entries), pending: [] };
}

/** The synced bytes, all bytes, some of them, or as many zeros: what file systems have left. */
function survivingBytes({ data, synced }: FileNode, random: RandomStream | 'none' | 'all'): Buffer {
  if (random === 'all') return data;
  if (random === 'none' || data === synced) return synced;
  const choices = [synced, data, data.subarray(0, random.integer(data.length + 1))];
  return choices[random.integer(4)] ?? Buffer.alloc(data.length);
}

const memoryFolder = '/run/checkpoints';

interface Scene {
  /** Steps saved before, with the key of their state. */
  readonly before: readonly (readonly [step: number, key: number])[];
  /** The checkpoint whose tensors are then damaged. */
  readonly damaged?: number;
  /** The step that is saved, always with the state of key 99. */
  readonly step: number;
  /** The key of the newest valid state before; null when there is none. */
  readonly previous: number | null;
}

const scenes: Record<string, Scene> = {
  'a third checkpoint, the first is deleted': {
    before: [
      [1, 1],
      [2, 2],
    ],
    step: 3,
    previous: 2,
  },
  'a step whose folder is damaged': {
    before: [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
    damaged: 3,
    step: 3,
    previous: 2,
  },
  'a step that is there with another state, and nothing else': {
    before: [[3, 3]],
    step: 3,
    previous: 3,
  },
  'the very first checkpoint': { before: [], step: 1, previous: null },
};

async function stage({ before, damaged }: Scene): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (const [step, key] of before) {
    await saveCheckpoint(memoryFolder, step, makeState(key), { keep: 3, files: disk });
  }
  if (damaged !== undefined) {
    disk.damage(`${memoryFolder}/ckpt-0000000${damaged}/tensors.bin`, (bytes) => {
      bytes[0]! ^= 1;
      return bytes;
    });
  }
  disk.operations = 0;
  disk.log = [];
  return disk;
}

const saveScene = (disk: MemoryDisk, { step }: Scene): Promise<string> =>
  saveCheckpoint(memoryFolder, step, makeState(99), { files: disk });

async function operationsOf(scene: Scene): Promise<number> {
  const disk = await stage(scene);
  await saveScene(disk, scene);
  return disk.operations;
}

const hashOf = (key: number | null): string | null =>
  key === null ? null : stateHash(makeState(key));

async function newestHash(disk: MemoryDisk): Promise<string | null> {
  const loaded = await loadNewestCheckpoint(memoryFolder, { files: disk });
  return loaded === null ? null : stateHash(loaded.state);
}

// ---------------------------------------------------------------------------------------- behaviour

describe('a checkpoint', () => {
  it('comes back bit for bit, by step and by path', async () => {
    const folder = newFolder();
    const state = makeState(7);
    const place = await saveCheckpoint(folder, 1200, state);
    expect(place).toBe(path.join(folder, 'ckpt-00001200'));
    expect(fs.readdirSync(place).sort()).toEqual([
      'manifest.json',
      'state.json',
      'tensors.bin',
      'tensors.json',
    ]);
    const loaded = await loadNewestCheckpoint(folder);
    expect(loaded).toMatchObject({ path: place, step: 1200, skipped: [] });
    expect(loaded!.state.record).toEqual(state.record);
    for (const [name, array] of state.tensors) {
      expect(loaded!.state.tensors.get(name)).toEqual(array);
    }
    expect(stateHash((await loadCheckpoint(place)).state)).toBe(stateHash(state));
  });

  it('keeps every float and integer there is (property)', async () => {
    const disk = new MemoryDisk();
    await fc.assert(
      fc.asyncProperty(
        fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 20 }),
        fc.int32Array({ maxLength: 20 }),
        fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())),
        async (floats, integers, data) => {
          const tensors = new Map<string, NamedArray>([
            ['model/f', { shape: [floats.length], dtype: 'float32', values: floats }],
            ['model/i', { shape: [1, integers.length], dtype: 'int32', values: integers }],
          ]);
          fc.pre(!('__proto__' in data) || !Object.hasOwn(data, '__proto__'));
          const record = { data: { ...data } };
          const state = { tensors, record };
          const place = await saveCheckpoint(memoryFolder, 1, state, { files: disk });
          const loaded = await loadCheckpoint(place, { files: disk });
          // Bytes, not values: -0 equals 0.
          const bytes = loaded.state.tensors.get('model/f')!.values;
          expect(Buffer.from(bytes.buffer)).toEqual(Buffer.from(floats.slice().buffer));
          expect(stateHash(loaded.state)).toBe(stateHash(state));
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  it('is a copy of the state at the time of the call', async () => {
    const folder = newFolder();
    const values = Float32Array.of(1, 2);
    const saving = saveCheckpoint(folder, 1, oneTensor({ shape: [2], dtype: 'float32', values }));
    values.fill(9);
    const loaded = await loadCheckpoint(await saving);
    expect(loaded.state.tensors.get('model/a')!.values).toEqual(Float32Array.of(1, 2));
  });

  it('has a hash that sees every part and no order', () => {
    const base = makeState(1);
    const reversed = { ...base, tensors: new Map([...base.tensors].reverse()) };
    expect(stateHash(reversed)).toBe(stateHash(base));
    const zero = (values: Float32Array, shape = [1], name?: string): string =>
      stateHash(oneTensor({ shape, dtype: 'float32', values }, name));
    const hashes = [
      zero(Float32Array.of(0)),
      zero(Float32Array.of(-0)),
      zero(Float32Array.of(0), [1, 1]),
      zero(Float32Array.of(0), [1], 'model/b'),
      stateHash(oneTensor({ shape: [1], dtype: 'int32', values: Int32Array.of(0) })),
      stateHash({
        ...oneTensor({ shape: [1], dtype: 'float32', values: Float32Array.of(0) }),
        record: { a: 1 },
      }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('is found by number, not by text', async () => {
    const folder = newFolder();
    for (const step of [9, 10, 99_999_999, 100_000_000]) {
      await saveCheckpoint(folder, step, makeState(step), { keep: 9 });
    }
    expect((await loadNewestCheckpoint(folder))!.step).toBe(100_000_000);
  });

  it('is absent where there is no folder, or nothing in it', async () => {
    const folder = newFolder();
    expect(await loadNewestCheckpoint(folder)).toBeNull();
    fs.mkdirSync(folder, { recursive: true });
    fs.mkdirSync(path.join(folder, 'ckpt-7'));
    expect(await loadNewestCheckpoint(folder)).toBeNull();
  });
});

describe('retention', () => {
  const steps = (folder: string): number[] =>
    fs
      .readdirSync(folder)
      .map((name) => Number(name.slice(5)))
      .sort((one, other) => one - other);

  const saveAll = async (options: SaveCheckpointOptions): Promise<number[]> => {
    const folder = newFolder();
    for (let step = 1; step <= 6; step++) {
      await saveCheckpoint(folder, step, makeState(step), options);
    }
    return steps(folder);
  };

  it.each([
    [{}, [5, 6]],
    [{ keep: 1 }, [6]],
    [{ keep: 4 }, [3, 4, 5, 6]],
    [{ protect: [2] }, [2, 5, 6]],
    [{ protect: [5], keep: 1 }, [5, 6]],
  ])('%j leaves the steps %j', async (options, left) => {
    expect(await saveAll(options)).toEqual(left);
  });

  it('leaves newer checkpoints alone and does not count them', async () => {
    const folder = newFolder();
    for (const step of [10, 20, 30, 11, 12])
      await saveCheckpoint(folder, step, makeState(step), { keep: 3 });
    await saveCheckpoint(folder, 12, makeState(12), { keep: 2 });
    expect(steps(folder)).toEqual([11, 12, 20, 30]);
  });

  it('tells of an old checkpoint that cannot be deleted, and saves all the same', async () => {
    const disk = await stage(scenes['a third checkpoint, the first is deleted']!);
    const rename = disk.rename.bind(disk);
    disk.rename = (from, to) =>
      to.includes('.trash') ? Promise.reject(failure('EACCES', from)) : rename(from, to);
    const warnings: string[] = [];
    await saveCheckpoint(memoryFolder, 3, makeState(3), {
      files: disk,
      warn: (text) => warnings.push(text),
    });
    expect(warnings).toEqual([expect.stringContaining('could not be deleted: EACCES')]);
    expect(await newestHash(disk)).toBe(hashOf(3));
  });

  it.each([0, 1.5, Number.NaN, -1])('rejects keep %d', async (keep) => {
    await expect(saveCheckpoint(newFolder(), 1, makeState(1), { keep })).rejects.toThrow(
      `keep must be an integer >= 1, got ${keep}`,
    );
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('rejects step %d', async (step) => {
    await expect(saveCheckpoint(newFolder(), step, makeState(1))).rejects.toThrow(
      `step must be an integer >= 0, got ${step}`,
    );
  });
});

describe('a state that must not be saved', () => {
  const float = (...values: number[]): NamedArray => ({
    shape: [values.length],
    dtype: 'float32',
    values: Float32Array.from(values),
  });
  const bad: [string, TrainingState, string][] = [
    ['NaN', oneTensor(float(1, Number.NaN)), 'tensor "model/a" must be finite, got NaN at index 1'],
    ['Infinity', oneTensor(float(Infinity)), 'must be finite, got Infinity at index 0'],
    ['-Infinity', oneTensor(float(0, -Infinity)), 'must be finite, got -Infinity at index 1'],
    [
      'a bool of 2',
      oneTensor({ shape: [1], dtype: 'bool', values: Uint8Array.of(2) }),
      'must be 0 or 1, got 2',
    ],
    [
      'a wrong shape',
      oneTensor({ ...float(1, 2), shape: [3] }),
      'of shape [3] cannot hold 2 values',
    ],
    ['a negative shape', oneTensor({ ...float(1), shape: [-1, -1] }), 'of shape [-1, -1]'],
    [
      'a wrong type',
      oneTensor({ shape: [1], dtype: 'int32', values: Float32Array.of(1) }),
      'of type int32 must be a Int32Array, got a Float32Array',
    ],
    ['a traversal', oneTensor(float(1), 'model/../x'), 'an empty or reserved part in its name'],
    ['__proto__', oneTensor(float(1), '__proto__'), 'reserved part in its name'],
    ['no name', oneTensor(float(1), ''), 'a name of 1 to 1024 characters, got 0'],
    ['a NUL', oneTensor(float(1), 'a\0b'), 'control character'],
    [
      'NaN in the record',
      { ...makeState(1), record: { a: [1, Number.NaN] } },
      '$.record.a[1]: must be',
    ],
    ['-0 in the record', { ...makeState(1), record: { a: -0 } }, 'other than -0, got -0'],
    [
      'a date in the record',
      { ...makeState(1), record: { a: new Date(0) as unknown as string } },
      '$.record.a: must be plain JSON data, got an object with a class',
    ],
    [
      'undefined in the record',
      { ...makeState(1), record: { a: undefined as unknown as null } },
      'got undefined',
    ],
    [
      '__proto__ in the record',
      { ...makeState(1), record: JSON.parse('{"a":{"__proto__":1}}') as JsonObject },
      '$.record.a: the key __proto__ is not allowed',
    ],
  ];

  it.each(bad)('%s is refused before anything is written', async (_, state, message) => {
    const folder = newFolder();
    const saving = saveCheckpoint(folder, 1, state);
    await expect(saving).rejects.toThrow(CheckpointStateError);
    await expect(saving).rejects.toThrow(message);
    await expect(saving).rejects.toMatchObject({ exitCode: 1 });
    expect(fs.existsSync(folder)).toBe(false);
  });
});

describe('the order of a save', () => {
  it('is: files, manifest, their folder, rename, parent; only then is the oldest deleted', async () => {
    const scene = scenes['a third checkpoint, the first is deleted']!;
    const disk = await stage(scene);
    await saveScene(disk, scene);
    const draft = `${memoryFolder}/.tmp-ckpt-00000003`;
    const target = `${memoryFolder}/ckpt-00000003`;
    const trash = `${memoryFolder}/.trash-ckpt-00000001`;
    const written = (name: string): string[] =>
      ['open', 'write', 'sync', 'close'].map((operation) => `${operation} ${draft}/${name}`);
    const changes = disk.log.filter((entry) => !/^(list|status) /.test(entry));
    expect(changes).toEqual([
      `makeFolder ${memoryFolder}`, // refused: it is there
      `makeFolder ${draft}`,
      ...written('state.json'),
      ...written('tensors.bin'),
      ...written('tensors.json'),
      ...written('manifest.json'),
      `syncFolder ${draft}`,
      `rename ${draft} -> ${target}`,
      `syncFolder ${memoryFolder}`,
      ...['manifest.json', 'state.json', 'tensors.bin', 'tensors.json'].map(
        (name) => `read ${target}/${name}`,
      ),
      `rename ${memoryFolder}/ckpt-00000001 -> ${trash}`,
      `syncFolder ${memoryFolder}`,
      ...['state.json', 'tensors.bin', 'tensors.json', 'manifest.json'].map(
        (name) => `removeFile ${trash}/${name}`,
      ),
      `removeFolder ${trash}`,
    ]);
  });

  it('writes nothing for a step that is there with the same state', async () => {
    const disk = await stage({ before: [[3, 99]], step: 3, previous: 99 });
    await saveCheckpoint(memoryFolder, 3, makeState(99), { files: disk });
    expect(disk.log.filter((entry) => /^(open|rename|remove)/.test(entry))).toEqual([]);
  });

  it('takes what a write leaves over to the next write', async () => {
    const disk = new MemoryDisk();
    disk.mostPerWrite = 7;
    await saveCheckpoint(memoryFolder, 1, makeState(1), { files: disk });
    expect(await newestHash(disk)).toBe(hashOf(1));
  });

  it('gives up on a file that takes no bytes', async () => {
    const disk = new MemoryDisk();
    disk.mostPerWrite = 0;
    const saving = saveCheckpoint(memoryFolder, 1, makeState(1), { files: disk });
    await expect(saving).rejects.toMatchObject({ name: 'DiskError', code: 'EIO', exitCode: 4 });
  });

  it('notices a disk that stores something else than was written', async () => {
    const scene = scenes['a third checkpoint, the first is deleted']!;
    const disk = await stage(scene);
    const rename = disk.rename.bind(disk);
    disk.rename = async (from, to) => {
      await rename(from, to);
      if (to.endsWith('ckpt-00000003')) disk.damage(`${to}/tensors.bin`, (bytes) => bytes.fill(1));
    };
    await expect(saveScene(disk, scene)).rejects.toMatchObject({ code: 'EVERIFY', exitCode: 4 });
    expect(disk.names(memoryFolder)).toEqual(['ckpt-00000001', 'ckpt-00000002']);
    expect(await newestHash(disk)).toBe(hashOf(2));
  });
});

describe.each(Object.entries(scenes))('saving %s', (_, scene) => {
  it('fails cleanly, or succeeds, whichever operation fails', async () => {
    const total = await operationsOf(scene);
    const codes = ['ENOSPC', 'EIO', 'EDQUOT', 'EFBIG'];
    let failures = 0;
    for (let index = 0; index < total; index++) {
      const disk = await stage(scene);
      disk.failAt = index;
      disk.failCode = codes[index % codes.length]!;
      const outcome = await saveScene(disk, scene).catch((error: unknown) => error);
      const where = `operation ${index}: ${disk.failed}`;
      if (typeof outcome === 'string') {
        expect(await newestHash(disk), where).toBe(hashOf(99));
      } else {
        failures++;
        expect(outcome, where).toBeInstanceOf(DiskError);
        expect(outcome, where).toMatchObject({
          code: disk.failCode,
          bytesFree: 12345,
          exitCode: 4,
        });
        expect((outcome as DiskError).bytesNeeded).toBeGreaterThan(800);
        const isMade = disk.names('/').includes('run') && disk.names('/run').length > 0;
        expect(isMade ? hidden(disk.names(memoryFolder)) : [], where).toEqual([]);
        expect(await newestHash(disk), where).toBe(hashOf(scene.previous));
      }
      // A failed sync of a file is never tried again on that file.
      const again = disk.log.filter((entry) => entry === disk.failed && entry.startsWith('sync '));
      expect(again.length, where).toBeLessThanOrEqual(1);
      await saveCheckpoint(memoryFolder, 4, makeState(4), { files: disk });
      expect(hidden(disk.names(memoryFolder)), where).toEqual([]);
      expect(await newestHash(disk), where).toBe(hashOf(4));
    }
    expect(failures).toBeGreaterThanOrEqual(20);
  });

  it('leaves the previous state or the new one when the power goes at any operation', async () => {
    const total = await operationsOf(scene);
    const allowed = [hashOf(scene.previous), hashOf(99)];
    const seen = new Set<string | null>();
    for (let index = 0; index <= total; index++) {
      for (let variant = 0; variant < 8; variant++) {
        const disk = await stage(scene);
        disk.cutAt = index;
        const isSaved = await saveScene(disk, scene).then(
          () => true,
          () => false,
        );
        const chance = new RandomStream(index * 8 + variant);
        const after = disk.afterPowerCut(variant === 0 ? 'none' : variant === 1 ? 'all' : chance);
        const hash = await newestHash(after);
        expect(isSaved ? [hashOf(99)] : allowed, `cut ${index}.${variant}`).toContain(hash);
        seen.add(hash);
        await saveCheckpoint(memoryFolder, 4, makeState(4), { files: after });
        expect(await newestHash(after)).toBe(hashOf(4));
        expect(hidden(after.names(memoryFolder))).toEqual([]);
      }
    }
    expect(seen).toEqual(new Set(allowed)); // both happened, so the cuts did cut
  });
});

describe('a damaged checkpoint', () => {
  const names = ['manifest.json', 'state.json', 'tensors.bin', 'tensors.json'];

  async function twoCheckpoints(): Promise<{ folder: string; newest: string; older: string }> {
    const folder = newFolder();
    const older = await saveCheckpoint(folder, 1, makeState(1));
    const newest = await saveCheckpoint(folder, 2, makeState(2));
    return { folder, newest, older };
  }

  /** The newest is refused for this reason and the one before it is loaded. */
  async function expectFallback(folder: string, reason: string | RegExp): Promise<void> {
    const loaded = await loadNewestCheckpoint(folder);
    expect(loaded!.step).toBe(1);
    expect(stateHash(loaded!.state)).toBe(hashOf(1));
    expect(loaded!.skipped).toHaveLength(1);
    expect(loaded!.skipped[0]!.path).toBe(path.join(folder, 'ckpt-00000002'));
    expect(loaded!.skipped[0]!.reason).toMatch(reason);
  }

  it('is passed over for each of 1000 flipped bits', async () => {
    const { folder, newest } = await twoCheckpoints();
    const contents = names.map((name) => fs.readFileSync(path.join(newest, name)));
    const random = new RandomStream(1);
    for (let trial = 0; trial < 1000; trial++) {
      // The file first, then the place: the bytes of tensors.bin would outweigh the others.
      const which = random.integer(names.length);
      const file = path.join(newest, names[which]!);
      const bytes = Buffer.from(contents[which]!);
      bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
      fs.writeFileSync(file, bytes);
      // A flip in the manifest may make another file look wrong.
      await expectFallback(folder, which === 0 ? /\.json|\.bin/ : names[which]!);
      fs.writeFileSync(file, contents[which]!);
    }
    expect((await loadNewestCheckpoint(folder))!.step).toBe(2);
  });

  it('is passed over for each of 100 truncations', async () => {
    const { folder, newest } = await twoCheckpoints();
    const random = new RandomStream(2);
    for (let trial = 0; trial < 100; trial++) {
      const name = names[trial % 4]!;
      const file = path.join(newest, name);
      const content = fs.readFileSync(file);
      const length = trial < 4 ? 0 : random.integer(content.length);
      fs.writeFileSync(file, content.subarray(0, length));
      await expectFallback(folder, name);
      fs.writeFileSync(file, content);
    }
  });

  it.each(names)('is passed over when %s is missing', async (name) => {
    const { folder, newest } = await twoCheckpoints();
    fs.rmSync(path.join(newest, name));
    await expectFallback(folder, `${name} is missing`);
  });

  it('is passed over when two of its files are swapped', async () => {
    const { folder, newest } = await twoCheckpoints();
    const [one, other] = [path.join(newest, 'state.json'), path.join(newest, 'tensors.json')];
    fs.renameSync(one, `${one}.x`);
    fs.renameSync(other, one);
    fs.renameSync(`${one}.x`, other);
    await expectFallback(folder, 'state.json has');
  });

  it('is passed over when a file of another checkpoint is in it', async () => {
    const { folder, newest, older } = await twoCheckpoints();
    fs.copyFileSync(path.join(older, 'tensors.bin'), path.join(newest, 'tensors.bin'));
    await expectFallback(folder, 'tensors.bin does not match its SHA-256');
  });

  it('is passed over when the folder of another step bears its name', async () => {
    const { folder, newest, older } = await twoCheckpoints();
    fs.rmSync(newest, { recursive: true });
    fs.cpSync(older, newest, { recursive: true });
    await expectFallback(folder, 'names step 1, the folder another');
  });

  it.each(names)('is passed over when %s is a link, a pipe or a folder', async (name) => {
    const { folder, newest } = await twoCheckpoints();
    const file = path.join(newest, name);
    fs.renameSync(file, path.join(folder, 'elsewhere'));
    fs.symlinkSync('../elsewhere', file);
    await expectFallback(folder, `${name} is a symbolic link`);
    fs.rmSync(file);
    execFileSync('mkfifo', [file]);
    await expectFallback(folder, `${name} is not a regular file`);
    fs.rmSync(file);
    fs.mkdirSync(file);
    await expectFallback(folder, `${name} is not a regular file`);
  });

  it('is passed over when its folder is a link, a file or empty', async () => {
    const { folder, newest } = await twoCheckpoints();
    fs.renameSync(newest, path.join(folder, 'elsewhere'));
    fs.symlinkSync('elsewhere', newest);
    await expectFallback(folder, 'is not a folder');
    fs.rmSync(newest);
    fs.writeFileSync(newest, '');
    await expectFallback(folder, 'is not a folder');
    fs.rmSync(newest);
    fs.mkdirSync(newest);
    await expectFallback(folder, 'manifest.json is missing');
  });

  it('is replaced by the next save of its step', async () => {
    const { folder, newest } = await twoCheckpoints();
    fs.writeFileSync(path.join(newest, 'tensors.bin'), '0');
    await saveCheckpoint(folder, 2, makeState(22));
    expect(stateHash((await loadNewestCheckpoint(folder))!.state)).toBe(hashOf(22));
    expect(hidden(fs.readdirSync(folder))).toEqual([]);
  });

  it('ends the search with a list of reasons when none is left', async () => {
    const { folder, newest, older } = await twoCheckpoints();
    fs.rmSync(path.join(newest, 'manifest.json'));
    fs.writeFileSync(path.join(older, 'state.json'), 'x');
    const error = await loadNewestCheckpoint(folder).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NoValidCheckpointError);
    expect(error).toMatchObject({
      exitCode: 3,
      skipped: [
        { path: newest, reason: 'manifest.json is missing' },
        { path: older, reason: expect.stringContaining('state.json has 1 bytes') as string },
      ],
    });
    expect((error as Error).message).toContain(newest);
    expect((error as Error).message).toContain(older);
  });

  it('does not hide a failure of the process itself', async () => {
    const disk = await stage(scenes['a third checkpoint, the first is deleted']!);
    disk.read = (target) => Promise.reject(failure('EMFILE', target));
    const loading = loadNewestCheckpoint(memoryFolder, { files: disk });
    await expect(loading).rejects.toMatchObject({ code: 'EMFILE' });
  });
});

describe('a forged checkpoint', () => {
  interface Forgery {
    state?: string;
    index?: string;
    binary?: Buffer;
    manifest?: (genuine: string) => string | Buffer;
  }

  const entry = (name: string, offset = 0, extra: JsonObject = {}): JsonObject => ({
    name,
    dtype: 'float32',
    shape: [2],
    offset,
    bytes: 8,
    ...extra,
  });
  const indexOf = (...tensors: JsonObject[]): string => canonicalJson({ tensors });
  const four = Buffer.alloc(16);

  /** Writes a checkpoint whose hashes are right, whatever is in it. */
  function forge(forgery: Forgery): { files: MemoryDisk; place: string } {
    const contents: Record<string, Buffer> = {
      'state.json': Buffer.from(forgery.state ?? '{"record":{},"step":5}'),
      'tensors.json': Buffer.from(forgery.index ?? indexOf(entry('a'), entry('b', 8))),
      'tensors.bin': forgery.binary ?? four,
    };
    const files = Object.fromEntries(
      Object.entries(contents).map(([name, bytes]) => [
        name,
        { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
      ]),
    );
    const genuine = canonicalJson({ format: 'secateur-checkpoint/1', step: 5, files });
    contents['manifest.json'] = Buffer.from((forgery.manifest?.(genuine) ?? genuine) as Buffer);
    const folder = emptyFolder();
    for (const [name, data] of Object.entries(contents)) {
      folder.entries.set(name, { kind: 'file', data, synced: data });
    }
    const root = emptyFolder();
    root.entries.set('ckpt-00000005', folder);
    return { files: new MemoryDisk(root), place: '/ckpt-00000005' };
  }

  const load = (forgery: Forgery): Promise<unknown> => {
    const { files, place } = forge(forgery);
    return loadCheckpoint(place, { files });
  };

  it('is loaded when nothing is wrong with it, so that the cases below prove something', async () => {
    await expect(load({})).resolves.toMatchObject({ step: 5 });
  });

  const deep = `{"record":{"a":${'['.repeat(100)}${']'.repeat(100)}},"step":5}`;
  const cases: [string, Forgery, RegExp][] = [
    [
      'another format',
      { manifest: (text) => text.replace('point/1', 'point/2') },
      /format "secateur-checkpoint\/2", this version reads/,
    ],
    [
      'a further file',
      {
        manifest: (text) =>
          text.replace('"files":{', '"files":{"../../x":{"bytes":1,"sha256":""},'),
      },
      /must list the files/,
    ],
    [
      'a path for a file',
      { manifest: (text) => text.replace('"state.json"', '"../state.json"') },
      /must list the files/,
    ],
    [
      'a file less',
      { manifest: (text) => text.replace(/"state.json":\{[^}]*\},/, '') },
      /must list the files/,
    ],
    [
      '__proto__ in the manifest',
      { manifest: (text) => text.replace('{"files"', '{"__proto__":{"polluted":1},"files"') },
      /key __proto__/,
    ],
    [
      'a repeated key',
      { manifest: (text) => text.replace('"step":5', '"step":4,"step":5') },
      /canonical/,
    ],
    [
      'a further key',
      { manifest: (text) => text.replace('"step":5', '"step":5,"x":1') },
      /nothing else/,
    ],
    [
      'a huge size',
      { manifest: (text) => text.replace('"bytes":16', '"bytes":9007199254740991') },
      /tensors.bin has 16 bytes/,
    ],
    [
      'a negative size',
      { manifest: (text) => text.replace('"bytes":16', '"bytes":-16') },
      /bytes and sha256 for tensors.bin/,
    ],
    [
      'a negative step',
      { manifest: (text) => text.replace('"step":5', '"step":-5') },
      /a step >= 0/,
    ],
    [
      'a hash in capitals',
      { manifest: (text) => text.replace(/[0-9a-f]{64}/, (hash) => hash.toUpperCase()) },
      /bytes and sha256/,
    ],
    ['a large manifest', { manifest: (text) => text + ' '.repeat(70_000) }, /too large/],
    ['a list for a manifest', { manifest: () => '[]' }, /not a JSON object/],
    ['not UTF-8', { manifest: () => Buffer.of(0x22, 0xff, 0x22) }, /not the JSON that was written/],
    ['a byte order mark', { manifest: (text) => `\ufeff${text}` }, /not the JSON that was written/],
    ['a state of another step', { state: '{"record":{},"step":6}' }, /another step/],
    ['no record', { state: '{"step":5}' }, /record and step/],
    ['a list for a record', { state: '{"record":[],"step":5}' }, /record that is a JSON object/],
    [
      '__proto__ in the record',
      { state: '{"record":{"__proto__":{"polluted":1}},"step":5}' },
      /key __proto__/,
    ],
    [
      'constructor in the record',
      { state: '{"record":{"a":{"constructor":{"prototype":{"polluted":1}}}},"step":5}' },
      /key constructor/,
    ],
    ['deep nesting', { state: deep }, /deeper than 64/],
    [
      'very deep nesting',
      { state: deep.replace('[', '['.repeat(1_000_000)).replace(']', ']'.repeat(1_000_000)) },
      /not the JSON that was written/,
    ],
    ['NaN', { state: '{"record":{"a":NaN},"step":5}' }, /not the JSON/],
    ['1e999', { state: '{"record":{"a":1e999},"step":5}' }, /finite number/],
    ['-0', { state: '{"record":{"a":-0},"step":5}' }, /other than -0/],
    ['no list', { index: '{"tensors":{}}' }, /list of tensors/],
    ['a tensor that is null', { index: '{"tensors":[null]}' }, /for each tensor/],
    ['two of one name', { index: indexOf(entry('a'), entry('a', 8)) }, /"a" twice or out of order/],
    ['an overlap', { index: indexOf(entry('a'), entry('b', 4)) }, /"b", which overlaps/],
    [
      'the same range twice',
      { index: indexOf(entry('a'), entry('b')), binary: Buffer.alloc(8) },
      /"b", which overlaps/,
    ],
    [
      'a hole',
      { index: indexOf(entry('a'), entry('b', 12)), binary: Buffer.alloc(20) },
      /"b", which leaves a hole/,
    ],
    ['bytes left over', { index: indexOf(entry('a')) }, /describes 8 bytes, tensors.bin has 16/],
    ['bytes missing', { binary: Buffer.alloc(12) }, /describes 16 bytes, tensors.bin has 12/],
    [
      'a huge shape',
      { index: indexOf(entry('a', 0, { shape: [2 ** 30, 2 ** 30] })) },
      /does not fit its bytes/,
    ],
    [
      'a huge shape and size',
      { index: indexOf(entry('a', 0, { shape: [2 ** 40], bytes: 2 ** 42 })) },
      /describes 4398046511104 bytes/,
    ],
    [
      'a product that overflows',
      { index: indexOf(entry('a', 0, { shape: [2 ** 50, 2 ** 50, 2 ** 50], bytes: 0 })) },
      /does not fit/,
    ],
    [
      'a negative length',
      { index: indexOf(entry('a', 0, { shape: [-2], bytes: -8 })) },
      /does not fit/,
    ],
    [
      'two negative lengths',
      { index: indexOf(entry('a', 0, { shape: [-1, -2] })) },
      /does not fit/,
    ],
    ['a fraction', { index: indexOf(entry('a', 0, { shape: [0.5, 4] })) }, /does not fit/],
    ['a negative offset', { index: indexOf(entry('a', -8)) }, /no valid offset/],
    [
      'rank 17',
      { index: indexOf(entry('a', 0, { shape: [2, ...Array<number>(16).fill(1)] })) },
      /does not fit/,
    ],
    [
      'an unknown type',
      { index: indexOf(entry('a', 0, { dtype: 'string' })) },
      /unknown type "string"/,
    ],
    ['an inherited type', { index: indexOf(entry('a', 0, { dtype: 'toString' })) }, /unknown type/],
    ['a number for a name', { index: indexOf(entry('a', 0, { name: 7 })) }, /has no name/],
    [
      'a traversal in a name',
      { index: indexOf(entry('../../etc/passwd')) },
      /reserved part in its name/,
    ],
    ['__proto__ for a name', { index: indexOf(entry('__proto__')) }, /reserved part in its name/],
    ['a long name', { index: indexOf(entry('x'.repeat(2000))) }, /1 to 1024 characters/],
    [
      'NaN in the tensors',
      { binary: Buffer.from(new Float32Array([0, Number.NaN, 0, 0]).buffer) },
      /"a", which must be finite, got NaN/,
    ],
    [
      'a bool of 7',
      {
        index: indexOf({ ...entry('a'), dtype: 'bool', shape: [1], bytes: 1 }),
        binary: Buffer.of(7),
      },
      /must be 0 or 1, got 7/,
    ],
  ];

  it.each(cases)('with %s is refused', async (_, forgery, reason) => {
    const error = await load(forgery).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CheckpointDamagedError);
    expect(error).toMatchObject({ exitCode: 3, path: '/ckpt-00000005' });
    expect((error as CheckpointDamagedError).reason).toMatch(reason);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('is loaded or refused, never anything else, in 3000 mutations', async () => {
    const random = new RandomStream(3);
    const snippets = [
      '"',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '-',
      '0',
      '1e99',
      'null',
      '__proto__',
      '\\u0000',
      '..',
      'é',
    ];
    const mutate = (text: string): string => {
      const at = random.integer(text.length);
      const inserted = snippets[random.integer(snippets.length)]!;
      return text.slice(0, at) + inserted + text.slice(at + random.integer(3));
    };
    let refused = 0;
    for (let trial = 0; trial < 3000; trial++) {
      const index = indexOf(entry('a'), entry('b', 8));
      const forgery: Forgery[] = [
        { state: mutate('{"record":{"keep":[1,2],"s":"x"},"step":5}') },
        { index: mutate(index) },
        { manifest: mutate },
      ];
      const outcome = await load(forgery[trial % 3]!).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(CheckpointDamagedError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2000);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('a disk that is really full', () => {
  it('is named with its figures, and earlier checkpoints stay', async (context) => {
    const mount = path.join(scratch, 'small-disk');
    fs.mkdirSync(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount], { stdio: 'pipe' });
    } catch (error) {
      context.skip(`cannot mount a tmpfs here: ${String(error).split('\n')[0]!}`);
    }
    try {
      const folder = path.join(mount, 'checkpoints');
      const large = (value: number): TrainingState => {
        const values = new Float32Array(100_000).fill(value); // 400,000 bytes: two fit, three do not
        return oneTensor({ shape: [100_000], dtype: 'float32', values });
      };
      await saveCheckpoint(folder, 1, large(1), { keep: 5 });
      await saveCheckpoint(folder, 2, large(2), { keep: 5 });
      const error = await saveCheckpoint(folder, 3, large(3), { keep: 5 }).catch(
        (caught: unknown) => caught,
      );
      expect(error).toBeInstanceOf(DiskError);
      const { code, bytesNeeded, bytesFree, message } = error as DiskError;
      expect(code).toBe('ENOSPC');
      expect(bytesNeeded).toBeGreaterThan(400_000);
      expect(bytesFree).toBeLessThan(400_000);
      expect(bytesFree).toBeGreaterThan(100_000); // the unfinished files were gone when it was asked
      expect(message).toContain(path.join(folder, 'ckpt-00000003'));
      expect(message).toContain(`bytes needed: ${bytesNeeded!}, bytes free: ${bytesFree!}`);
      expect(fs.readdirSync(folder)).toEqual(['ckpt-00000001', 'ckpt-00000002']);
      expect(stateHash((await loadNewestCheckpoint(folder))!.state)).toBe(stateHash(large(2)));
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

describe('a disk that takes no more files', () => {
  it('is told from one without bytes', async (context) => {
    const mount = path.join(scratch, 'few-files');
    fs.mkdirSync(mount);
    try {
      const few = ['-t', 'tmpfs', '-o', 'size=10m,nr_inodes=7', 'tmpfs', mount];
      execFileSync('mount', few, { stdio: 'pipe' });
    } catch (error) {
      context.skip(`cannot mount a tmpfs here: ${String(error).split('\n')[0]!}`);
    }
    try {
      const folder = path.join(mount, 'checkpoints');
      await saveCheckpoint(folder, 1, makeState(1), { keep: 5 }); // 2 folders, 3 files
      const saving = saveCheckpoint(folder, 2, makeState(2), { keep: 5 });
      await expect(saving).rejects.toThrow(DiskError);
      await expect(saving).rejects.toThrow(
        /not as many files fit on the disk \(inodes\), \d+ free/,
      );
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

describe('leftovers', () => {
  const deadPid = (): number => Number(execFileSync('sh', ['-c', 'echo $$']).toString());
  const host = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
  const make = (folder: string, name: string, source?: string): string => {
    const target = path.join(folder, name);
    if (source === undefined) fs.mkdirSync(target);
    else fs.cpSync(source, target, { recursive: true });
    return target;
  };

  it('of dead processes are removed, those of live and of foreign ones stay', async () => {
    const folder = newFolder();
    const source = await saveCheckpoint(folder, 1, makeState(1));
    const token = 'abcdefabcdef';
    make(folder, `.tmp-ckpt-00000002-${host}-${deadPid()}-${token}-0`, source);
    make(folder, `.trash-ckpt-00000001-${host}-${process.pid}-${token}-0`, source); // an earlier process
    const live = make(folder, `.tmp-ckpt-00000002-${host}-${process.ppid}-${token}-0`);
    const foreign = make(folder, `.tmp-ckpt-00000002-00000000-${deadPid()}-${token}-0`);
    const old = make(folder, `.tmp-ckpt-00000003-00000000-${deadPid()}-${token}-0`);
    const twoHoursAgo = new Date(Date.now() - 7_200_000);
    fs.utimesSync(old, twoHoursAgo, twoHoursAgo);
    const other = make(folder, '.tmp-mine');
    await loadNewestCheckpoint(folder);
    const left = hidden(fs.readdirSync(folder)).sort();
    expect(left).toEqual([live, foreign, other].map((target) => path.basename(target)).sort());
  });

  it('moved aside by a dead process come back when nothing took their place', async () => {
    const folder = newFolder();
    const place = await saveCheckpoint(folder, 1, makeState(1));
    const aside = `.old-ckpt-00000001-${host}-${deadPid()}-abcdefabcdef-0`;
    fs.renameSync(place, path.join(folder, aside));
    expect((await loadNewestCheckpoint(folder))!.step).toBe(1);
    fs.cpSync(place, path.join(folder, aside), { recursive: true });
    expect((await loadNewestCheckpoint(folder))!.step).toBe(1);
    expect(fs.readdirSync(folder)).toEqual(['ckpt-00000001']);
  });

  it('are never removed through a link', async () => {
    const folder = newFolder();
    const place = await saveCheckpoint(folder, 1, makeState(1));
    const trap = make(folder, `.trash-x-${host}-${deadPid()}-abcdefabcdef-0`);
    fs.symlinkSync(place, path.join(trap, 'link'));
    await loadNewestCheckpoint(folder);
    expect(fs.readdirSync(folder)).toEqual(['ckpt-00000001']);
    expect(fs.readdirSync(place)).toHaveLength(4);
  });
});

describe('a process killed while it saves', () => {
  const child = `
    const { saveCheckpoint, loadNewestCheckpoint } = require('./files/run/checkpoint.js');
    (async () => {
      const folder = process.argv[2];
      const loaded = await loadNewestCheckpoint(folder);
      for (let step = (loaded?.step ?? 0) + 1; ; step++) {
        const values = new Float32Array(100000).fill(step);
        const tensors = new Map([['model/a', { shape: [100000], dtype: 'float32', values }]]);
        const saving = saveCheckpoint(folder, step, { tensors, record: { step } });
        process.stdout.write('.');
        await saving;
        process.stdout.write('+');
      }
    })();`;

  /** Waits for this output of the child; returns how long its last save took, in milliseconds. */
  async function outputOf(stream: Readable, expected: string, before: number): Promise<number> {
    let text = '';
    let begun = performance.now();
    while (text.length < expected.length) {
      const [chunk] = (await once(stream, 'data')) as [Buffer];
      if (text === '') begun = performance.now();
      text += chunk.toString();
    }
    return expected.length > 1 ? Math.max(1, performance.now() - begun) : before;
  }

  it('leaves one whole state behind, at each of 40 moments', async () => {
    const home = path.join(scratch, 'killed');
    fs.mkdirSync(home);
    compileInto(home, ['files/run/checkpoint']);
    fs.writeFileSync(path.join(home, 'child.js'), child);
    const folder = path.join(home, 'checkpoints');
    const random = new RandomStream(4);
    let last = 0;
    let saveMs = 20;
    for (let trial = 0; trial < 40; trial++) {
      const saver = spawn(process.execPath, [path.join(home, 'child.js'), folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(saver, 'exit');
      // In every second trial one save is finished first; then at any moment of the next one.
      saveMs = await outputOf(saver.stdout, trial % 2 === 0 ? '.' : '.+', saveMs);
      await new Promise((resolve) => setTimeout(resolve, random.next() * saveMs));
      saver.kill('SIGKILL');
      expect((await ended)[1]).toBe('SIGKILL');
      const loaded = await loadNewestCheckpoint(folder);
      if (loaded === null) {
        expect(last).toBe(0); // killed before the first save was done
        continue;
      }
      expect(loaded.skipped).toEqual([]);
      expect(loaded.step).toBeGreaterThanOrEqual(last);
      expect(loaded.state.record).toEqual({ step: loaded.step });
      const { values } = loaded.state.tensors.get('model/a')!;
      expect(values.every((value) => value === loaded.step)).toBe(true);
      last = loaded.step;
    }
    expect(last).toBeGreaterThan(0); // at least one trial finished a save
    expect(hidden(fs.readdirSync(folder))).toEqual([]);
  });
});
