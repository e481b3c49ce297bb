import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  describeEngine,
  ladderOf,
  NotInstalledError,
  projectPackages,
  startEngine,
} from '../../backend/engine';
import type { Engine, EngineChoice, PackageLoader, Rung, Started } from '../../backend/engine';
import { nativeFolder } from '../../backend/setup/places.cjs';
import { readManifest } from '../../backend/setup/staged.cjs';

const nothing = (): never => {
  throw new NotInstalledError('not there');
};

const broken = (): never => {
  throw new Error('libcudart.so: cannot open\nand more lines');
};

/** A ladder of stand-ins that records what was tried. */
class FakeLadder {
  readonly tried: string[] = [];

  rung(
    id: Rung['id'],
    packageName: string,
    outcome: Started | (() => never) = { tensorflowVersion: null, device: 'CPU' },
  ): Rung {
    const start = (): Promise<Started> => {
      this.tried.push(packageName);
      return Promise.resolve(outcome instanceof Function ? outcome() : outcome);
    };
    return { id, packageName, start };
  }
}

describe('startEngine on a ladder', () => {
  const native: Started = { tensorflowVersion: '9.8.7', device: 'GPU' };

  it('takes the first rung that works, and says nothing of those that are not installed', async () => {
    const fake = new FakeLadder();
    const rungs = [
      fake.rung('tensorflow', 'gpu', nothing),
      fake.rung('tensorflow', 'node', native),
      fake.rung('wasm', 'wasm'),
    ];
    expect(await startEngine('auto', { rungs })).toEqual({
      id: 'tensorflow',
      packageName: 'node',
      tensorflowVersion: '9.8.7',
      device: 'GPU',
      warning: null,
    });
    expect(fake.tried).toEqual(['gpu', 'node']);
  });

  it('warns with the reason and the remedy when it is not native', async () => {
    const fake = new FakeLadder();
    const rungs = [fake.rung('tensorflow', 'node', broken), fake.rung('wasm', 'wasm')];
    const { id, warning } = await startEngine('auto', { rungs });
    expect(id).toBe('wasm');
    expect(warning).toContain('node: libcudart.so: cannot open)'); // the first line of the reason
    expect(warning).toContain('doctor');
  });

  it('tries only the engine that is asked for', async () => {
    const fake = new FakeLadder();
    const rungs = [fake.rung('tensorflow', 'node', native), fake.rung('cpu', 'cpu')];
    const { id, warning } = await startEngine('cpu', { rungs });
    expect(fake.tried).toEqual(['cpu']);
    expect(id).toBe('cpu');
    expect(warning).toContain('backend auto');
  });

  it('never replaces an engine that is asked for by another', async () => {
    const fake = new FakeLadder();
    const absent = [fake.rung('tensorflow', 'node', nothing), fake.rung('wasm', 'wasm')];
    await expect(startEngine('tensorflow', { rungs: absent })).rejects.toThrow(
      /^the engine 'tensorflow' is not available \(not installed\); .*doctor/,
    );
    const faulty = [fake.rung('tensorflow', 'node', broken), fake.rung('wasm', 'wasm')];
    await expect(startEngine('tensorflow', { rungs: faulty })).rejects.toThrow(/libcudart/);
    expect(fake.tried).toEqual(['node', 'node']);
  });

  it('warns when the GPU package computes on the CPU', async () => {
    const onCpu: Started = { tensorflowVersion: '2.9.1', device: 'CPU' };
    const rungs = [new FakeLadder().rung('tensorflow', '@tensorflow/tfjs-node-gpu', onCpu)];
    expect((await startEngine('auto', { rungs })).warning).toContain('no GPU');
  });

  it('rejects an unknown choice', async () => {
    await expect(startEngine('webgl' as EngineChoice, { rungs: [] })).rejects.toThrow(
      'backend must be one of auto, tensorflow, wasm, cpu, got webgl',
    );
  });
});

describe('describeEngine', () => {
  const engine: Engine = {
    id: 'tensorflow',
    packageName: '@tensorflow/tfjs-node',
    tensorflowVersion: '2.9.1',
    device: 'GPU',
    warning: null,
  };

  it('names engine, version, device and package', () => {
    expect(describeEngine(engine)).toBe('engine: TensorFlow 2.9.1 on GPU (@tensorflow/tfjs-node)');
  });

  it('adds the warning on the same line', () => {
    const slow: Engine = { ...engine, id: 'cpu', tensorflowVersion: null, warning: 'slow' };
    expect(describeEngine({ ...slow, device: 'CPU' })).toBe(
      'engine: plain JavaScript on CPU (@tensorflow/tfjs-node); slow',
    );
  });
});

/** tfjs-node's backend as far as the ladder looks at it. */
class FakeNativeBackend extends tf.KernelBackend {
  readonly binding = { TF_Version: '2.9.1' };
  readonly isUsingGpuDevice = true;
  override dispose(): void {
    // It holds nothing.
  }
}

describe('ladderOf', () => {
  let root: string;
  let loaded: string[];

  const packages: PackageLoader = {
    resolve: (request) => {
      const file = path.join(root, request);
      if (!fs.existsSync(file)) throw new Error(`Cannot find module '${request}'`);
      return file;
    },
    load: (request) => {
      packages.resolve(request);
      loaded.push(request);
      tf.registerBackend('tensorflow', () => new FakeNativeBackend());
    },
  };

  const install = (name: string, withAddon: boolean): void => {
    const folder = path.join(root, name);
    const library = path.join(folder, 'lib', 'napi-v8');
    fs.mkdirSync(library, { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), '{}');
    if (withAddon) fs.writeFileSync(path.join(library, 'tfjs_binding.node'), '');
  };

  const start = (choice: EngineChoice): Promise<Engine> =>
    startEngine(choice, { rungs: ladderOf(packages, path.join(root, 'staged')) });

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-engine-'));
    loaded = [];
  });

  afterEach(async () => {
    await tf.setBackend('cpu');
    const factory = tf.findBackendFactory('tensorflow') as unknown; // its type forgets null
    if (factory !== null) tf.removeBackend('tensorflow');
    fs.rmSync(root, { recursive: true });
  });

  it('prefers the GPU package to the other, and reports version and device', async () => {
    install('@tensorflow/tfjs-node-gpu', true);
    install('@tensorflow/tfjs-node', true);
    expect(await start('auto')).toEqual({
      id: 'tensorflow',
      packageName: '@tensorflow/tfjs-node-gpu',
      tensorflowVersion: '2.9.1',
      device: 'GPU',
      warning: null,
    });
    expect(loaded).toEqual(['@tensorflow/tfjs-node-gpu']);
    expect(tf.getBackend()).toBe('tensorflow');
  });

  it('does not load a package without its add-on, and names the remedy', async () => {
    install('@tensorflow/tfjs-node', false);
    await expect(start('tensorflow')).rejects.toThrow('npm rebuild @tensorflow/tfjs-node');
    expect(loaded).toEqual([]);
  });

  it('refuses a second native engine in one process', async () => {
    install('@tensorflow/tfjs-node', true);
    tf.registerBackend('tensorflow', () => new FakeNativeBackend());
    await expect(start('tensorflow')).rejects.toThrow('already loaded');
  });

  it('names an incomplete staged copy', async () => {
    fs.mkdirSync(path.join(root, 'staged'));
    await expect(start('tensorflow')).rejects.toThrow('is incomplete');
  });

  it('goes down to cpu where nothing else is installed', async () => {
    const { id, warning } = await start('auto');
    expect(id).toBe('cpu');
    expect(warning).toContain("Cannot find module '@tensorflow/tfjs-backend-wasm'");
    expect(loaded).toEqual([]);
  });
});

describe('the engines of this machine', () => {
  // [1 2; 3 4] squared = [1+6 2+8; 3+12 6+16] = [7 10; 15 22]
  const squared = (): number[] =>
    tf.tidy(() => {
      const matrix = tf.tensor2d([1, 2, 3, 4], [2, 2]);
      return Array.from(tf.matMul(matrix, matrix).dataSync());
    });

  it('starts cpu without the banner of TensorFlow.js', async () => {
    const warn = console.warn;
    const said: unknown[] = [];
    console.warn = (...words) => said.push(...words);
    try {
      await startEngine('cpu');
      expect(squared()).toEqual([7, 10, 15, 22]);
    } finally {
      console.warn = warn;
    }
    expect(said).toEqual([]);
    expect(tf.env().getBool('IS_NODE')).toBe(true);
  });

  it('starts wasm with the kernels that training needs', async () => {
    const engine = await startEngine('wasm');
    expect(engine).toMatchObject({ id: 'wasm', device: 'CPU', tensorflowVersion: null });
    expect(tf.getBackend()).toBe('wasm');
    expect(squared()).toEqual([7, 10, 15, 22]);
    // y = sum(x * w) over one position, so dy/dw = x; stock WASM has no kernel for it.
    const gradient = tf.tidy(() => {
      const x = tf.tensor4d([5, 6], [1, 1, 1, 2]);
      const loss = (w: tf.Tensor): tf.Scalar => tf.conv2d(x, w as tf.Tensor4D, 1, 'same').sum();
      return Array.from(
        tf
          .grad(loss)(tf.ones([1, 1, 2, 1]))
          .dataSync(),
      );
    });
    expect(gradient).toEqual([5, 6]);
  });

  const staged = readManifest(nativeFolder());
  it.skipIf(staged === null)('starts the staged native engine', async () => {
    const rungs = ladderOf(projectPackages(), nativeFolder()).filter(({ packageName }) =>
      packageName.endsWith('staged'),
    );
    const engine = await startEngine('tensorflow', { rungs });
    expect(engine.tensorflowVersion).toBe(staged?.tensorflow);
    expect(tf.getBackend()).toBe('tensorflow');
    expect(squared()).toEqual([7, 10, 15, 22]);
    const tensors = tf.memory().numTensors;
    expect(await startEngine('tensorflow', { rungs })).toEqual(engine); // a second start is free
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
