import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../files';
import { loadNewestCheckpoint, saveCheckpoint } from '../../files/run/checkpoint';
import { stateHash } from '../../files/run/encode-checkpoint';
import { describeOn } from '../engines';
import { scratchFolder, StopWhen, toyTrainer, train } from './fixtures/toy-run';
import type { Toy } from './fixtures/toy-run';

const options = { epochs: 3, checkpointEvery: 2 };

/** Files by their content, or the state of the newest checkpoint in a folder. */
async function outcomeOf(folder: string, toy: Toy): Promise<Record<string, unknown>> {
  const newest = await loadNewestCheckpoint(join(folder, 'checkpoints'));
  const best = await loadNewestCheckpoint(join(folder, 'best'));
  return {
    memory: toy.hash(),
    best: toy.trainer.best,
    checkpoint: stateHash(newest!.state),
    bestCheckpoint: stateHash(best!.state),
    rows: readFileSync(join(folder, 'metrics.jsonl'), 'utf8'),
    table: readFileSync(join(folder, 'metrics.csv'), 'utf8'),
  };
}

/** A run of 3 epochs of 4 steps that was stopped after step 10, and what it comes to when nothing is damaged. */
async function stopRun(folder: string): Promise<void> {
  const stop = new StopWhen(({ trainer }) => trainer.steps === 10);
  const toy = await toyTrainer(folder, { ...options, stop });
  expect(await train(toy.trainer)).toBe('stopped');
  toy.dispose();
}

async function finish(folder: string): Promise<{ outcome: object; notes: readonly string[] }> {
  const toy = await toyTrainer(folder, options, true);
  try {
    await toy.trainer.tryResume();
    expect(await train(toy.trainer)).toBe('finished');
    const outcome = await outcomeOf(folder, toy);
    await toy.trainer.restoreBest();
    return { outcome, notes: toy.progress.notes };
  } finally {
    toy.dispose();
  }
}

function flip(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
}

function flipAll(folder: string): void {
  for (const name of readdirSync(folder)) flip(join(folder, name, 'tensors.bin'));
}

describeOn(['cpu'], 'a run of which something is damaged', () => {
  const stopped = mkdtempSync(join(tmpdir(), 'secateur-damage-'));
  let whole: object | null = null;

  afterAll(() => {
    rmSync(stopped, { recursive: true, force: true });
  });

  /** The stopped run once more, in a folder of its own. */
  async function copied(): Promise<string> {
    if (!whole) {
      await stopRun(stopped);
      const other = scratchFolder();
      cpSync(stopped, other, { recursive: true });
      const { outcome, notes } = await finish(other);
      expect(notes.join('\n')).not.toMatch(/damaged|missing|lost/);
      whole = outcome;
    }
    const folder = scratchFolder();
    cpSync(stopped, folder, { recursive: true });
    return folder;
  }

  it('hands over the best epoch from checkpoints/ where best/ is damaged', async () => {
    const folder = scratchFolder();
    const toy = await toyTrainer(folder, { ...options, keepCheckpoints: 20 });
    await toy.trainer.train();
    const { step } = toy.trainer.best!;
    const name = `ckpt-${String(step).padStart(8, '0')}`;
    const [best, twin] = [join(folder, 'best', name), join(folder, 'checkpoints', name)];
    const { state } = (await loadNewestCheckpoint(join(folder, 'best')))!;
    flip(join(best, 'tensors.bin'));
    await toy.trainer.restoreBest();
    const memory = toy.hash();
    expect(toy.progress.notes.at(-1)).toContain(`${twin} stands in for it`);
    writeFileSync(join(best, 'tensors.bin'), readFileSync(join(twin, 'tensors.bin')));
    await toy.trainer.restoreBest();
    expect(toy.hash()).toBe(memory);
    expect(state.record).toMatchObject({ step });
    flip(join(best, 'tensors.bin'));
    flip(join(twin, 'tensors.bin'));
    const lost = await toy.trainer.restoreBest().catch((error: unknown) => error);
    expect(lost).toMatchObject({ name: 'NoValidCheckpointError', exitCode: 3 });
    expect((lost as Error).message).toContain(best);
    expect((lost as Error).message).toContain(twin);
    toy.dispose();
  });

  it('goes on from best/ where all of checkpoints/ is damaged, and ends the same', async () => {
    const folder = await copied();
    flipAll(join(folder, 'checkpoints'));
    const { outcome, notes } = await finish(folder);
    expect(outcome).toEqual(whole);
    expect(notes.join('\n')).toContain('does not match its SHA-256');
  });

  it('mends best/ from checkpoints/ while it can, and ends the same', async () => {
    const folder = await copied();
    const newest = (await loadNewestCheckpoint(join(folder, 'best')))!;
    const { step } = newest.state.record.best as { step: number };
    const name = `ckpt-${String(step).padStart(8, '0')}`;
    cpSync(join(folder, 'best', name), join(folder, 'checkpoints', name), { recursive: true });
    flip(join(folder, 'best', name, 'tensors.bin'));
    const { outcome, notes } = await finish(folder);
    expect(outcome).toEqual(whole);
    expect(notes.join('\n')).toContain('stands in for it');
  });

  it.each<[string, (folder: string) => void]>([
    [
      'the middle of metrics.jsonl overwritten',
      (folder) => {
        const file = join(folder, 'metrics.jsonl');
        const text = readFileSync(file, 'utf8');
        writeFileSync(file, text.replace(/"val_loss":[^,]*,/, '"val_'));
      },
    ],
    [
      'a digit of metrics.jsonl changed',
      (folder) => {
        const file = join(folder, 'metrics.jsonl');
        writeFileSync(file, readFileSync(file, 'utf8').replace(/"val_loss":\d/, '"val_loss":7'));
      },
    ],
    [
      'a step of metrics.jsonl changed',
      (folder) => {
        const file = join(folder, 'metrics.jsonl');
        writeFileSync(file, readFileSync(file, 'utf8').replace('"step":4', '"step":5'));
      },
    ],
    [
      'metrics.jsonl cut off',
      (folder) => {
        const file = join(folder, 'metrics.jsonl');
        writeFileSync(file, readFileSync(file).subarray(0, 100));
      },
    ],
    [
      'metrics.jsonl deleted',
      (folder) => {
        rmSync(join(folder, 'metrics.jsonl'));
      },
    ],
    [
      'metrics.csv deleted',
      (folder) => {
        rmSync(join(folder, 'metrics.csv'));
      },
    ],
    [
      'metrics.csv empty',
      (folder) => {
        writeFileSync(join(folder, 'metrics.csv'), '');
      },
    ],
    [
      'metrics.csv full of zeros',
      (folder) => {
        writeFileSync(join(folder, 'metrics.csv'), Buffer.alloc(300));
      },
    ],
    [
      'one row of each damaged',
      (folder) => {
        const [rows, table] = [join(folder, 'metrics.jsonl'), join(folder, 'metrics.csv')];
        writeFileSync(rows, readFileSync(rows, 'utf8').replace('{"step":4', '{"step:4'));
        writeFileSync(table, readFileSync(table, 'utf8').replace(/\n8,1,/, '\n8,x,'));
      },
    ],
  ])('has its metrics back: %s', async (_, damage) => {
    const folder = await copied();
    const before = readFileSync(join(folder, 'metrics.jsonl'), 'utf8');
    expect(before.split('\n')).toHaveLength(3);
    damage(folder);
    const { outcome, notes } = await finish(folder);
    expect(outcome).toEqual(whole);
    expect(notes.join('\n')).toMatch(/metrics\.(jsonl|csv) is (damaged|missing)/);
    expect(notes.join('\n')).not.toContain('lost');
  });

  it('goes on where rows of metrics are lost in both files, says how many and keeps what there was', async () => {
    const folder = await copied();
    const [rows, table] = [join(folder, 'metrics.jsonl'), join(folder, 'metrics.csv')];
    const damaged = readFileSync(rows, 'utf8').replace('{"step":4', '{"step:4');
    writeFileSync(rows, damaged);
    writeFileSync(table, readFileSync(table, 'utf8').replace(/\n4,0,/, '\n4,x,'));
    const { outcome, notes } = await finish(folder);
    const lost = ['rows', 'table', 'checkpoint', 'bestCheckpoint'];
    const others = Object.entries(whole!).filter(([key]) => !lost.includes(key));
    expect(outcome).toMatchObject(Object.fromEntries(others));
    expect(notes).toContain('1 of 2 rows of metrics are lost, in both files');
    expect(readFileSync(`${rows}.damaged`, 'utf8')).toBe(damaged);
    expect(existsSync(`${table}.damaged`)).toBe(true);
  });

  describe('or says what no run came to', () => {
    const saved = (value: unknown) => value as JsonObject;

    it.each<[string, (record: JsonObject) => JsonObject, string]>([
      [
        'best outside the run',
        (record) => ({ ...record, best: { ...saved(record.best), step: 'x/../../../other' } }),
        'state.json record.best.step must be a whole number from 1 to 8, found "x/../../../other"',
      ],
      [
        'best of a step that is no end of an epoch',
        (record) => ({ ...record, best: { ...saved(record.best), step: 5 } }),
        'record.best.step must be',
      ],
      [
        'best with an accuracy of 9',
        (record) => ({
          ...record,
          best: { ...saved(record.best), evaluation: { loss: 1, top1: 9, top5: 1, images: 9 } },
        }),
        'record.best.evaluation.top1 must be a number from 0 to 1, found 9',
      ],
      [
        'keep a number',
        (record) => ({ ...record, keep: 5 }),
        'record.keep must be an object, found 5',
      ],
      [
        'keep of another network',
        (record) => ({ ...record, keep: { groups: { other: '4:Dw==' }, weights: {} } }),
        'record.keep does not fit the network',
      ],
      [
        'keep with a vector too short',
        (record) => ({ ...record, keep: { groups: { conv0: '3:Bw==' }, weights: {} } }),
        'record.keep does not fit the network',
      ],
      [
        'held that is text',
        (record) => ({ ...record, held: 'all' }),
        'record.held must be an object',
      ],
      ['step 1e15', (record) => ({ ...record, step: 1e15 }), 'record.step must be'],
      [
        'step of another checkpoint',
        (record) => ({ ...record, step: 9 }),
        'record.losses.count must be',
      ],
      ['epochs below 0', (record) => ({ ...record, epochs: -1 }), 'record.epochs must be'],
      [
        'losses null',
        (record) => ({ ...record, losses: null }),
        'record.losses must be an object, found null',
      ],
      [
        'optimizerSteps a list',
        (record) => ({ ...record, optimizerSteps: [] }),
        'record.optimizerSteps must be',
      ],
      [
        'lowered 99 times',
        (record) => ({ ...record, lowered: 99 }),
        'record.lowered must be a whole number from 1 to 3',
      ],
      [
        'identity missing',
        (record) =>
          Object.fromEntries(Object.entries(record).filter(([key]) => key !== 'identity')),
        'record.identity must be an object, found nothing',
      ],
    ])('%s: it is passed over by name, and the run ends the same', async (_, change, reason) => {
      const folder = await copied();
      const place = join(folder, 'checkpoints');
      const { step, state } = (await loadNewestCheckpoint(place))!;
      expect(step).toBe(10);
      const record = change(state.record);
      await saveCheckpoint(place, step, { ...state, record }, { keep: 9 });
      const { outcome, notes } = await finish(folder);
      expect(outcome).toEqual(whole);
      expect(notes.join('\n')).toContain('checkpoint ckpt-00000010 is not used: ');
      expect(notes.join('\n')).toContain(reason);
    });

    it.each(['model/conv0/kernel', 'optimizer/velocity/conv0/kernel'])(
      '%s of another shape',
      async (name) => {
        const folder = await copied();
        const place = join(folder, 'checkpoints');
        const { step, state } = (await loadNewestCheckpoint(place))!;
        const tensors = new Map(state.tensors);
        tensors.set(name, { shape: [1], dtype: 'float32', values: new Float32Array(1) });
        await saveCheckpoint(place, step, { ...state, tensors }, { keep: 9 });
        const { outcome, notes } = await finish(folder);
        expect(outcome).toEqual(whole);
        expect(notes.join('\n')).toContain('conv0/kernel');
      },
    );

    it('in all of them: exit 3 with each reason', async () => {
      const folder = await copied();
      for (const place of ['checkpoints', 'best'].map((name) => join(folder, name))) {
        for (const name of readdirSync(place)) {
          const { step, state } = (await loadNewestCheckpoint(place, {
            upTo: Number(name.slice(5)),
          }))!;
          await saveCheckpoint(
            place,
            step,
            { ...state, record: { ...state.record, keep: 5 } },
            { keep: 9 },
          );
        }
      }
      const error = await finish(folder).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'NoValidCheckpointError', exitCode: 3 });
      expect((error as Error).message).toContain('record.keep must be an object, found 5');
    });
  });
});
