import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diagnose, formatDiagnosis, remedyFor } from '../../backend/doctor';
import type { Diagnosis } from '../../backend/doctor';

describe('diagnose', () => {
  const before = { ...process.env };
  let cache: string;
  let diagnosis: Diagnosis;

  beforeAll(async () => {
    cache = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-doctor-'));
    process.env.SECATEUR_CACHE = cache;
    process.env.TFJS_NODE_BASE_URI = 'http://127.0.0.1:9/libtensorflow-'; // nobody answers there
    diagnosis = await diagnose('cpu');
  });

  afterAll(() => {
    process.env = before;
    fs.rmSync(cache, { recursive: true });
  });

  it('looks at every engine, fastest first', () => {
    expect(diagnosis.rungs.map(({ packageName }) => packageName)).toEqual([
      '@tensorflow/tfjs-node-gpu',
      '@tensorflow/tfjs-node',
      '@tensorflow/tfjs-node, staged',
      '@tensorflow/tfjs-backend-wasm',
      '@tensorflow/tfjs-backend-cpu',
    ]);
    const portable = diagnosis.rungs.slice(3).map(({ state }) => state);
    expect(portable).toEqual(['works', 'works']);
  });

  it('starts the engine that is asked for', () => {
    expect(diagnosis.engine?.id).toBe('cpu');
    expect(diagnosis.failure).toBeNull();
    expect(diagnosis.fusedOperations).toBeNull();
  });

  it('reports the machine, the tools and an empty cache', () => {
    expect(diagnosis.system.node).toBe(process.version);
    expect(diagnosis.wasmSimd).toBe(true);
    expect(diagnosis.cache).toEqual({ folder: cache, entries: [] });
    const official = diagnosis.tools.find(({ name }) => name === 'official binary');
    expect(official).toMatchObject({ found: false });
    expect(official?.detail).toContain('ECONNREFUSED');
  });

  it('is plain data', () => {
    expect(JSON.parse(JSON.stringify(diagnosis))).toEqual(diagnosis);
  });

  it('prints every engine and tool, and the remedy last', () => {
    const text = formatDiagnosis({ ...diagnosis, remedy: 'node set-up.cjs' });
    for (const { packageName } of diagnosis.rungs) expect(text).toContain(packageName);
    for (const { name } of diagnosis.tools) expect(text).toContain(name);
    expect(text).toContain(process.version);
    expect(text.endsWith('To make the native engine ready:\n  node set-up.cjs')).toBe(true);
    expect(formatDiagnosis({ ...diagnosis, remedy: null })).toMatch(/native engine is ready\.$/);
  });

  it('prints what the native engine lacks, and an engine that is missing', () => {
    const fusedOperations = { ReluGrad: true, FusedBatchNormV3: false };
    const text = formatDiagnosis({ ...diagnosis, engine: null, failure: 'gone', fusedOperations });
    expect(text).toContain('fused operations: lacking FusedBatchNormV3');
    expect(text).toContain('engine: none; gone');
  });
});

describe('remedyFor', () => {
  const none = { unsupported: null, missing: [], packages: [] };
  const broken = [{ id: 'tensorflow', state: 'broken' } as const];
  let bin: string;

  beforeAll(() => {
    bin = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-bin-'));
    fs.writeFileSync(path.join(bin, 'apt-get'), '', { mode: 0o755 });
  });

  afterAll(() => {
    fs.rmSync(bin, { recursive: true });
  });

  it('is nothing where a native engine works', () => {
    expect(remedyFor([...broken, { id: 'tensorflow', state: 'works' }], none)).toBeNull();
  });

  it('is the set-up where nothing is missing, also after it was switched off', () => {
    const script = path.join('backend', 'setup', 'postinstall.cjs');
    expect(remedyFor(broken, none, {})).toBe(`node ${script}`);
    expect(remedyFor(broken, none, { SECATEUR_NATIVE: 'off' })).toBe(
      `SECATEUR_NATIVE= node ${script}`,
    );
  });

  it('installs what is missing first', () => {
    const needs = { unsupported: null, missing: ['a C++ compiler'], packages: ['g++'] };
    expect(remedyFor(broken, needs, { PATH: bin })).toMatch(
      /^(sudo )?apt-get install -y g\+\+ && node .*postinstall\.cjs$/,
    );
    expect(remedyFor(broken, needs, { PATH: '' })).toMatch(
      /postinstall\.cjs {2}# after you have installed a C\+\+ compiler$/,
    );
  });

  it('is the package of TensorFlow.js where none can be built', () => {
    const needs = { unsupported: 'Linux only', missing: ['a C++ compiler'], packages: ['g++'] };
    expect(remedyFor(broken, needs)).toBe('npm install @tensorflow/tfjs-node');
  });
});
