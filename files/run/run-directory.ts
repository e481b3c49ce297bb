/**
 * A run's folder: its name, its lock, its status, and the facts it was started with.
 *
 * One live process owns it. The others are told who that is; a lock whose owner died is taken over.
 */

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { FileLayer, JsonObject } from '../durable-files';
import {
  asDiskError,
  canonicalJson,
  ensureFolder,
  errorCode,
  isJsonObject,
  isProcessAlive,
  Leftover,
  nodeFiles,
  parseCanonicalJson,
  processStart,
  replaceFile,
  sweepLeftovers,
} from '../durable-files';

/** Where a run stands: `stopped` by a signal with everything saved; the owner of a dead `running` crashed. */
export type RunState = (typeof runStates)[number];

/** What status.json says of a run. */
export interface RunStatus {
  readonly state: RunState;
  /** When the run was made and last changed its state, ISO 8601, UTC. */
  readonly created: string;
  readonly updated: string;
  /** What the caller of `setStatus` wanted known, such as the step or the cause of a failure. */
  readonly details: JsonObject;
}

/** The facts of a machine that make a run repeatable; nothing else is written. */
export interface EnvironmentFacts {
  readonly backend?: string;
  readonly device?: string;
  /** Library name to version. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** Who holds a run directory. */
export interface RunOwner {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly started: string;
}

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

/** Gives the file `from` the further name `to`, in one step, or throws EEXIST. */
export type ClaimName = (from: string, to: string) => void;

/** Another live process works in the directory. */
export class RunInUseError extends Error {
  override readonly name = 'RunInUseError';
  readonly exitCode = 2;

  constructor(
    readonly path: string,
    readonly owner: RunOwner,
  ) {
    super(
      `${path} is in use by process ${owner.pid} on ${owner.host} since ${owner.started}; ` +
        `if that process is gone, delete ${path}/${lockName}`,
    );
  }
}

/** A directory cannot be used for the run that was asked for. */
export class RunDirectoryError extends Error {
  override readonly name = 'RunDirectoryError';
  readonly exitCode = 2;

  constructor(
    readonly path: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`run directory ${path} ${reason}`, options);
  }
}

const runStates = ['running', 'stopped', 'done', 'failed'] as const;
const statusFormat = 'secateur-run/1';
const statusName = 'status.json';
const configName = 'config.json';
const jsonLimit = 16_777_216; // bytes
const lockName = 'run.lock';

/** Settings of the engine that change numbers or speed; no other variable is looked at. */
const environmentVariables = [
  'CUDA_VISIBLE_DEVICES',
  'NODE_ENV',
  'OMP_NUM_THREADS',
  'TF_CPP_MIN_LOG_LEVEL',
  'TF_DETERMINISTIC_OPS',
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_NUM_INTEROP_THREADS',
  'TF_NUM_INTRAOP_THREADS',
  'UV_THREADPOOL_SIZE',
] as const;

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

  /** Reads config.json back. */
  async readConfig(): Promise<JsonObject> {
    const file = path.join(this.path, configName);
    return readJsonObject(file, this.files);
  }

  /** Writes environment.json: the given facts, the machine, and a fixed list of settings. */
  async writeEnvironment(facts: EnvironmentFacts = {}): Promise<void> {
    const { backend = null, device = null, versions = {} } = facts;
    const set = environmentVariables.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    await this.writeJson('environment.json', {
      backend,
      device,
      versions,
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      system: os.release(),
      processor: os.cpus()[0]?.model ?? null,
      cores: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      variables: Object.fromEntries(set),
    });
  }

  /** Gives the directory back; a second call does nothing. */
  release(): void {
    this.lock.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  private async requireEmpty(): Promise<void> {
    const names = await this.files.list(this.path);
    const found = names.filter((name) => !name.startsWith(lockName));
    if (found.length === 0) return;
    const reason = found.includes(statusName)
      ? 'holds a run already: resume it or choose another directory'
      : `must be empty for a new run, it holds ${found.slice(0, 3).join(', ')}`;
    throw new RunDirectoryError(this.path, reason);
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

/**
 * The run under `runsRoot` that was made last and is not `done`, whether or not a live process holds
 * it (opening it tells); null when there is none. A run that never wrote its configuration has
 * nothing to go on with and does not count.
 */
export async function newestUnfinished(
  runsRoot: string,
  options: { readonly files?: FileLayer } = {},
): Promise<string | null> {
  const { files = nodeFiles } = options;
  const names = await files.list(runsRoot).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  let newest: { folder: string; name: string; created: string } | null = null;
  for (const name of names) {
    const folder = path.join(runsRoot, name);
    const created = await unfinishedSince(folder, files);
    if (created === null) continue;
    if (newest === null || isLater({ name, created }, newest)) newest = { folder, name, created };
  }
  return newest?.folder ?? null;
}

interface Dated {
  readonly name: string;
  readonly created: string;
}

function isLater(one: Dated, other: Dated): boolean {
  if (one.created !== other.created) return one.created > other.created;
  return one.name.localeCompare(other.name, 'en', { numeric: true }) > 0;
}

async function unfinishedSince(folder: string, files: FileLayer): Promise<string | null> {
  try {
    const { state, created } = await readStatus(folder, files);
    if (state === 'done') return null;
    return (await files.status(path.join(folder, configName))) === null ? null : created;
  } catch (error) {
    if (error instanceof RunDirectoryError) return null; // not a run, or not to be read as one
    throw error;
  }
}

async function readStatus(folder: string, files: FileLayer): Promise<RunStatus> {
  const value = await readJsonObject(path.join(folder, statusName), files);
  const { format, state, created, updated, details } = value;
  const isKnown = runStates.some((known) => known === state) && format === statusFormat;
  if (!isKnown || typeof created !== 'string' || typeof updated !== 'string') {
    throw new RunDirectoryError(folder, `has a ${statusName} that this version cannot read`);
  }
  return {
    state: state as RunState,
    created,
    updated,
    details: isJsonObject(details) ? details : {},
  };
}

async function readJsonObject(file: string, files: FileLayer): Promise<JsonObject> {
  const folder = path.dirname(file);
  try {
    const value = parseCanonicalJson(await files.read(file, jsonLimit), file);
    if (isJsonObject(value)) return value;
  } catch (error) {
    const code = errorCode(error);
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    const reason = isMissing
      ? `holds no run: there is no ${path.basename(file)}`
      : `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new RunDirectoryError(folder, reason, { cause: error });
  }
  throw new RunDirectoryError(folder, `has a ${path.basename(file)} that is not a JSON object`);
}

async function makeDatedFolder(
  runsRoot: string,
  now: Date,
  label: string,
  files: FileLayer,
): Promise<string> {
  if (!/^[\w.=+-]+$/.test(label)) {
    throw new RangeError(`label must consist of letters, digits and _ . = + -, got "${label}"`);
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

interface LockRecord extends RunOwner {
  /** Names this lock among all that ever were. */
  readonly token: string;
  /** Tells the owner from a later process with its number; null where the system does not tell. */
  readonly processStart: string | null;
}

const heldTokens = new Set<string>();
const maxAttempts = 1000;

/**
 * The lock file of a run, without a moment in which two processes hold it.
 *
 * `run.lock` names its owner by a token T. Whoever finds that owner dead claims the name
 * `run.lock.after-T`, which only one can, and so becomes the owner; should it die too, its own
 * successor claims the next name, and so on along the chain. The winner moves its file onto `run.lock`:
 * T leaves the head and its successor's name disappears in the same instant. A process that read
 * T before that and claims the freed name finds, looking again from the head, that the head does
 * not lead to it, and steps back. T never returns to the head, because tokens are unique.
 */
class RunLock {
  private readonly token = randomBytes(12).toString('hex');

  constructor(
    private readonly folder: string,
    private readonly claim: ClaimName,
  ) {
    this.findOwner(); // the usual refusal needs no file to be written
    const temporary = new Leftover('tmp', lockName);
    const draft = path.join(folder, temporary.name);
    try {
      this.writeDraft(draft);
      this.acquire(draft);
    } finally {
      fs.rmSync(draft, { force: true });
      temporary.settle();
    }
    heldTokens.add(this.token);
    this.removeDeadEnds();
  }

  release(): void {
    if (!heldTokens.delete(this.token)) return;
    // Nobody takes over from a live owner, so the head is still ours unless a person deleted it.
    if (readLock(this.head)?.token === this.token) fs.rmSync(this.head, { force: true });
  }

  private get head(): string {
    return path.join(this.folder, lockName);
  }

  private successorOf(token: string): string {
    return `${this.head}.after-${token}`;
  }

  private writeDraft(draft: string): void {
    const record: LockRecord = {
      pid: process.pid,
      host: os.hostname(),
      started: new Date().toISOString(),
      token: this.token,
      processStart: processStart(process.pid),
    };
    // Flushed, so that after a power cut no lock is found empty, with an owner nobody can name.
    const file = fs.openSync(draft, 'wx');
    try {
      fs.writeFileSync(file, canonicalJson({ ...record }));
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
  }

  private acquire(draft: string): void {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (this.tryAcquire(draft)) return;
    }
    throw new RunDirectoryError(this.folder, `could not be locked in ${maxAttempts} attempts`);
  }

  /** False when another process moved in between: look again. */
  private tryAcquire(draft: string): boolean {
    const holder = this.findOwner();
    const claimed = holder === null ? this.head : this.successorOf(holder.token);
    if (!this.tryClaim(draft, claimed)) return false;
    if (this.holder()?.token !== this.token) {
      fs.rmSync(claimed, { force: true });
      return false;
    }
    if (holder !== null) fs.renameSync(claimed, this.head);
    return true;
  }

  /** The dead owner to take over from; null without a lock; throws for a live one. */
  private findOwner(): LockRecord | null {
    const holder = this.holder();
    if (holder !== null && isLive(holder)) throw new RunInUseError(this.folder, holder);
    return holder;
  }

  private tryClaim(draft: string, name: string): boolean {
    try {
      this.claim(draft, name);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      if (!withoutLinks.has(errorCode(error) ?? '')) throw error;
    }
    try {
      fs.copyFileSync(draft, name, fs.constants.COPYFILE_EXCL);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  /** The last of the chain that begins at the head: the owner, dead or alive; null without a lock. */
  private holder(): LockRecord | null {
    let last = readLock(this.head);
    for (let next = last; next !== null; next = readLock(this.successorOf(next.token))) last = next;
    return last;
  }

  /** Removes the claims that lead nowhere: while the owner lives, no claim can be rightful. */
  private removeDeadEnds(): void {
    for (const name of fs.readdirSync(this.folder)) {
      if (name.startsWith(`${lockName}.after-`)) {
        fs.rmSync(path.join(this.folder, name), { force: true });
      }
    }
  }
}

/** What `link` says on a disk that has no hard links. */
const withoutLinks = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);

function isLive(owner: LockRecord): boolean {
  if (owner.host !== os.hostname()) return true; // cannot be asked: the error says what to do
  if (owner.pid === process.pid) return heldTokens.has(owner.token);
  return isProcessAlive(owner.pid, owner.processStart);
}

const readAttempts = 20;
const readPauseMs = 20;

/** Reads a lock file; null when there is none. */
function readLock(file: string): LockRecord | null {
  for (let attempt = 1; ; attempt++) {
    try {
      return parseLock(file);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      if (!(error instanceof SyntaxError)) throw error;
      if (attempt === readAttempts) throw unreadableLock(file, error);
    }
    // On a disk without hard links the file may be seen while its owner still writes it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, readPauseMs);
  }
}

function parseLock(file: string): LockRecord {
  const value = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<LockRecord> | null;
  const { pid, host, started, token, processStart: start } = value ?? {};
  const isComplete = Number.isSafeInteger(pid) && pid! > 0 && typeof host === 'string';
  if (!isComplete || typeof started !== 'string' || !/^[0-9a-f]{24}$/.test(String(token))) {
    throw new SyntaxError('fields are missing');
  }
  return { pid: pid!, host, started, token: token!, processStart: start ?? null };
}

function unreadableLock(file: string, error: SyntaxError): Error {
  return new RunDirectoryError(
    path.dirname(file),
    `has a ${path.basename(file)} that cannot be read (${error.message}); ` +
      'delete it if no run uses it',
    { cause: error },
  );
}
