import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RandomStream, seedOf } from '../../random/seeds';
import { loadNewestCheckpoint } from '../../files/run/checkpoint';
import { stateHash } from '../../files/run/encode-checkpoint';
import { quickest } from '../engines';
import { CommandLine, commandLine, pause } from '../trainer/fixtures/command-line';
import type { Ending } from '../trainer/fixtures/command-line';

/** Two epochs of 6 steps of a ResNet-20. */
const small = [
  ...['--limit-train', '96', '--batch-size', '16', '--epochs', '2'],
  ...['--validation-fraction', '0.001', '--limit-test', '40', '--verify-samples', '8'],
  ...['--checkpoint-every', '2', '--backend', 'tensorflow'],
];

/** Each epoch ends with a pruning event, but for the last entry: events after steps 1, 4, 7 and 10. */
const methods = {
  'fpgm, hard': ['--method', 'fpgm', '--regrowth', 'hard'],
  'norm-filter, soft': ['--method', 'norm-filter', '--regrowth', 'soft'],
  'norm-weight, hard': ['--method', 'norm-weight', '--regrowth', 'hard'],
  'taylor-filter, gradual, polynomial by steps': [
    ...['--method', 'taylor-filter', '--regrowth', 'gradual', '--schedule', 'polynomial'],
    ...['--prune-by', 'step', '--prune-from', '1', '--prune-every', '3', '--prune-until', '10'],
    ...['--observe-batches', '1'],
  ],
} as const;

/** Milliseconds in which a stopped run must be gone: 2 s, and a step on a busy machine. */
const STOP_MS = 3_000;

/** What a finished run leaves behind, by file; what tells the time is left out. */
async function outcomeOf(folder: string): Promise<Record<string, string>> {
  const outcome: Record<string, string> = {};
  for (const place of ['checkpoints', 'best']) {
    const newest = await loadNewestCheckpoint(join(folder, place));
    outcome[place] = `${newest!.step} ${stateHash(newest!.state)}`;
  }
  for (const name of ['metrics.csv', 'metrics.jsonl', 'config.json']) {
    outcome[name] = readFileSync(join(folder, name), 'utf8');
  }
  for (const name of readdirSync(join(folder, 'export'))) {
    outcome[name] = readFileSync(join(folder, 'export', name), 'base64');
  }
  outcome.names = readdirSync(folder).sort().join();
  return outcome;
}

async function finish(folder: string): Promise<Record<string, string>> {
  const ending = await commandLine(['--resume', '--run-dir', folder]);
  expect(ending, ending.stderr).toMatchObject({ code: 0, signal: null });
  return outcomeOf(folder);
}

const native = describe.skipIf(quickest !== 'tensorflow');

native(
  `an interrupted training${quickest === 'cpu' ? ' (skipped: no native TensorFlow)' : ''}`,
  () => {
    const parent = mkdtempSync(join(tmpdir(), 'secateur-kill-'));
    let count = 0;
    const killed: boolean[] = [];

    afterAll(() => {
      rmSync(parent, { recursive: true, force: true });
    });

    describe.each(Object.entries(methods))('%s', (name, options) => {
      const random = new RandomStream(seedOf('kill', name));
      let whole: Record<string, string>;
      let lengthMs: number; // from the first file of the run to its end
      let exportMs: number; // of it, from the verification on

      /** Starts a training and returns once it has begun to write. */
      async function started(): Promise<{ folder: string; training: CommandLine }> {
        const folder = join(parent, `run-${++count}`);
        const training = new CommandLine([...options, ...small, '--run-dir', folder]);
        await training.until(() => existsSync(join(folder, 'config.json')));
        return { folder, training };
      }

      /** Starts a training and signals it at a random moment. */
      async function signalled(
        signals: readonly NodeJS.Signals[],
        { inExport = false } = {},
      ): Promise<{ folder: string; ending: Ending; lastedMs: number }> {
        const { folder, training } = await started();
        if (inExport) await training.until(() => training.stderr.includes('verify'));
        await pause(random.next() * (inExport ? exportMs : lengthMs * 0.9));
        const sent = performance.now();
        for (const signal of signals) training.kill(signal);
        const ending = await training.ending;
        return { folder, ending, lastedMs: performance.now() - sent };
      }

      beforeAll(async () => {
        const { folder, training } = await started();
        const begun = performance.now();
        await training.until(() => training.stderr.includes('verify'));
        const verified = performance.now();
        const ending = await training.ending;
        expect(ending, ending.stderr).toMatchObject({ code: 0 });
        lengthMs = performance.now() - begun;
        exportMs = performance.now() - verified;
        whole = await outcomeOf(folder);
        const rows = whole['metrics.jsonl']!.trimEnd().split('\n');
        expect(rows).toHaveLength(name.includes('by steps') ? 6 : 2);
      });

      it('repeats itself: the same once more', async () => {
        const { folder, training } = await started();
        expect(await training.ending).toMatchObject({ code: 0 });
        expect(await outcomeOf(folder)).toEqual(whole);
      });

      it.each([1, 2, 3])('ends the same after SIGKILL at a random moment: %d', async () => {
        const { folder, ending } = await signalled(['SIGKILL']);
        killed.push(ending.signal === 'SIGKILL');
        expect([0, null]).toContain(ending.code); // null: killed
        expect(await finish(folder)).toEqual(whole);
      });

      it('ends the same after SIGKILL while it exports', async () => {
        const { folder, ending } = await signalled(['SIGKILL'], { inExport: true });
        killed.push(ending.signal === 'SIGKILL');
        expect([0, null]).toContain(ending.code);
        expect(await finish(folder)).toEqual(whole);
      });

      it('ends the same after a chain of SIGKILLs', async () => {
        const { folder } = await signalled(['SIGKILL']);
        for (let attempt = 0; attempt < 2; attempt++) {
          const again = new CommandLine(['--resume', '--run-dir', folder]);
          await again.until(() => /epoch|verify/.test(again.stderr));
          await pause(random.next() * lengthMs * 0.5);
          again.kill('SIGKILL');
          await again.ending;
        }
        expect(await finish(folder)).toEqual(whole);
      });

      it.each([1, 2])('saves at SIGTERM, exits 75, and ends the same: %d', async (trial) => {
        const { folder, ending, lastedMs } = await signalled(['SIGTERM'], {
          inExport: trial === 2,
        });
        expect(ending.signal).toBeNull();
        if (ending.code !== 0) {
          expect(ending.code, ending.stderr).toBe(75);
          expect(lastedMs).toBeLessThan(STOP_MS);
          expect(ending.stderr).toContain(`--resume --run-dir ${folder}`);
          const [, step] = /stopped by SIGTERM after step (\d+)/.exec(ending.stderr)!;
          const newest = await loadNewestCheckpoint(join(folder, 'checkpoints'));
          if (trial === 1) expect(newest!.step).toBe(Number(step)); // no step is lost
          expect(newest!.skipped).toEqual([]);
        }
        expect(await finish(folder)).toEqual(whole);
      });

      it('exits at once at a second signal, and ends the same', async () => {
        const { folder, training } = await started();
        await training.until(() => existsSync(join(folder, 'checkpoints', 'ckpt-00000002')));
        training.kill('SIGTERM');
        training.kill('SIGINT');
        const sent = performance.now();
        const ending = await training.ending;
        expect(performance.now() - sent).toBeLessThan(1_500);
        expect(ending).toMatchObject({ code: 75, signal: null });
        expect(await finish(folder)).toEqual(whole);
      });
    });

    it('met living processes with most of its SIGKILLs', () => {
      expect(killed).toHaveLength(4 * Object.keys(methods).length);
      expect(killed.filter(Boolean).length).toBeGreaterThanOrEqual((2 / 3) * killed.length);
    });
  },
);
