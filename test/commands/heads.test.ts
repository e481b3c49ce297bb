import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../formats';
import { randomizeWeights } from '../tensors';
import { invoke, refusal } from './fixtures/invoke';

const { layers } = tf;
const folder = mkdtempSync(join(tmpdir(), 'secateur-heads-'));
const images = ['--backend', 'cpu', '--limit-test', '20', '--batch-size', '10'];
const modelOf = (name: string): string => join(folder, name, 'model.json');

/** A network for MNIST that ends in the given layers, or in an activation of its last Dense. */
async function write(
  name: string,
  { units = 10, activation = 'linear', after = [] as tf.layers.Layer[], frozen = '' } = {},
): Promise<void> {
  const model = tf.sequential();
  const first = { inputShape: [28, 28, 1], filters: 4, kernelSize: 3, strides: 3 };
  model.add(layers.conv2d({ name: 'first', ...first, trainable: !/first|all/.test(frozen) }));
  const second = { name: 'second', filters: 4, kernelSize: 3, strides: 3 };
  model.add(layers.conv2d({ ...second, trainable: frozen !== 'all' }));
  model.add(layers.flatten());
  const head = { name: 'head', units, activation: activation as 'linear' };
  model.add(layers.dense({ ...head, trainable: frozen !== 'all' }));
  for (const layer of after) model.add(layer);
  randomizeWeights(model);
  await writeModel(model, join(folder, name));
  model.dispose();
}

beforeAll(async () => {
  await tf.setBackend('cpu');
  await write('linear');
  await write('softmax', { activation: 'softmax' });
  await write('shaped', {
    after: [layers.softmax(), layers.reshape({ targetShape: [1, 1, 10] })],
  });
  await write('sigmoid', { activation: 'sigmoid' });
  await write('tanh', { activation: 'tanh' });
  await write('one', { units: 1, activation: 'sigmoid' });
  await write('frozen', { frozen: 'first' });
  await write('all-frozen', { frozen: 'all' });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Group {
  readonly frozen: string | null;
}

interface Measured {
  readonly loss: number;
  readonly top1: number;
}

async function measured(name: string, ...args: string[]): Promise<Measured> {
  const given = ['evaluate', '--model', modelOf(name), ...images, ...args, '--json'];
  return JSON.parse((await invoke(given)).stdout) as Measured;
}

describe('evaluate', () => {
  it('measures softmax and Reshape as the softmax alone, as right as its logits', async () => {
    const [linear, soft, shaped] = [
      await measured('linear'),
      await measured('softmax'),
      await measured('shaped'),
    ];
    const results = ({ loss, top1 }: Measured): Measured => ({ loss, top1 });
    expect(results(shaped)).toEqual(results(soft));
    expect(shaped.top1).toBe(linear.top1);
  });

  it('measures one sigmoid on two classes', async () => {
    const { top1, loss } = await measured('one', '--subset-classes', '0,1');
    expect(top1).toBeGreaterThanOrEqual(0);
    expect(loss).toBeGreaterThan(0);
    expect(await refusal(['evaluate', '--model', modelOf('one'), ...images])).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('answer 10 classes') as string,
    });
  });

  it('asks for --loss where a network ends in tanh, and takes it', async () => {
    const { message, exitCode } = await refusal([
      'evaluate',
      '--model',
      modelOf('tanh'),
      ...images,
    ]);
    expect(message).toMatch(/^--loss must say what .* answers .* ends in tanh at head/);
    expect(exitCode).toBe(2);
    expect((await measured('tanh', '--loss', 'logits')).loss).toBeGreaterThan(0);
  });
});

describe('prune', () => {
  const out = (name: string): string[] => ['--out', join(folder, name), '--verify-samples', '1'];
  const prune = (name: string): string[] => ['prune', '--model', modelOf(name), '--rate', '0.5'];

  it('refuses a --loss where no images are looked at', async () => {
    const given = [...prune('linear'), ...out('x'), '--backend', 'cpu', '--loss', 'softmax'];
    const { message } = await refusal(given);
    expect(message).toContain('--loss has no effect on prune');
  });

  it('leaves frozen layers whole, as graph shows, too', async () => {
    const frozenOf = async (...args: string[]): Promise<(string | null)[]> => {
      const given = ['graph', '--model', modelOf('frozen'), '--json', ...args];
      const listed = JSON.parse((await invoke(given)).stdout) as { groups: Group[] };
      return listed.groups.map(({ frozen }) => frozen);
    };
    const [first, second] = await frozenOf();
    expect([first, second]).toEqual([expect.stringContaining('frozen'), null]);
    expect((await frozenOf('--prune-frozen')).slice(0, 2)).toEqual([null, null]);
  });

  it('leaves frozen layers whole and says so, unless it is told to prune them', async () => {
    const given = [...prune('frozen'), '--backend', 'cpu', '--json'];
    const left = await invoke([...given, ...out('left')]);
    expect(left.notes).toContain('1 layer is left whole, frozen in the network (trainable: false)');
    expect(JSON.parse(left.stdout)).toMatchObject({
      groups: [{ id: 'second' }],
      frozen: expect.arrayContaining([
        { id: 'first', reason: 'first is frozen in the network (trainable: false)' },
      ]) as unknown[],
    });
    const asked = await invoke([...given, ...out('asked'), '--prune-frozen']);
    expect(asked.notes).not.toContain('left whole');
    expect(JSON.parse(asked.stdout)).toMatchObject({ groups: [{ id: 'first' }, { id: 'second' }] });
  });
});

describe('train', () => {
  it('refuses a network with nothing to train, or with no known answers, before it makes a folder', async () => {
    const runDir = join(folder, 'run');
    const small = ['--limit-train', '20', '--epochs', '1', '--warmup-epochs', '0', ...images];
    const train = (name: string): ReturnType<typeof refusal> =>
      refusal(['train', '--model', modelOf(name), '--run-dir', runDir, ...small]);
    expect(await train('all-frozen')).toEqual({
      exitCode: 2,
      message: '--model has nothing to train: all layers are frozen (trainable: false)',
    });
    expect((await train('tanh')).message).toContain('--loss must say');
    expect(existsSync(runDir)).toBe(false);
  });

  it('asks for --teacher-loss where a teacher ends in tanh, and takes it', async () => {
    const learning = ['--limit-train', '20', '--epochs', '1', ...images, '--verify-samples', '2'];
    const teacher = ['--teacher', modelOf('tanh'), '--validation-fraction', '0.001'];
    const given = ['--model', modelOf('linear'), ...teacher, ...learning];
    const run = ['--run-dir', join(folder, 'under-tanh')];
    const { message, exitCode } = await refusal([...given, ...run]);
    expect(exitCode).toBe(2);
    expect(message).toMatch(/^--teacher-loss must say what .* answers .* ends in tanh at head/);
    expect((await invoke([...given, ...run, '--teacher-loss', 'logits'])).code).toBe(0);
    const idle = await refusal(['--model', modelOf('linear'), '--teacher-loss', 'logits']);
    expect(idle.message).toContain('--teacher-loss has no effect without --teacher FILE');
  });

  it('learns with sigmoids, under a teacher with another head', async () => {
    const runDir = join(folder, 'taught');
    const small = ['--limit-train', '20', '--epochs', '1', '--warmup-epochs', '0', ...images];
    const { code } = await invoke([
      ...[
        'train',
        '--model',
        modelOf('sigmoid'),
        '--teacher',
        modelOf('shaped'),
        '--run-dir',
        runDir,
      ],
      ...[...small, '--validation-fraction', '0.001', '--verify-samples', '2', '--rate', '0.5'],
    ]);
    expect(code).toBe(0);
  });
});
