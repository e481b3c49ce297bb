import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { RandomStream } from '../../../random/seeds';
import type { FileLayer } from '../../../files';
import { nodeFiles } from '../../../files';
import type { MetricsRow } from '../../../files/run/metrics-log';
import { openEventLog } from '../../../files/run/event-log';
import { MetricsLog, MetricsLogError } from '../../../files/run/metrics-log';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-log-test-'));
let folders = 0;

afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = path.join(scratch, `case-${folders++}`);
  fs.mkdirSync(folder);
  return folder;
}

/** The disk without its flushes, for the tests that write thousands of files. */
const unsynced: FileLayer = {
  ...nodeFiles,
  async open(target, flags) {
    const file = await nodeFiles.open(target, flags);
    return {
      write: (bytes) => file.write(bytes),
      sync: () => Promise.resolve(),
      close: () => file.close(),
    };
  },
  syncFolder: () => Promise.resolve(),
};
const fast = { files: unsynced };

const columns = ['split', 'loss', 'note'];
const names = ['metrics.jsonl', 'metrics.csv'];
const contents = (folder: string): string[] =>
  names.map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));

/** The table tells nothing of an empty cell from none. */
const dropNulls = (text: string): string => text.replaceAll(',"note":null', '');
const withoutNulls = (folder: string): string[] => contents(folder).map(dropNulls);

/** The rows of a step: two at every third, as with a validation. */
function rowsOf(step: number): MetricsRow[] {
  const random = new RandomStream(step);
  const train = { step, split: 'train', loss: random.normal(), note: step % 2 ? 'a "b", c' : null };
  return step % 3 === 0 ? [train, { step, split: 'validation', loss: -0 }] : [train];
}

async function appendSteps(log: MetricsLog, from: number, to: number): Promise<void> {
  for (let step = from; step <= to; step++) {
    for (const row of rowsOf(step)) await log.append(row);
  }
}

/** What a run of this many steps that is never stopped writes. */
async function uninterrupted(steps: number): Promise<string[]> {
  const folder = newFolder();
  const log = await MetricsLog.open(folder, columns);
  await appendSteps(log, 0, steps);
  await log.close();
  return contents(folder);
}

describe('the metrics files', () => {
  it('hold one line a row, the columns in their order, quoted where needed', async () => {
    const folder = newFolder();
    const log = await MetricsLog.open(folder, columns);
    await log.append({ note: 'two\nlines', step: 0, loss: 0.1 });
    await log.append({ step: 0, split: 'a,b', loss: 1e-7, note: 'say "x"' });
    await log.append({ step: 5, loss: null, note: '', split: true });
    await log.sync();
    await log.close();
    expect(contents(folder)).toEqual([
      '{"step":0,"loss":0.1,"note":"two\\nlines"}\n' +
        '{"step":0,"split":"a,b","loss":1e-7,"note":"say \\"x\\""}\n' +
        '{"step":5,"split":true,"loss":null,"note":""}\n',
      'step,split,loss,note\n' +
        '0,,0.1,"two\nlines"\n' +
        '0,"a,b",1e-7,"say ""x"""\n' +
        '5,true,,\n',
    ]);
  });

  it('are there, with a header, before the first row', async () => {
    const folder = newFolder();
    await MetricsLog.open(folder, ['a"b', 'c']);
    expect(contents(folder)).toEqual(['', 'step,"a""b",c\n']);
  });

  it('are read back by a CSV reader as they were written (property)', async () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('"', ',', '\n', '\r\n', '"",'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), async (pairs) => {
        const folder = newFolder();
        const log = await MetricsLog.open(folder, ['a', 'b'], fast);
        for (const [a, b] of pairs) await log.append({ step: 1, a, b });
        await log.close();
        const expected = [['step', 'a', 'b'], ...pairs.map(([a, b]) => ['1', a, b])];
        expect(readCsv(contents(folder)[1]!)).toEqual(expected);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it.each([
    [{ step: 1, lss: 1 }, 'unknown column "lss", there are: step, split, loss, note'],
    [{ step: 1, loss: Number.NaN }, 'loss must be finite, got NaN'],
    [{ step: 1, loss: Infinity }, 'loss must be finite, got Infinity'],
    [{ step: 0.5 }, 'step must be an integer >= 1, got 0.5'],
    [{ step: 0 }, 'step must be an integer >= 1, got 0'],
  ])('refuse the row %j', async (row, message) => {
    const folder = newFolder();
    const log = await MetricsLog.open(folder, columns);
    await log.append({ step: 1 });
    const before = contents(folder);
    await expect(log.append(row)).rejects.toThrow(MetricsLogError);
    await expect(log.append(row)).rejects.toThrow(message);
    expect(contents(folder)).toEqual(before);
    await log.close();
  });

  it.each([[['a', 'a']], [['']], [['__proto__']]])('refuse the columns %j', async (bad) => {
    await expect(MetricsLog.open(newFolder(), bad)).rejects.toThrow(/column/);
  });
});

/** A CSV reader by the grammar of RFC 4180, written apart from the writer. */
function readCsv(text: string): string[][] {
  const records: string[][] = [];
  let rest = text;
  while (rest !== '') {
    const record: string[] = [];
    for (let separator = ','; separator === ',';) {
      const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\n)/.exec(rest);
      if (match === null) throw new Error(`not CSV: ${rest}`);
      record.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
      separator = match[3]!;
      rest = rest.slice(match[0].length);
    }
    records.push(record);
  }
  return records;
}

describe('after a kill and a resume, the metrics files', () => {
  const steps = 7;
  const restored = 4;

  it('equal those of a run never stopped, wherever in a file the last write ended', async () => {
    const whole = await uninterrupted(steps);
    const kept = await uninterrupted(restored); // on the disk before the checkpoint was saved
    for (const which of [0, 1]) {
      for (let length = kept[which]!.length; length <= whole[which]!.length; length++) {
        const folder = newFolder();
        // A row goes to metrics.jsonl first: a cut in one file goes with any state of the other.
        const texts = [...whole];
        texts[which] = whole[which]!.slice(0, length);
        names.forEach((name, index) => {
          fs.writeFileSync(path.join(folder, name), texts[index]!);
        });
        const log = await MetricsLog.open(folder, columns, fast);
        await log.rewindTo(restored);
        expect(contents(folder)).toEqual(kept);
        await appendSteps(log, restored + 1, steps);
        await log.close();
        expect(contents(folder)).toEqual(whole);
      }
    }
  });

  it('equal those of a run never stopped, for any chain of stops (property)', async () => {
    const whole = await uninterrupted(steps);
    const stop = fc.record({
      back: fc.integer({ min: 0, max: 3 }),
      forth: fc.integer({ min: 0, max: 4 }),
      torn: fc.integer({ min: 0, max: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(stop, { maxLength: 4 }), async (stops) => {
        const folder = newFolder();
        let done = -1;
        for (const { back, forth, torn } of stops) {
          const log = await MetricsLog.open(folder, columns, fast);
          const checkpoint = Math.max(-1, done - back);
          await log.rewindTo(checkpoint);
          done = Math.min(steps, checkpoint + forth);
          await appendSteps(log, checkpoint + 1, done);
          await log.close();
          const partial = '{"step":99,"split":"train","loss":12'.slice(0, torn);
          fs.appendFileSync(path.join(folder, 'metrics.jsonl'), partial);
          fs.appendFileSync(path.join(folder, 'metrics.csv'), partial);
        }
        const log = await MetricsLog.open(folder, columns, fast);
        await log.rewindTo(done);
        await appendSteps(log, done + 1, steps);
        await log.close();
        expect(contents(folder)).toEqual(whole);
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  it('lose an end that a power cut filled with anything', async () => {
    const kept = await uninterrupted(restored);
    for (const garbage of [
      '\0'.repeat(50),
      '\0\n\0\n',
      '{"step":6,"lo\n',
      'null\n[]\n{"step":"x"}\n',
    ]) {
      const folder = newFolder();
      fs.writeFileSync(path.join(folder, 'metrics.jsonl'), kept[0]! + garbage);
      const log = await MetricsLog.open(folder, columns);
      expect(await log.rewindTo(restored)).toBe(7); // steps 0..4, two rows at 0 and 3
      expect(contents(folder)).toEqual(kept);
    }
  });

  it('are refused when a row that must stay has another column', async () => {
    const [rows] = (await uninterrupted(restored)) as [string];
    const folder = newFolder();
    const file = path.join(folder, 'metrics.jsonl');
    fs.writeFileSync(file, rows);
    const other = await MetricsLog.open(folder, ['split', 'loss']);
    await expect(other.rewindTo(restored)).rejects.toThrow('holds the column "note", this run has');
    expect(fs.readFileSync(file, 'utf8')).toBe(rows);
  });

  it('have a damaged row back from the table, or say that it is lost and keep what there was', async () => {
    const whole = (await uninterrupted(restored)) as [string, string];
    const damaged = whole[0].replace('"step":2', '"step:2');
    for (const hasTable of [true, false]) {
      const folder = newFolder();
      const file = path.join(folder, 'metrics.jsonl');
      fs.writeFileSync(file, damaged);
      if (hasTable) fs.writeFileSync(path.join(folder, 'metrics.csv'), whole[1]);
      const warnings: string[] = [];
      const warn = (what: string): unknown => warnings.push(what);
      const log = await MetricsLog.open(folder, columns, { warn });
      expect(await log.rewindTo(restored)).toBe(hasTable ? 7 : 6);
      expect(fs.readFileSync(`${file}.damaged`, 'utf8')).toBe(damaged);
      expect(warnings[0]).toContain('metrics.jsonl is damaged');
      if (hasTable) expect(withoutNulls(folder)).toEqual(whole.map(dropNulls));
      else expect(warnings.at(-1)).toBe('rows of metrics may be lost: 6 could be read');
      await log.append({ step: restored + 1 });
      await log.close();
    }
  });

  it('have what a checkpoint remembers, whichever file tells it', async () => {
    const whole = (await uninterrupted(restored)) as [string, string];
    const seen = await MetricsLog.open(newFolder(), columns);
    await appendSteps(seen, 0, restored);
    const { mark } = seen;
    await seen.close();
    const random = new RandomStream(7);
    for (let trial = 0; trial < 60; trial++) {
      const folder = newFolder();
      const harmed = trial % 2;
      const bytes = Buffer.from(whole[harmed]!);
      bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
      names.forEach((name, index) => {
        fs.writeFileSync(path.join(folder, name), index === harmed ? bytes : whole[index]!);
      });
      const log = await MetricsLog.open(folder, columns, fast);
      expect(await log.rewindTo(restored, { mark })).toBe(7);
      expect(withoutNulls(folder)).toEqual(whole.map(dropNulls));
    }
  });

  it('take no row before they were rewound', async () => {
    const folder = newFolder();
    await MetricsLog.open(folder, columns);
    const log = await MetricsLog.open(folder, columns);
    await expect(log.append({ step: 0 })).rejects.toThrow('call rewindTo first');
    await log.rewindTo(-1);
    await log.append({ step: 0 });
    await log.close();
    expect(contents(folder)[0]).toBe('{"step":0}\n');
  });

  it.each([-2, 0.5, Number.NaN])('cannot be rewound to step %d', async (step) => {
    const log = await MetricsLog.open(newFolder(), columns);
    await expect(log.rewindTo(step)).rejects.toThrow(`step must be an integer >= -1, got ${step}`);
  });
});

describe('when the disk fails, the metrics files', () => {
  /** Fails one append or sync half way, once. */
  function failing(operation: 'write' | 'sync', code: string): FileLayer {
    let isDue = true;
    const failure = (): Error => Object.assign(new Error(code), { code });
    return {
      ...nodeFiles,
      async open(target, flags) {
        const file = await nodeFiles.open(target, flags);
        if (flags !== 'a') return file;
        return {
          async write(bytes) {
            if (operation !== 'write' || !isDue) return file.write(bytes.subarray(0, 3));
            isDue = false;
            await file.write(bytes.subarray(0, 5));
            throw failure();
          },
          async sync() {
            if (operation !== 'sync' || !isDue) return file.sync();
            isDue = false;
            throw failure();
          },
          close: () => file.close(),
        };
      },
    };
  }

  it.each(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO'])('say so (%s) and can be mended', async (code) => {
    const folder = newFolder();
    const log = await MetricsLog.open(folder, columns, { files: failing('write', code) });
    const appending = log.append(rowsOf(0)[0]!);
    await expect(appending).rejects.toMatchObject({ name: 'DiskError', code, exitCode: 4 });
    await expect(appending).rejects.toThrow(/metrics\.jsonl.*bytes needed: \d+, bytes free: \d+/);
    await expect(log.append({ step: 1 })).rejects.toThrow('an earlier write failed');
    await log.rewindTo(-1);
    await appendSteps(log, 0, 3); // three bytes a write: the rest must follow
    await log.close();
    expect(contents(folder)).toEqual(await uninterrupted(3));
  });

  it('say so when they cannot be flushed', async () => {
    const log = await MetricsLog.open(newFolder(), columns, { files: failing('sync', 'EIO') });
    await log.append({ step: 0 });
    await expect(log.sync()).rejects.toMatchObject({ name: 'DiskError', code: 'EIO' });
    await expect(log.append({ step: 1 })).rejects.toThrow('an earlier write failed');
    await log.close();
  });
});

describe('the event log', () => {
  const lines = (folder: string): string[] =>
    fs.readFileSync(path.join(folder, 'log.jsonl'), 'utf8').split('\n');

  it('has each event with its time on the disk when the call returns', () => {
    const folder = newFolder();
    const log = openEventLog(folder);
    log.logger.info({ epoch: 1, stepMs: 3.5 }, 'epoch done');
    log.logger.debug('not at this level');
    const [line, ...rest] = lines(folder);
    expect(rest).toEqual(['']);
    const event = JSON.parse(line!) as Record<string, unknown>;
    expect(event).toMatchObject({ level: 30, epoch: 1, stepMs: 3.5, msg: 'epoch done' });
    expect(event).not.toHaveProperty('hostname');
    expect(new Date(event.time as string).toISOString()).toBe(event.time);
    log.close();
    expect(log.failure).toBeNull();
  });

  it('goes on after a line that a kill tore', () => {
    const folder = newFolder();
    fs.writeFileSync(path.join(folder, 'log.jsonl'), '{"level":30,"ti');
    const log = openEventLog(folder, { level: 'debug' });
    log.logger.debug('again');
    log.close();
    const again = openEventLog(folder);
    again.logger.info('and again');
    again.close();
    expect(lines(folder)).toHaveLength(4);
    expect(lines(folder)[0]).toBe('{"level":30,"ti');
    expect(JSON.parse(lines(folder)[1]!)).toMatchObject({ msg: 'again' });
  });

  it('does not fail the run when the disk is full', () => {
    const folder = newFolder();
    fs.symlinkSync('/dev/full', path.join(folder, 'log.jsonl'));
    const log = openEventLog(folder);
    log.logger.info('lost');
    expect(log.failure).toMatchObject({ code: 'ENOSPC' });
    log.close();
  });
});
