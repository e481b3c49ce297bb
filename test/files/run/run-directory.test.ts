import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { FileLayer } from '../../../files';
import { DiskError, isProcessAlive, nodeFiles, processStart } from '../../../files';
import { findNewestRuns, pickToResume } from '../../../files/run/newest-runs';
import { RunDirectory } from '../../../files/run/run-directory';
import { RunDirectoryError } from '../../../files/run/run-directory-error';
import { RunInUseError } from '../../../files/run/run-lock';
import { compileInto } from '../../compiled';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'run-directory-test-'));
let roots = 0;
const newRoot = (): string => path.join(scratch, `root-${roots++}`, 'runs');
const now = new Date('2026-11-21T19:05:33.123Z');

afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

const deadPid = (): number => Number(execFileSync('sh', ['-c', 'echo $$']).toString());

interface FakeLock {
  pid: number;
  host?: string;
  token?: string;
  processStart?: string | null;
}

function writeLock(folder: string, lock: FakeLock, name = 'run.lock'): void {
  const started = now.toISOString();
  const record = {
    host: os.hostname(),
    started,
    token: 'a'.repeat(24),
    processStart: null,
    ...lock,
  };
  fs.writeFileSync(path.join(folder, name), JSON.stringify(record));
}

/** A run that is there and that nobody holds. */
async function makeRun(): Promise<string> {
  using run = await RunDirectory.create(null, newRoot());
  await run.writeConfig({ rate: 0.3 });
  return run.path;
}

const lockFiles = (folder: string): string[] =>
  fs.readdirSync(folder).filter((name) => name.includes('run.lock'));

describe('a new run', () => {
  it('gets a folder named by date and label, locked and running', async () => {
    const root = newRoot();
    using run = await RunDirectory.create(null, root, { label: 'fpgm_r0.3_s1', now });
    expect(run.path).toBe(path.join(root, '2026-11-21T19-05-33_fpgm_r0.3_s1'));
    expect(run.checkpoints).toBe(path.join(run.path, 'checkpoints'));
    expect(run.export).toBe(path.join(run.path, 'export'));
    expect(await run.status()).toMatchObject({ state: 'running', created: now.toISOString() });
    expect(fs.readdirSync(run.path).sort()).toEqual(['run.lock', 'status.json']);
    const lock = JSON.parse(fs.readFileSync(path.join(run.path, 'run.lock'), 'utf8')) as FakeLock;
    expect(lock).toMatchObject({ pid: process.pid, host: os.hostname() });
  });

  it('gets a folder of its own among many started at the same moment', async () => {
    const root = newRoot();
    const starts = Array.from({ length: 20 }, () =>
      RunDirectory.create(null, root, { label: 'x', now }),
    );
    const runs = await Promise.all(starts);
    const names = runs.map((run) => path.basename(run.path));
    expect(new Set(names).size).toBe(20);
    expect(names).toContain('2026-11-21T19-05-33_x');
    expect(names).toContain('2026-11-21T19-05-33_x-2');
    for (const run of runs) run.release();
  });

  it('goes to the folder that is named, made where it is missing', async () => {
    const folder = path.join(newRoot(), 'a', 'b');
    using run = await RunDirectory.create(folder, 'unused');
    expect(run.path).toBe(folder);
    expect(fs.existsSync('unused')).toBe(false);
  });

  it.each(['', 'a/b', '../x', 'a b', 'a\n'])('refuses the label %j', async (label) => {
    await expect(RunDirectory.create(null, newRoot(), { label })).rejects.toThrow(
      'label must consist of letters',
    );
  });

  it('refuses a folder that holds a run, and gives the lock back', async () => {
    const folder = await makeRun();
    const creating = RunDirectory.create(folder, 'unused');
    await expect(creating).rejects.toThrow('holds a run already: resume it');
    await expect(creating).rejects.toMatchObject({ name: 'RunDirectoryError', exitCode: 2 });
    expect(lockFiles(folder)).toEqual([]);
  });

  it('refuses a folder with other things in it, and leaves it as it was', async () => {
    const folder = newRoot();
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'thesis.tex'), '');
    const creating = RunDirectory.create(folder, 'unused');
    await expect(creating).rejects.toThrow('must be empty for a new run, it holds thesis.tex');
    expect(fs.readdirSync(folder)).toEqual(['thesis.tex']);
  });

  it('refuses a file', async () => {
    const file = path.join(scratch, 'file');
    fs.writeFileSync(file, '');
    await expect(RunDirectory.create(file, 'unused')).rejects.toThrow('is not a folder');
  });

  it('reports a full disk as such', async () => {
    const error = Object.assign(new Error('full'), { code: 'ENOSPC' });
    const files: FileLayer = { ...nodeFiles, open: () => Promise.reject(error) };
    const root = newRoot();
    const creating = RunDirectory.create(null, root, { files });
    await expect(creating).rejects.toThrow(DiskError);
    await expect(creating).rejects.toThrow(
      /status\.json: no space left .*bytes needed: \d+, bytes free: \d+/,
    );
  });
});

describe('an existing run', () => {
  it('opens with its configuration, and remembers its state', async () => {
    const folder = await makeRun();
    {
      using run = await RunDirectory.open(folder);
      expect(await run.readConfig()).toEqual({ rate: 0.3 });
      await run.setStatus('stopped', { step: 12 });
    }
    using again = await RunDirectory.open(folder);
    const status = await again.status();
    expect(status).toMatchObject({ state: 'stopped', details: { step: 12 } });
    await again.setStatus('done');
    expect(await again.status()).toMatchObject({
      state: 'done',
      created: status.created,
      details: {},
    });
  });

  it('must be one: a missing, empty or foreign folder is refused and left alone', async () => {
    const folder = newRoot();
    await expect(RunDirectory.open(folder)).rejects.toThrow(
      'holds no run: there is no status.json',
    );
    expect(fs.existsSync(folder)).toBe(false);
    fs.mkdirSync(folder, { recursive: true });
    await expect(RunDirectory.open(folder)).rejects.toThrow(RunDirectoryError);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['{"format":"secateur-run/2"}', 'cannot read'],
    ['[]', 'not a JSON object'],
    ['{"format":', 'is not the JSON that was written'],
    ['', 'is not the JSON that was written'],
  ])('with the status %s is refused', async (text, message) => {
    const folder = await makeRun();
    fs.writeFileSync(path.join(folder, 'status.json'), text);
    await expect(RunDirectory.open(folder)).rejects.toThrow(message);
  });

  it('is swept of what dead processes left', async () => {
    const folder = await makeRun();
    const { name } = await abandonedDraft(folder);
    (await RunDirectory.open(folder)).release();
    expect(fs.readdirSync(folder)).not.toContain(name);
  });
});

/** A temporary file under a name that a dead process would have used. */
async function abandonedDraft(folder: string): Promise<{ name: string }> {
  let name = '';
  const files: FileLayer = {
    ...nodeFiles,
    open: (target, flags) => {
      name = path.basename(target);
      return nodeFiles.open(target, flags);
    },
  };
  using run = await RunDirectory.open(folder, { files });
  await run.setStatus('running');
  name = name.replace(new RegExp(`-${process.pid}-`), `-${deadPid()}-`);
  name = name.replace(/-[0-9a-f]{12}-/, '-abcdefabcdef-');
  fs.writeFileSync(path.join(folder, name), 'half');
  return { name };
}

describe('environment.json', () => {
  it('holds the machine and the listed settings, and nothing else of the environment', async () => {
    vi.stubEnv('TF_ENABLE_ONEDNN_OPTS', '1');
    vi.stubEnv('SECRET_TOKEN', 'hunter2');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hunter2');
    try {
      using run = await RunDirectory.create(null, newRoot());
      await run.writeEnvironment({ backend: 'cpu', versions: { tfjs: '4.22.0' } });
      const text = fs.readFileSync(path.join(run.path, 'environment.json'), 'utf8');
      const facts = JSON.parse(text) as Record<string, unknown>;
      expect(facts).toMatchObject({
        backend: 'cpu',
        device: null,
        versions: { tfjs: '4.22.0' },
        node: process.versions.node,
        variables: { TF_ENABLE_ONEDNN_OPTS: '1' },
      });
      for (const secret of ['hunter2', 'SECRET', os.hostname(), os.homedir()]) {
        expect(text).not.toContain(secret);
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('the newest unfinished run', () => {
  async function make(root: string, second: number, done: boolean): Promise<string> {
    const date = new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    using run = await RunDirectory.create(null, root, { now: date });
    await run.writeConfig({});
    await run.setStatus(done ? 'done' : 'running');
    return run.path;
  }

  it('is the one made last that is not done', async () => {
    const root = newRoot();
    expect((await findNewestRuns(root)).unfinished).toBeNull();
    await make(root, 1, false);
    const second = await make(root, 2, false);
    await make(root, 3, true);
    expect((await findNewestRuns(root)).unfinished).toBe(second);
    const last = await make(root, 4, false);
    expect((await findNewestRuns(root)).unfinished).toBe(last);
  });

  it('is, of those made in one moment, the one with the highest number', async () => {
    const root = newRoot();
    let last = '';
    for (let count = 0; count < 11; count++) last = await make(root, 1, false);
    expect(path.basename(last)).toBe('2026-01-01T00-00-01_run-11');
    expect((await findNewestRuns(root)).unfinished).toBe(last);
  });

  it('is not a stray file, an empty folder, or a run that never got its configuration', async () => {
    const root = newRoot();
    const run = await make(root, 1, false);
    fs.mkdirSync(path.join(root, 'zzz'));
    fs.writeFileSync(path.join(root, 'notes.txt'), '');
    (await RunDirectory.create(null, root, { now })).release();
    expect((await findNewestRuns(root)).unfinished).toBe(run);
  });

  it.each([
    { reason: 'DivergedError: the loss became NaN', diverged: true },
    { reason: 'DivergedError: as the first version says it' },
  ])('is not a run that diverged, and would again: %j', async (details) => {
    const root = newRoot();
    const stopped = await make(root, 1, false);
    const diverged = await make(root, 2, false);
    const done = await make(root, 3, true);
    {
      using run = await RunDirectory.open(diverged);
      await run.setStatus('failed', details);
    }
    const newest = await findNewestRuns(root);
    expect(newest).toEqual({ unfinished: stopped, diverged, done });
    expect(pickToResume(newest, {})).toBe(stopped);
    expect(pickToResume(newest, { onNan: 'lower' })).toBe(diverged); // at a lower rate it may not
    expect(pickToResume({ ...newest, diverged: null }, { onNan: 'lower' })).toBe(stopped);
  });

  it('is one that a full disk ended', async () => {
    const root = newRoot();
    const full = await make(root, 1, false);
    {
      using run = await RunDirectory.open(full);
      await run.setStatus('failed', { reason: 'DiskError: no space left', diverged: false });
    }
    expect((await findNewestRuns(root)).unfinished).toBe(full);
  });
});

describe('the lock', () => {
  it('refuses a second holder in the same process until the first lets go', async () => {
    const folder = await makeRun();
    const run = await RunDirectory.open(folder);
    const second = RunDirectory.open(folder);
    await expect(second).rejects.toThrow(RunInUseError);
    await expect(second).rejects.toMatchObject({ exitCode: 2, owner: { pid: process.pid } });
    await expect(second).rejects.toThrow(`in use by process ${process.pid} on ${os.hostname()}`);
    run.release();
    run.release(); // nothing happens
    const third = await RunDirectory.open(folder);
    run.release(); // must not take the lock from the third
    await expect(RunDirectory.open(folder)).rejects.toThrow(RunInUseError);
    third.release();
    expect(lockFiles(folder)).toEqual([]);
  });

  it('is not removed by a holder whose lock a person deleted and another process took', async () => {
    const folder = await makeRun();
    const run = await RunDirectory.open(folder);
    writeLock(folder, { pid: process.ppid });
    run.release();
    expect(lockFiles(folder)).toEqual(['run.lock']);
  });

  it('of a live process or of another machine holds', async () => {
    const folder = await makeRun();
    writeLock(folder, { pid: process.ppid });
    await expect(RunDirectory.open(folder)).rejects.toThrow(RunInUseError);
    writeLock(folder, { pid: deadPid(), host: 'another-machine' });
    await expect(RunDirectory.open(folder)).rejects.toThrow(
      /on another-machine .*if that process is gone, delete .*run\.lock/,
    );
  });

  it('of a dead process is taken over', async () => {
    const folder = await makeRun();
    writeLock(folder, { pid: deadPid() });
    using run = await RunDirectory.open(folder);
    expect(lockFiles(folder)).toEqual(['run.lock']);
    await expect(RunDirectory.open(folder)).rejects.toMatchObject({ owner: { pid: process.pid } });
    expect(run.path).toBe(folder);
  });

  it('of an earlier process with the number of this one, or of a live one, is taken over', async () => {
    const folder = await makeRun();
    writeLock(folder, { pid: process.pid });
    (await RunDirectory.open(folder)).release();
    if (processStart(process.ppid) === null) return; // only where the system tells starts apart
    writeLock(folder, { pid: process.ppid, processStart: 'another boot/1' });
    (await RunDirectory.open(folder)).release();
    writeLock(folder, { pid: process.ppid, processStart: processStart(process.ppid) });
    await expect(RunDirectory.open(folder)).rejects.toThrow(RunInUseError);
  });

  it('is taken over along a chain of processes that died while they took over', async () => {
    const folder = await makeRun();
    const [first, second] = ['a'.repeat(24), 'b'.repeat(24)];
    writeLock(folder, { pid: deadPid(), token: first });
    writeLock(folder, { pid: deadPid(), token: second }, `run.lock.after-${first}`);
    writeLock(folder, { pid: process.ppid, token: 'c'.repeat(24) }, `run.lock.after-${second}`);
    await expect(RunDirectory.open(folder)).rejects.toMatchObject({ owner: { pid: process.ppid } });
    fs.rmSync(path.join(folder, `run.lock.after-${second}`));
    using run = await RunDirectory.open(folder);
    expect(lockFiles(run.path)).toEqual(['run.lock']);
  });

  it('is not taken from one that took over after we looked', async () => {
    const folder = await makeRun();
    const stale = 'a'.repeat(24);
    writeLock(folder, { pid: deadPid(), token: stale });
    let isFirst = true;
    const opening = RunDirectory.open(folder, {
      claim: (from, to) => {
        // A rival takes over completely between our look and our claim.
        if (isFirst) writeLock(folder, { pid: process.ppid, token: 'b'.repeat(24) });
        isFirst = false;
        expect(path.basename(to)).toBe(`run.lock.after-${stale}`);
        fs.linkSync(from, to);
      },
    });
    await expect(opening).rejects.toMatchObject({ owner: { pid: process.ppid } });
    expect(lockFiles(folder)).toEqual(['run.lock']);
  });

  it('works on a disk without hard links', async () => {
    const folder = await makeRun();
    const claim = (): void => {
      throw Object.assign(new Error('no links'), { code: 'EPERM' });
    };
    writeLock(folder, { pid: deadPid() });
    const run = await RunDirectory.open(folder, { claim });
    await expect(RunDirectory.open(folder, { claim })).rejects.toThrow(RunInUseError);
    run.release();
    (await RunDirectory.open(folder, { claim })).release();
    expect(lockFiles(folder)).toEqual([]);
  });

  it.each(['', 'null', '{"pid":1,"host":"x","started":"y","token":"../../x"}'])(
    'that reads %j is refused, with the remedy',
    async (text) => {
      const folder = await makeRun();
      fs.writeFileSync(path.join(folder, 'run.lock'), text);
      const opening = RunDirectory.open(folder);
      await expect(opening).rejects.toThrow(/run\.lock that cannot be read .*delete it if no run/);
    },
  );

  it('has one holder at a time among 50 racing processes, half of which die with it', async () => {
    const home = path.join(scratch, 'race');
    fs.mkdirSync(home);
    compileInto(home, ['files/run/run-directory']);
    fs.writeFileSync(path.join(home, 'child.js'), racer);
    const folder = await makeRun();
    writeLock(folder, { pid: deadPid() });
    const log = path.join(home, 'log');
    const racers = Array.from({ length: 50 }, (_, index) => {
      const mode = index % 2 === 0 ? 'die' : 'release';
      return once(
        spawn(process.execPath, [path.join(home, 'child.js'), folder, log, mode], {
          stdio: ['ignore', 'inherit', 'inherit'],
        }),
        'exit',
      );
    });
    const ends = await Promise.all(racers);
    expect(ends.filter(([code]) => code === 0)).toHaveLength(25);
    expect(ends.filter(([, signal]) => signal === 'SIGKILL')).toHaveLength(25);
    // Lines are appended in the order of events: each entry must be followed by its own leave.
    const lines = fs.readFileSync(log, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(100);
    for (let line = 0; line < 100; line += 2) {
      const [verb, pid] = lines[line]!.split(' ');
      expect(verb).toBe('enter');
      expect(lines[line + 1]).toBe(`leave ${pid!}`);
    }
    (await RunDirectory.open(folder)).release();
    expect(lockFiles(folder)).toEqual([]);
  });
});

const racer = `
  const fs = require('node:fs');
  const { RunDirectory } = require('./files/run/run-directory.js');
  const [, , folder, log, mode] = process.argv;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  (async () => {
    let run = null;
    while (run === null) {
      try {
        run = await RunDirectory.open(folder);
      } catch (error) {
        if (error.name !== 'RunInUseError') throw error;
        await pause(2);
      }
    }
    fs.appendFileSync(log, 'enter ' + process.pid + '\\n');
    await pause(10);
    fs.appendFileSync(log, 'leave ' + process.pid + '\\n');
    if (mode === 'die') process.kill(process.pid, 'SIGKILL');
    run.release();
  })();`;

describe('a process', () => {
  it('is alive while it runs, and neither dead nor a zombie', async () => {
    expect(isProcessAlive(process.pid)).toBe(true);
    expect(isProcessAlive(process.pid, processStart(process.pid))).toBe(true);
    expect(isProcessAlive(deadPid())).toBe(false);
    if (processStart(process.pid) === null) return; // zombies are told by /proc
    // The shell becomes a sleep that never asks how its child ended.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 20']);
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const zombie = Number(output.toString());
    await vi.waitFor(
      () => {
        expect(fs.readFileSync(`/proc/${zombie}/stat`, 'utf8')).toContain(') Z ');
      },
      { timeout: 5000 },
    );
    expect(isProcessAlive(zombie)).toBe(false);
    parent.kill('SIGKILL');
  });
});
