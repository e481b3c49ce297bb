import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quickest } from '../engines';
import { invoke, refusal } from './fixtures/invoke';
import { writeTiny } from './fixtures/tiny-network';

const backend = quickest === 'tensorflow' ? 'tensorflow' : 'wasm';

describe('a run that is done', () => {
  const parent = mkdtempSync(join(tmpdir(), 'secateur-resume-'));
  const model = join(parent, 'dense', 'model.json');
  const small = [
    ...['--model', model, '--limit-train', '40', '--limit-test', '20', '--batch-size', '10'],
    ...['--validation-fraction', '0.001', '--backend', backend, '--verify-samples', '4', '--json'],
  ];
  const begin = (name: string, ...argv: string[]): ReturnType<typeof invoke> =>
    invoke([...small, '--run-dir', join(parent, name), ...argv]);
  const goOn = (name: string, ...argv: string[]): ReturnType<typeof invoke> =>
    invoke(['--resume', '--run-dir', join(parent, name), ...argv, '--json']);
  const contentOf = (name: string, file: string): string =>
    readFileSync(join(parent, name, file)).toString('base64');

  beforeAll(async () => {
    await writeTiny(join(parent, 'dense'));
  });

  afterAll(() => {
    rmSync(parent, { recursive: true, force: true });
  });

  it.each([
    ['hard', []],
    ['soft', ['--prune-until', '0']],
  ])(
    'goes on for more epochs to the bits of one that was as long from the beginning: %s %j',
    async (regrowth, times) => {
      const rate = ['--lr-schedule', 'constant', '--learning-rate', '1e-3'];
      const how = [...rate, '--regrowth', regrowth, ...times];
      const [short, long] = [`short-${regrowth}`, `long-${regrowth}`];
      expect((await begin(short, ...how, '--epochs', '1')).code).toBe(0);
      expect((await goOn(short, '--epochs', '3')).code).toBe(0);
      expect((await goOn(short)).code).toBe(0); // its length is its own now
      expect((await begin(long, ...how, '--epochs', '3')).code).toBe(0);
      for (const file of ['metrics.csv', 'export/group1-shard1of1.bin']) {
        expect(contentOf(short, file)).toBe(contentOf(long, file));
      }
      expect(readFileSync(join(parent, short, 'metrics.csv'), 'utf8').split('\n')).toHaveLength(5);
    },
  );

  it('says that its bits may be others on another engine', async () => {
    expect((await begin('moved', '--epochs', '1')).notes).not.toContain('bits');
    const { notes } = await goOn('moved', '--backend', 'cpu', '--epochs', '1');
    expect(notes).toMatch(
      /may end in other bits: engine ".+" before, "@tensorflow.tfjs-backend-cpu" now/,
    );
  });

  it.each([
    [['--lr-schedule', 'cosine'], 'its learning rate is cosine'],
    [['--lr-schedule', 'constant', '--schedule', 'linear'], 'its schedule is linear'],
    [['--lr-schedule', 'constant', '--regrowth', 'soft'], 'its regrowth is soft'],
    [['--lr-schedule', 'constant', '--regrowth', 'gradual'], 'its regrowth is gradual'],
    [['--lr-schedule', 'constant', '--prune-every', '2'], 'it prunes every 2, and at the end'],
  ])('says why it cannot where %j ends with the epochs, and what to do', async (argv, reason) => {
    const error = await refusal([...small, ...argv, '--epochs', '3', '--more-epochs', '1']);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(error.message).toContain(`cannot be added to this run: ${reason}`);
    expect(error.message).toContain('train its exported network instead');
  });
});
