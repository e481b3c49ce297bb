import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quickest } from '../engines';
import { invoke, refusal } from './fixtures/invoke';

/** WASM where the native engine is not set up: plain JavaScript would take minutes. */
const backend = ['--backend', quickest === 'tensorflow' ? 'tensorflow' : 'wasm'];
const small = [
  ...['--limit-train', '40', '--batch-size', '10', '--epochs', '1', '--verify-samples', '8'],
  ...['--validation-fraction', '0.001', '--limit-test', '30', ...backend],
];

describe('train --teacher', () => {
  const parent = mkdtempSync(join(tmpdir(), 'secateur-teacher-'));
  const dense = join(parent, 'dense', 'model.json');
  const unfit = join(parent, 'unfit', 'model.json');
  const run = join(parent, 'run');

  beforeAll(async () => {
    const digits = ['--arch', 'resnet20', '--input-shape', '28,28,1', ...backend];
    for (const [name, classes] of [['dense', '10'], ['unfit', '9']] as const) {
      const out = ['--classes', classes, '--out', join(parent, name)];
      await invoke(['export', ...digits, '--seed', '3', ...out]);
    } // prettier-ignore
  });

  afterAll(() => {
    rmSync(parent, { recursive: true, force: true });
  });

  it.each([
    [['--teacher', 'dense'], '--teacher dense is the network of --model before pruning'],
    [['--temperature', '2'], '--temperature has no effect without --teacher'],
    [['--distill-weight', '0.3'], '--distill-weight has no effect without --teacher'],
    [['--teacher', 'x', '--distill-weight', '0'], '--distill-weight must be a number'],
    [['--teacher', 'x', '--temperature', '0'], '--temperature must be a number'],
    [
      ['--teacher', 'x', '--distill-weight', '1', '--label-smoothing', '0.1'],
      '--label-smoothing has no effect with --distill-weight 1',
    ],
  ])('refuses %j', async (args, message) => {
    const error = await refusal(['train', ...args]);
    expect(error).toMatchObject({ exitCode: 2 });
    expect((error).message).toContain(message);
  });

  it('refuses a teacher that is missing or answers other classes, before a run leaves a trace', async () => {
    const none = await refusal([...small, '--teacher', join(parent, 'none.json'), '--run-dir', run]);
    expect((none).message).toContain('none.json');
    const other = await refusal([...small, '--teacher', unfit, '--run-dir', run]);
    expect(other).toMatchObject({ exitCode: 2 });
    expect((other).message).toContain(
      '--teacher must take images of 28 x 28 x 1 and answer 10 classes',
    );
    expect(readdirSync(parent)).not.toContain('run');
  });

  it('trains under the network of --model, which belongs to the run', async () => {
    const moved = join(parent, 'moved');
    cpSync(join(parent, 'dense'), moved, { recursive: true });
    const model = join(moved, 'model.json');
    const teacher = ['--model', model, '--teacher', 'dense', '--temperature', '3'];
    expect((await invoke([...small, ...teacher, '--run-dir', run, '--json'])).code).toBe(0);
    const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ teacher: 'dense', temperature: 3, distillWeight: 0.5 });
    const resume = ['--resume', '--run-dir', run];
    expect((await invoke([...resume, '--json'])).code).toBe(0);
    const choice = await refusal([...resume, '--teacher', dense]);
    expect((choice).message).toContain('--teacher must be what the run');
    const another = ['--arch', 'resnet20', '--input-shape', '28,28,1', '--seed', '4', '--force'];
    await invoke(['export', ...another, ...backend, '--out', moved]);
    const changed = await refusal(resume);
    expect(changed).toMatchObject({ exitCode: 2 });
    expect((changed).message).toBe(
      'the run was begun otherwise: the network of --model is another; the network of --teacher is another',
    );
  });
}); // prettier-ignore
