import util from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareEnvironment } from '../../backend/environment';

const names = [
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_CPP_MIN_LOG_LEVEL',
  'TF_FORCE_GPU_ALLOW_GROWTH',
  'TF_NUM_INTEROP_THREADS',
  'TF_NUM_INTRAOP_THREADS',
] as const;

const values = (): (string | undefined)[] => names.map((name) => process.env[name]);

describe('prepareEnvironment', () => {
  const before = { ...process.env };

  beforeEach(() => {
    for (const name of names) Reflect.deleteProperty(process.env, name);
  });

  afterEach(() => {
    process.env = { ...before };
  });

  it('sets what is unset and leaves the number of threads to TensorFlow', () => {
    prepareEnvironment();
    expect(values()).toEqual(['1', '3', 'true', '1', undefined]);
  });

  it('passes the number of threads on', () => {
    prepareEnvironment({ threads: 4 });
    expect(process.env.TF_NUM_INTRAOP_THREADS).toBe('4');
  });

  it("keeps the user's values, empty ones included", () => {
    process.env.TF_ENABLE_ONEDNN_OPTS = '0';
    process.env.TF_CPP_MIN_LOG_LEVEL = '';
    process.env.TF_NUM_INTRAOP_THREADS = '7';
    prepareEnvironment({ threads: 4 });
    expect(values()).toEqual(['0', '', 'true', '1', '7']);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('rejects %d threads', (threads) => {
    expect(() => {
      prepareEnvironment({ threads });
    }).toThrow(`threads must be an integer >= 1, got ${threads}`);
    expect(values()).toEqual(names.map(() => undefined)); // and nothing is half set
  });

  it('brings back the functions of node:util that newer Nodes removed', () => {
    const legacy = util as unknown as Record<string, ((value: unknown) => boolean) | undefined>;
    delete legacy.isNullOrUndefined;
    delete legacy.isArray;
    prepareEnvironment();
    expect([null, undefined, 0, '', false].map((value) => legacy.isNullOrUndefined?.(value))) //
      .toEqual([true, true, false, false, false]);
    expect([[], new Float32Array(1), null].map((value) => legacy.isArray?.(value))) //
      .toEqual([true, false, false]);
  });
});
