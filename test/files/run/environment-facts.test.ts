import { describe, expect, it } from 'vitest';
import { compareEnvironments, describeEnvironment } from '../../../files/run/environment-facts';

const native = describeEnvironment({
  backend: '@tensorflow/tfjs-node',
  device: 'CPU',
  versions: { tfjs: '4.22.0', tensorflow: '2.21.0' },
});

describe('compareEnvironments', () => {
  it('finds nothing between two starts on one machine', () => {
    expect(compareEnvironments(native, { ...native, memoryBytes: 1, system: '6.1' })).toEqual([]);
    expect(compareEnvironments({ backend: null }, native)).toEqual([]); // the older did not say it
  });

  it('names another engine, and its version', () => {
    const other = { ...native, backend: 'wasm', versions: { tfjs: '4.21.0', tensorflow: 'none' } };
    expect(compareEnvironments(native, other)).toEqual([
      'engine "@tensorflow/tfjs-node" before, "wasm" now',
      'version of TensorFlow "2.21.0" before, "none" now',
      'version of TensorFlow.js "4.22.0" before, "4.21.0" now',
    ]);
  });

  it('names another number of threads, be it said or that of the cores', () => {
    const one = { ...native, variables: { TF_NUM_INTRAOP_THREADS: '1' }, cores: 8 };
    const two = { ...native, variables: {}, cores: 2 };
    expect(compareEnvironments(one, two)).toEqual(['threads 1 before, 2 now']);
    expect(compareEnvironments({ ...two, cores: 1 }, one)).toEqual([]);
  });
});
