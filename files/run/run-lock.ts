import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { SecateurError } from '../../errors';
import { errorCode } from '../disk-error';
import { canonicalJson } from '../json';
import { Leftover } from '../leftovers';
import { isProcessAlive, processStart } from '../processes';
import { readLock } from './lock-file';
import type { LockRecord, RunOwner } from './lock-file';
import { RunDirectoryError } from './run-directory-error';

/** Gives the file `from` the further name `to`, in one step, or throws EEXIST. */
export type ClaimName = (from: string, to: string) => void;

/** Another live process works in the directory, or writes it. */
export class RunInUseError extends SecateurError {
  override readonly name = 'RunInUseError';
  override readonly exitCode = 2;

  constructor(
    readonly path: string,
    readonly owner: RunOwner,
    lockFile = `${path}/${lockName}`,
  ) {
    super(
      `${path} is in use by process ${owner.pid} on ${owner.host} since ${owner.started}; ` +
        `if that process is gone, delete ${lockFile}`,
    );
  }
}

/** The file that says who holds a run directory. */
export const lockName = 'run.lock';

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
export class RunLock {
  private readonly token = randomBytes(12).toString('hex');

  /**
   * @param folder where the lock file lies. @param name of the lock file. @param held what is in use, for the error.
   */
  constructor(
    private readonly folder: string,
    private readonly claim: ClaimName = fs.linkSync,
    private readonly name = lockName,
    private readonly held = folder,
  ) {
    this.findOwner(); // the usual refusal needs no file to be written
    const temporary = new Leftover('tmp', name);
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
    return path.join(this.folder, this.name);
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
    throw new RunDirectoryError(this.held, `could not be locked in ${maxAttempts} attempts`);
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
    if (holder !== null && isLive(holder)) throw new RunInUseError(this.held, holder, this.head);
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
      if (name.startsWith(`${this.name}.after-`)) {
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
