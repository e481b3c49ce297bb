import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModel } from '../../formats';
import { weightsByName } from '../../layers';
import { RunDirectory } from '../../files/run/run-directory';
import { quickest } from '../engines';
import { CommandLine, commandLine } from '../trainer/fixtures/command-line';
import type { Ending } from '../trainer/fixtures/command-line';
import { invoke, refusal } from './fixtures/invoke';

/** WASM where the native engine is not set up: plain JavaScript would take minutes. */
const backend = quickest === 'tensorflow' ? 'tensorflow' : 'wasm';
const small = [
  ...['--limit-train', '40', '--batch-size', '10', '--epochs', '1', '--verify-samples', '8'],
  ...['--validation-fraction', '0.001', '--limit-test', '30', '--backend', backend],
];

type Measured = Record<string, number> & { readonly latency: object };

interface Result {
  readonly run: string;
  readonly export: string;
  readonly epoch: number;
  readonly dense: Measured;
  readonly masked: Measured;
  readonly exported: Measured;
  readonly verification: { readonly samples: number; readonly backend: string };
  readonly peakMemoryBytes: number;
}

describe('train', () => {
  const parent = mkdtempSync(join(tmpdir(), 'secateur-train-'));
  const folder = join(parent, "a run's folder");
  let ending: Ending;

  beforeAll(async () => {
    ending = await commandLine([...small, '--run-dir', folder, '--json', '--quiet'], {
      cwd: parent,
    });
  });

  afterAll(() => {
    rmSync(parent, { recursive: true, force: true });
  });

  it('prints its result as JSON, and with --quiet nothing else', () => {
    expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
    const result = JSON.parse(ending.stdout) as Result;
    expect(result).toMatchObject({
      run: folder,
      export: join(folder, 'export'),
      epoch: 0,
      verification: { samples: 8, backend },
    });
    expect(Object.keys(result).sort()).toEqual(
      [
        ...['format', 'run', 'export', 'source', 'method', 'rate', 'share', 'epoch', 'seeds'],
        ...['dense', 'masked', 'exported', 'verification', 'seconds', 'peakMemoryBytes'],
      ].sort(),
    );
    for (const { latency, ...figures } of [result.dense, result.masked, result.exported]) {
      expect(Object.keys(figures).sort()).toEqual(
        ['accuracy', 'loss', 'macs', 'params', 'bytes'].sort(),
      );
      for (const value of Object.values(figures)) expect(value).toBeTypeOf('number');
      expect(Object.keys(latency).sort()).toEqual(['median', 'runs', 'spread']);
    }
    expect(result.exported.macs).toBeLessThan(0.6 * result.dense.macs!);
    expect(result.exported.accuracy).toBe(result.masked.accuracy);
    expect(result.peakMemoryBytes).toBeGreaterThan(1e7);
    expect(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))).toEqual(result);
  });

  it('measures the statistics of BatchNormalization anew with --bn-batches, and nothing else', async () => {
    const other = join(parent, 'anew');
    const args = [...small, '--run-dir', other, '--bn-batches', '2', '--json', '--quiet'];
    expect(await commandLine(args, { cwd: parent })).toMatchObject({ code: 0, stderr: '' });
    const [usual, anew] = await Promise.all(
      [folder, other].map((run) => readModel(join(run, 'export', 'model.json'))),
    );
    const changed = [...weightsByName(usual!)].flatMap(([name, weight]) => {
      const values = weightsByName(anew!).get(name)!.read().dataSync();
      return weight
        .read()
        .dataSync()
        .every((value, at) => value === values[at])
        ? []
        : [name];
    });
    expect(changed.length).toBe(2 * 19); // of 19 layers the mean and the variance
    for (const name of changed) expect(name).toMatch(/moving_(mean|variance)$/);
    usual!.dispose();
    anew!.dispose();
    rmSync(other, { recursive: true });
  });

  it('leaves a whole run folder and nothing beside it', () => {
    expect(readdirSync(parent)).toEqual(["a run's folder"]);
    expect(readdirSync(folder).sort()).toEqual([
      'best',
      'checkpoints',
      'config.json',
      'dense',
      'environment.json',
      'export',
      'identity.json',
      'log.jsonl',
      'metrics.csv',
      'metrics.jsonl',
      'result.json',
      'status.json',
    ]);
    const status = JSON.parse(readFileSync(join(folder, 'status.json'), 'utf8')) as object;
    expect(status).toMatchObject({ state: 'done' });
    expect(readFileSync(join(folder, 'metrics.csv'), 'utf8').trimEnd().split('\n')).toHaveLength(2);
  });

  it('exports a network that evaluate finds as good as the run said', async () => {
    const { exported: after } = JSON.parse(ending.stdout) as Result;
    const model = join(folder, 'export', 'model.json');
    const few = ['--limit-test', '30', '--limit-train', '100', '--backend', backend];
    const { stdout } = await invoke(['evaluate', '--model', model, ...few, '--json']);
    const { top1, loss } = JSON.parse(stdout) as { top1: number; loss: number };
    expect(top1).toBeCloseTo(after.accuracy!, 12);
    expect(loss).toBeCloseTo(after.loss!, 5);
  });

  it.each([
    ['--rate', '0.5', '--rate must be what the run', 'began with, 0.3, got 0.5 (command line)'],
    ['--method', 'norm-filter', '--method must be what the run', '"fpgm"'],
    ['--seed', '2', '--seed must be what the run', 'got 2'],
  ])('refuses to go on with another %s', async (flag, value, ...parts) => {
    const status = readFileSync(join(folder, 'status.json'), 'utf8');
    const error = await refusal(['--resume', '--run-dir', folder, flag, value]);
    expect(error).toMatchObject({ exitCode: 2 });
    for (const part of parts) expect(error.message).toContain(part);
    expect(readFileSync(join(folder, 'status.json'), 'utf8')).toBe(status);
  });

  it('refuses a folder in which another process runs, and one that holds a run', async () => {
    const again = await refusal(['--run-dir', folder, ...small]);
    expect(again).toMatchObject({ exitCode: 2 });
    expect(again.message).toContain('holds a run already');
    using run = await RunDirectory.open(folder);
    const other = await commandLine(['--resume', '--run-dir', run.path]);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toContain(`${folder} is in use by process ${process.pid}`);
  });

  it('hands a finished run over again', async () => {
    const network = readFileSync(join(folder, 'export', 'group1-shard1of1.bin'));
    rmSync(join(folder, 'export'), { recursive: true });
    const { code } = await invoke(['--resume', '--run-dir', folder, '--json']);
    expect(code).toBe(0);
    expect(readFileSync(join(folder, 'export', 'group1-shard1of1.bin')).equals(network)).toBe(true);
  });

  it('stops at a signal in the hand-over too, and says how to go on', async () => {
    const training = new CommandLine(['--resume', '--run-dir', folder], { cwd: parent });
    await training.until(() => training.stderr.includes('verify'));
    training.kill('SIGTERM');
    const { code, stdout, stderr } = await training.ending;
    expect(code, stderr).toBe(75);
    expect(stdout).toBe('');
    const place = `'${join(parent, "a run'\\''s folder")}'`; // as a shell takes it
    expect(stderr).toContain(`npx ts-node run.ts --resume --run-dir ${place}\n`);
  });

  it('ends with 3 when all checkpoints are damaged, and lists them', async () => {
    const damaged = ['checkpoints', 'best'].flatMap((place) =>
      readdirSync(join(folder, place)).map((name) => join(folder, place, name)),
    );
    for (const checkpoint of damaged) truncateSync(join(checkpoint, 'tensors.bin'), 100);
    const { code, stdout, stderr } = await commandLine(['--resume', '--run-dir', folder]);
    expect(code, stderr).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).not.toContain('    at ');
    for (const checkpoint of damaged) {
      expect(stderr).toContain(`${checkpoint}: tensors.bin has 100 bytes`);
    }
  });
});

describe('train --subset-classes', () => {
  const parent = mkdtempSync(join(tmpdir(), 'secateur-subset-'));
  const folder = join(parent, 'run');

  afterAll(() => {
    rmSync(parent, { recursive: true, force: true });
  });

  it('trains a network for these classes, writes it in all formats and measures it on them', async () => {
    const rates = ['--rate', '0.5', '--residual', 'inner', '--layer-rate', 'layer3_*_conv1=0'];
    const formats = ['--format', 'tfjs,typescript,onnx'];
    const chosen = ['--subset-classes', '7,3'];
    const args = [...small, ...chosen, ...rates, ...formats, '--run-dir', folder, '--json'];
    expect((await invoke(args)).code).toBe(0);
    expect(readdirSync(join(folder, 'export')).sort()).toEqual([
      'group1-shard1of1.bin',
      'model.json',
      'network.onnx',
      'network.ts',
      'pruning.json',
    ]);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    expect(config).toMatchObject({
      subsetClasses: ['7', '3'],
      layerRate: ['layer3_*_conv1=0'],
      format: ['tfjs', 'typescript', 'onnx'],
    });
    const file = join(folder, 'export', 'model.json');
    const { layers } = JSON.parse((await invoke(['flops', '--model', file, '--json'])).stdout) as {
      layers: { name: string; params: number }[];
    };
    const params = (name: string): number => layers.find((layer) => layer.name === name)!.params;
    expect(params('fc')).toBe(64 * 2 + 2); // two classes
    expect(params('layer1_1_conv1')).toBe(9 * 16 * 8); // rate 0.5
    expect(params('layer3_1_conv1')).toBe(9 * 64 * 64); // its own rate, 0
    const measure = ['evaluate', '--model', file, '--limit-test', '30', '--backend', backend];
    const { stdout } = await invoke([...measure, ...chosen, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ images: 30 });
    expect(await refusal(measure)).toMatchObject({
      message: expect.stringContaining('answer 10 classes') as string,
    });
  });

  it('belongs to the run: resuming with another rate of a layer or other classes is refused', async () => {
    for (const change of [
      ['--layer-rate', 'layer3_*_conv1=0.25'],
      ['--subset-classes', '1,2'],
    ]) {
      const error = await refusal(['--resume', '--run-dir', folder, ...change]);
      expect(error.message).toContain(`${change[0]!} must be what the run`);
    }
  });

  it('names a class that is not there before a run leaves a trace', async () => {
    const none = join(parent, 'none');
    const error = await refusal([...small, '--subset-classes', '3,cat', '--run-dir', none]);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toMatch(/--subset-classes must be among .*got cat/);
    expect(readdirSync(parent)).not.toContain('none');
  });
});
