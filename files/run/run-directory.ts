/**
 * A run's folder: its name, its lock, its status, and the facts it was started with.
 *
 * One live process owns it. The others are told who that is; a lock whose owner died is taken over.
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { OptionError } from '../../errors';
import type { FileLayer } from '../file-layer';
import type { JsonObject } from '../json';
import { asDiskError, errorCode } from '../disk-error';
import { nodeFiles } from '../file-layer';
import { ensureFolder } from '../folders';
import { canonicalJson } from '../json';
import { sweepLeftovers } from '../leftovers';
import { replaceFile } from '../write';
import { compareEnvironments, describeEnvironment } from './environment-facts';
import type { EnvironmentFacts } from './environment-facts';
import { RunDirectoryError } from './run-directory-error';
import { RunLock, lockName } from './run-lock';
import type { ClaimName } from './run-lock';
import { requireSameRun } from './same-run';
import { configName, readJsonObject, readStatus, statusFormat, statusName } from './run-status';
import type { RunState, RunStatus } from './run-status';

/** How `RunDirectory` reaches the disk, and what a new run is called. */
export interface RunDirectoryOptions {
  /** What follows the date in a dated folder's name, such as `fpgm_r0.3_s1`. @default 'run' */
  readonly label?: string;
  /** @default the current time */
  readonly now?: Date;
  /** @default nodeFiles */
  readonly files?: FileLayer;
  /** Claims a name for a file, EEXIST when it is taken; for disks without hard links. @default link */
  readonly claim?: ClaimName;
}

const environmentName = 'environment.json';
const identityName = 'identity.json';

/** A run's folder, held by this process until it is released. */
export class RunDirectory implements Disposable {
  readonly path: string;
  /** Where checkpoints go; made by the first save. */
  readonly checkpoints: string;
  /** Where the pruned network goes; made by the export. */
  readonly export: string;
  private readonly files: FileLayer;
  private readonly lock: RunLock;

  private constructor(folder: string, lock: RunLock, files: FileLayer) {
    this.path = folder;
    this.checkpoints = path.join(folder, 'checkpoints');
    this.export = path.join(folder, 'export');
    this.files = files;
    this.lock = lock;
  }

  /**
   * Makes and locks the directory of a new run, with the state `running`.
   *
   * @param folder an empty or missing folder; null for a new one under `runsRoot`, named by date
   *   (UTC) and label, with a number after it where that name is taken.
   * @throws {RunInUseError} when a live process holds the folder.
   * @throws {RunDirectoryError} when the folder holds something already.
   */
  static async create(
    folder: string | null,
    runsRoot: string,
    options: RunDirectoryOptions = {},
  ): Promise<RunDirectory> {
    const { files = nodeFiles, now = new Date() } = options;
    const place = folder ?? (await makeDatedFolder(runsRoot, now, options.label ?? 'run', files));
    const run = await RunDirectory.hold(place, options);
    try {
      await run.requireEmpty();
      await run.writeStatus({ state: 'running', created: now.toISOString(), details: {} });
      return run;
    } catch (error) {
      run.release();
      throw error;
    }
  }

  /**
   * Locks the directory of an existing run; its state is left as it is.
   *
   * @throws {RunInUseError} when a live process holds it.
   * @throws {RunDirectoryError} when there is no run in it.
   */
  static async open(folder: string, options: RunDirectoryOptions = {}): Promise<RunDirectory> {
    const { files = nodeFiles } = options;
    await readStatus(path.resolve(folder), files); // before the lock, which would leave a file in a stranger's folder
    return RunDirectory.hold(folder, options);
  }

  private static async hold(folder: string, options: RunDirectoryOptions): Promise<RunDirectory> {
    const { files = nodeFiles, claim = fs.linkSync } = options;
    const resolved = path.resolve(folder);
    try {
      await ensureFolder(resolved, files);
      const lock = new RunLock(resolved, claim);
      await sweepLeftovers(resolved, files);
      return new RunDirectory(resolved, lock, files);
    } catch (error) {
      if (errorCode(error) === 'ENOTDIR') throw new RunDirectoryError(resolved, 'is not a folder');
      throw await asDiskError(error, path.join(resolved, lockName), null, files);
    }
  }

  /** What status.json says. */
  async status(): Promise<RunStatus> {
    return readStatus(this.path, this.files);
  }

  /** Records where the run stands; on the disk when it returns. */
  async setStatus(state: RunState, details: JsonObject = {}): Promise<void> {
    const { created } = await this.status();
    await this.writeStatus({ state, created, details });
  }

  /** Writes config.json: the resolved configuration, secrets already masked by the caller. */
  async writeConfig(config: JsonObject): Promise<void> {
    await this.writeJson(configName, config);
  }

  /** Writes result.json: what the run came to. */
  async writeResult(result: JsonObject): Promise<void> {
    await this.writeJson('result.json', result);
  }

  /** Reads config.json back. */
  async readConfig(): Promise<JsonObject> {
    const file = path.join(this.path, configName);
    if ((await this.files.status(file)) === null) {
      const reason =
        `has not begun: there is no ${configName}, it was stopped before. ` +
        'The same call without the option resume begins it';
      throw new RunDirectoryError(this.path, reason);
    }
    return readJsonObject(file, this.files);
  }

  /**
   * Writes environment.json: the given facts, the machine, and a fixed list of settings.
   *
   * @returns what differs from the one that it replaces so that the run may end in other bits, in words.
   */
  async writeEnvironment(facts: EnvironmentFacts = {}): Promise<string[]> {
    const now = describeEnvironment(facts);
    const file = path.join(this.path, environmentName);
    const before = await readJsonObject(file, this.files).catch(() => null); // a new run has none
    await this.writeJson(environmentName, now);
    return before === null ? [] : compareEnvironments(before, now);
  }

  /** Gives the directory back; a second call does nothing. */
  release(): void {
    this.lock.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /**
   * Writes identity.json, what a run that goes on must share with this one; a run that has one is compared with it.
   *
   * @throws {ResumeMismatchError} naming all that differs.
   */
  async keepIdentity(identity: JsonObject): Promise<void> {
    const file = path.join(this.path, identityName);
    if ((await this.files.status(file)) === null) await this.writeJson(identityName, identity);
    else requireSameRun(identity, await readJsonObject(file, this.files));
  }

  /** A run that was killed before it wrote its configuration has nothing to lose, and is begun anew. */
  private async requireEmpty(): Promise<void> {
    const names = await this.files.list(this.path);
    const found = names.filter((name) => !name.startsWith(lockName) && !name.startsWith('.tmp-'));
    if (found.length === 0) return;
    if (await this.isUnbegun(found)) {
      await this.files.removeFile(path.join(this.path, identityName)).catch(() => undefined);
      return;
    }
    const reason = found.includes(statusName)
      ? 'holds a run already: resume it or choose another directory'
      : `must be empty for a new run, it holds ${found.slice(0, 3).join(', ')}`;
    throw new RunDirectoryError(this.path, reason);
  }

  private async isUnbegun(names: readonly string[]): Promise<boolean> {
    if (!names.every((name) => name === statusName || name === identityName)) return false;
    await readStatus(this.path, this.files); // that it is a run's
    return true;
  }

  private async writeStatus(status: Omit<RunStatus, 'updated'>): Promise<void> {
    const updated = new Date().toISOString();
    await this.writeJson(statusName, { format: statusFormat, ...status, updated });
  }

  private async writeJson(name: string, value: JsonObject): Promise<void> {
    const bytes = Buffer.from(canonicalJson(value));
    await replaceFile(path.join(this.path, name), bytes, this.files);
  }
}

async function makeDatedFolder(
  runsRoot: string,
  now: Date,
  label: string,
  files: FileLayer,
): Promise<string> {
  if (!/^[\w.=+-]+$/.test(label)) {
    throw new OptionError({
      option: 'label',
      problem: 'must consist of letters, digits and _ . = + -',
      received: label,
    });
  }
  await ensureFolder(path.resolve(runsRoot), files);
  const date = now.toISOString().slice(0, 19).replaceAll(':', '-');
  for (let attempt = 1; ; attempt++) {
    const suffix = attempt === 1 ? '' : `-${attempt}`;
    const folder = path.join(runsRoot, `${date}_${label}${suffix}`);
    try {
      await files.makeFolder(folder); // fails where the name is taken, so two starts get two folders
      await files.syncFolder(runsRoot);
      return folder;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      throw await asDiskError(error, folder, null, files);
    }
  }
}
