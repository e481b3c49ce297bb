import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../files';
import { loadNewestCheckpoint, saveCheckpoint } from '../../files/run/checkpoint';
import { holdFolder } from '../../files/run/hold-folder';
import { quickest } from '../engines';
import { invoke, refusal } from './fixtures/invoke';
import { writeTiny } from './fixtures/tiny-network';

const backend = quickest === 'tensorflow' ? 'tensorflow' : 'wasm';
const parent = mkdtempSync(join(tmpdir(), 'secateur-read-back-'));
const model = join(parent, 'net', 'model.json');
const small = [
  ...['--limit-train', '40', '--limit-test', '20', '--batch-size', '10', '--epochs', '1'],
  ...['--validation-fraction', '0.001', '--backend', backend, '--verify-samples', '4', '--json'],
];
const place = (name: string): string => join(parent, name);

/** Changes a weight of a network as who knows what else to change in its files. */
function changeWeight(folder: string, value: number): void {
  const [shard, json] = [join(folder, 'group1-shard1of1.bin'), join(folder, 'model.json')];
  const bytes = readFileSync(shard);
  bytes.writeFloatLE(value, 4);
  writeFileSync(shard, bytes);
  const held = JSON.parse(readFileSync(json, 'utf8')) as { userDefinedMetadata?: object };
  delete held.userDefinedMetadata;
  writeFileSync(json, JSON.stringify(held));
}

beforeAll(() => writeTiny(place('net')));

afterAll(() => {
  rmSync(parent, { recursive: true, force: true });
});

describe('a network with a weight that is no number', () => {
  const broken = place(join('broken', 'model.json'));

  beforeAll(() => {
    cpSync(place('net'), place('broken'), { recursive: true });
    changeWeight(place('broken'), NaN);
  });

  it.each([
    ['evaluate', ['--limit-test', '20', '--backend', backend]],
    ['export', ['--out', place('out')]],
    ['prune', ['--out', place('out')]],
    ['prune', ['--out', place('out'), '--rates', '0.2,0.4']],
    ['sensitivity', ['--out', place('out'), '--limit-validation', '20']],
    ['train', small],
  ])('is refused by the name of the weight: %s %j', async (command, args) => {
    const { message, exitCode } = await refusal([command, '--model', broken, ...args]);
    expect(exitCode).toBe(1);
    expect(message).toContain(`${broken}: the weight first/kernel is not finite`);
    expect(readdirSync(parent).filter((name) => !/^(net|broken)$/.test(name))).toEqual([]);
  });
});

describe('a run folder', () => {
  it.each([[['status.json']], [['status.json', 'identity.json']]])(
    'of a run that was killed before it began, with %j, is begun anew by the same command',
    async (left) => {
      const whole = place('begun');
      const args = ['--model', model, ...small];
      expect((await invoke([...args, '--run-dir', whole])).code).toBe(0);
      const folder = place('killed');
      for (const name of left) cpSync(join(whole, name), join(folder, name));
      const resumed = await refusal(['--resume', '--run-dir', folder]);
      expect(resumed).toMatchObject({ exitCode: 2 });
      expect(resumed.message).toContain('The same call without --resume begins it');
      expect((await invoke([...args, '--run-dir', folder])).code).toBe(0);
      rmSync(folder, { recursive: true });
      rmSync(whole, { recursive: true });
    },
  );

  it('that holds anything else with it is left alone', async () => {
    const folder = place('mine');
    cpSync(place('net'), folder, { recursive: true });
    const { message, exitCode } = await refusal(['--model', model, ...small, '--run-dir', folder]);
    expect(exitCode).toBe(2);
    expect(message).toContain('must be empty for a new run');
  });

  it.each([
    ['config.json', { epochs: 'many' }, 'epochs must be'],
    ['config.json', { method: '../other' }, 'method must be'],
    ['status.json', { state: 'paused' }, 'state must be running or stopped or done or failed'],
    ['status.json', { created: 7 }, 'created must be a time'],
  ])('whose %s says %j is refused by the key', async (name, said, words) => {
    const folder = place('said');
    rmSync(folder, { recursive: true, force: true });
    expect((await invoke(['--model', model, ...small, '--run-dir', folder])).code).toBe(0);
    const file = join(folder, name);
    const held = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, canonicalJson({ ...held, ...said }));
    const { message, exitCode } = await refusal(['--resume', '--run-dir', folder]);
    expect(exitCode).toBe(2);
    expect(message).toContain(words);
    expect(message).toContain(name);
  });

  it('never hands over a network from outside it', async () => {
    const [folder, other] = [place('own'), place('other')];
    for (const run of [folder, other]) {
      const seed = run === other ? ['--seed', '2'] : [];
      expect((await invoke(['--model', model, ...small, ...seed, '--run-dir', run])).code).toBe(0);
    }
    const handed = readFileSync(join(folder, 'export', 'group1-shard1of1.bin'), 'base64');
    const { step, state } = (await loadNewestCheckpoint(join(folder, 'checkpoints')))!;
    const best = { ...(state.record.best as object), step: 'x/../../../other/best/ckpt-00000004' };
    const record = { ...state.record, best };
    await saveCheckpoint(join(folder, 'checkpoints'), step, { ...state, record });
    const { code, notes } = await invoke(['--resume', '--run-dir', folder, '--json']);
    expect(code).toBe(0);
    expect(notes).toContain('record.best.step must be');
    expect(readFileSync(join(folder, 'export', 'group1-shard1of1.bin'), 'base64')).toBe(handed);
  });

  it('knows its network from the start: one that changed before the first checkpoint is refused', async () => {
    const folder = place('changed');
    const net = place('changing');
    cpSync(place('net'), net, { recursive: true });
    const args = ['--model', join(net, 'model.json'), ...small];
    expect((await invoke([...args, '--run-dir', folder])).code).toBe(0);
    for (const name of ['checkpoints', 'best', 'export', 'metrics.csv', 'metrics.jsonl']) {
      rmSync(join(folder, name), { recursive: true });
    }
    changeWeight(net, 0.125);
    const { message, exitCode } = await refusal(['--resume', '--run-dir', folder]);
    expect(exitCode).toBe(2);
    expect(message).toContain('the network of --model is another');
    cpSync(place('net'), net, { recursive: true });
    expect((await invoke(['--resume', '--run-dir', folder])).code).toBe(0);
  });
});

describe('who writes a folder', () => {
  it.each(['prune', 'export', 'sensitivity'])('alone may: %s', async (command) => {
    const out = place(`held-${command}`);
    const args = [command, '--model', model, '--out', out];
    const images = command === 'sensitivity' ? ['--limit-validation', '20', '--rates', '0.5'] : [];
    const held = await holdFolder(out);
    const { message, exitCode } = await refusal([...args, ...images]);
    expect(exitCode).toBe(2);
    expect(message).toContain(`${out} is in use by process ${process.pid}`);
    held[Symbol.dispose]();
    expect((await invoke([...args, ...images])).code).toBe(0);
    expect(readdirSync(parent).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('a sensitivity log', () => {
  it.each([
    [{ accuracy: 9.1 }, 'line 2.accuracy must be a number from 0 to 1, found 9.1'],
    [{ loss: null }, 'line 2.loss must be a number, found null'],
    [{ rate: 0.5 }, 'line 2.rate must be'],
    [{ group: 7 }, 'line 2.group must be text, found 7'],
  ])('that says %j is refused by line and key', async (said, words) => {
    const out = place('scan');
    const args = ['sensitivity', '--model', model, '--out', out, '--limit-validation', '20'];
    rmSync(out, { recursive: true, force: true });
    expect((await invoke([...args, '--rates', '0.5'])).code).toBe(0);
    const file = join(out, 'sensitivity.jsonl');
    const [first, second, ...others] = readFileSync(file, 'utf8').split('\n');
    const line = canonicalJson({ ...(JSON.parse(second!) as object), ...said });
    writeFileSync(file, [first, line, ...others].join('\n'));
    const { message, exitCode } = await refusal([...args, '--rates', '0.5']);
    expect(exitCode).toBe(1);
    expect(message).toContain(words);
    expect(message).toContain(file);
  });
});
