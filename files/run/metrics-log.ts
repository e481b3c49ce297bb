/**
 * The numbers of a run, as metrics.jsonl and metrics.csv.
 *
 * The metrics depend on the training alone: times belong in the event log. So the two files of a run
 * that was killed and resumed are, byte for byte, those of a run that never stopped.
 */

import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { OptionError, SecateurError } from '../../errors';
import type { FileLayer, OpenFile } from '../file-layer';
import { asDiskError } from '../disk-error';
import { nodeFiles } from '../file-layer';
import { isForbiddenKey } from '../json';
import { replaceFile, writeAll } from '../write';
import { mergeRows, RowFormat } from './metrics-rows';
import type { MetricsColumns, MetricsRow } from './metrics-rows';
import type { MetricsMark } from './training-record';

export type { MetricsColumns, MetricsRow } from './metrics-rows';

/** The metrics files cannot be gone on with, or a row does not fit them. */
export class MetricsLogError extends SecateurError {
  override readonly name = 'MetricsLogError';

  constructor(
    readonly path: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${path}: ${reason}`, options);
  }
}

/** How metrics are reached. */
export interface MetricsLogOptions {
  /** Told of what was damaged, and what became of it. Default nobody. */
  readonly warn?: (what: string) => void;
  /** @default nodeFiles */
  readonly files?: FileLayer;
}

/** What is to stay of the rows. */
export interface Rewind {
  /** Whether a row up to the step is of what the checkpoint holds. Default all are. */
  readonly isPast?: (row: MetricsRow) => boolean;
  /** What the checkpoint remembers of the rows, by which they are known again; null where it does not. */
  readonly mark?: MetricsMark | null;
}

/** What a file still has of the rows that are to stay. */
interface Stored {
  readonly file: string;
  /** Null where there is no file. */
  readonly content: Buffer | null;
  readonly rows: readonly MetricsRow[];
  /** Whether whole lines of it cannot be read. */
  readonly isDamaged: boolean;
  /** Whether such a line comes before a row that is to stay: the end of a file may be torn. */
  readonly isBroken: boolean;
}

const rowsName = 'metrics.jsonl';
const tableName = 'metrics.csv';
const metricsLimit = 500_000_000; // bytes; a string holds no more

/**
 * Appends rows to metrics.jsonl and metrics.csv in a folder.
 *
 * To survive a power cut as well as a kill, call `sync()` before a checkpoint is saved; the rows of
 * step s must be appended before the checkpoint of step s. At a resume call `rewindTo` with the step
 * of the checkpoint, -1 where there is none.
 */
export class MetricsLog {
  private readonly rowsFile: string;
  private readonly tableFile: string;
  private readonly format: RowFormat;
  private readonly files: FileLayer;
  private readonly warn: (what: string) => void;
  private readonly open = new Map<string, OpenFile>();
  private lastStep = -1;
  private rowCount = 0;
  private hash = createHash('sha256'); // of the rows' lines in the table
  /** Why nothing may be appended now; null when it may. */
  private blocked: string | null = null;

  private constructor(
    folder: string,
    columns: MetricsColumns,
    { files = nodeFiles, warn = () => undefined }: MetricsLogOptions,
  ) {
    this.rowsFile = path.join(folder, rowsName);
    this.tableFile = path.join(folder, tableName);
    this.format = new RowFormat(columns);
    this.files = files;
    this.warn = warn;
    this.checkColumns();
  }

  /**
   * Opens the metrics of a run in an existing folder; begins them where there are none. Where there
   * are some, `rewindTo` must come before the first `append`.
   *
   */
  static async open(
    folder: string,
    columns: MetricsColumns,
    options: MetricsLogOptions = {},
  ): Promise<MetricsLog> {
    const log = new MetricsLog(folder, columns, options);
    const found = [log.rowsFile, log.tableFile].map((file) => log.files.status(file));
    const isNew = (await Promise.all(found)).every((status) => status === null);
    if (isNew) await log.rewrite([]);
    else log.blocked = 'it holds rows of an earlier process: call rewindTo first';
    return log;
  }

  /** What a checkpoint remembers of the rows so far. */
  get mark(): MetricsMark {
    return { rows: this.rowCount, sha256: this.hash.copy().digest('hex') };
  }

  /**
   * Appends a row to both files.
   *
   * @throws {MetricsLogError} for an unknown column, a value that is not finite, a lower step.
   * @throws {DiskError} when the disk is full or failing; nothing more is appended then until
   *   `rewindTo` has mended the files.
   */
  async append(row: MetricsRow): Promise<void> {
    if (this.blocked !== null) throw new MetricsLogError(this.rowsFile, this.blocked);
    this.checkRow(row);
    await this.write(this.rowsFile, `${this.format.rowText(row)}\n`);
    await this.write(this.tableFile, `${this.format.tableLine(row)}\n`);
    this.count(row);
  }

  /** Returns once all rows are on the disk. */
  async sync(): Promise<void> {
    for (const [target, file] of this.open) {
      await this.guard(target, 0, () => file.sync());
    }
  }

  /**
   * Drops the rows of steps after `step`, and a last line that was not finished; writes both files anew from what is
   * left. What one file has lost is taken from the other; a damaged file is kept beside its successor.
   *
   * @param step the step of the checkpoint that was restored; -1 drops everything.
   * @returns how many rows are left, for the caller to compare with what it expects.
   * @throws {MetricsLogError} when a row that is to stay has another column.
   */
  async rewindTo(step: number, { isPast = () => true, mark = null }: Rewind = {}): Promise<number> {
    if (!Number.isSafeInteger(step) || step < -1) {
      throw new OptionError({ option: 'step', allowed: 'an integer >= -1', received: step });
    }
    await this.close();
    const stays = (row: MetricsRow): boolean => row.step <= step && isPast(row);
    const table = await this.readTable(stays);
    const rows = await this.readRows(stays, table.isOurs);
    const kept = this.choose(rows, table, mark);
    for (const row of kept) this.checkStored(row);
    for (const stored of [rows, table]) await this.tellMended(stored, kept);
    this.tellLost(rows, kept, mark);
    await this.rewrite(kept);
    this.blocked = null;
    return kept.length;
  }

  /** Closes both files; the log can be appended to again. */
  async close(): Promise<void> {
    const files = [...this.open.values()];
    this.open.clear();
    for (const file of files) await file.close();
  }

  private checkColumns(): void {
    if (new Set(this.format.names).size !== this.format.names.length) {
      throw new MetricsLogError(
        this.tableFile,
        `a column is named twice: ${this.format.names.join(', ')}`,
      );
    }
    const bad = this.format.names.find((column) => column === '' || isForbiddenKey(column));
    if (bad === undefined) return;
    throw new MetricsLogError(this.tableFile, `a column must not be named "${bad}"`);
  }

  private checkRow(row: MetricsRow): void {
    const { step } = row;
    const least = Math.max(0, this.lastStep);
    if (!Number.isSafeInteger(step) || step < least) {
      throw new MetricsLogError(this.rowsFile, `step must be an integer >= ${least}, got ${step}`);
    }
    for (const [column, value] of Object.entries(row)) {
      if (!this.format.names.includes(column)) {
        const known = this.format.names.join(', ');
        throw new MetricsLogError(this.rowsFile, `unknown column "${column}", there are: ${known}`);
      }
      if (typeof value === 'number' && !Number.isFinite(value)) {
        throw new MetricsLogError(this.rowsFile, `${column} must be finite, got ${value}`);
      }
    }
  }

  private async rewrite(rows: readonly MetricsRow[]): Promise<void> {
    const table = [this.format.header, ...rows.map((row) => this.format.tableLine(row))];
    await replaceFile(this.tableFile, Buffer.from(`${table.join('\n')}\n`), this.files);
    const lines = rows.map((row) => `${this.format.rowText(row)}\n`);
    await replaceFile(this.rowsFile, Buffer.from(lines.join('')), this.files);
    this.lastStep = -1;
    this.rowCount = 0;
    this.hash = createHash('sha256');
    for (const row of rows) this.count(row);
  }

  private count(row: MetricsRow): void {
    this.lastStep = row.step;
    this.rowCount++;
    this.hash.update(`${this.format.tableLine(row)}\n`);
  }

  /** @param isOurs whether the columns are known to be ours, so that another one is damage. */
  private async readRows(stays: (row: MetricsRow) => boolean, isOurs: boolean): Promise<Stored> {
    const content = await this.readIfThere(this.rowsFile);
    const found = linesOf(content).map((line) => this.format.parseRow(line, isOurs));
    return { file: this.rowsFile, content, ...sift(found, stays) };
  }

  private async readTable(
    stays: (row: MetricsRow) => boolean,
  ): Promise<Stored & { readonly isOurs: boolean }> {
    const content = await this.readIfThere(this.tableFile);
    const [header, ...lines] = linesOf(content);
    const isOurs = header === this.format.header;
    const found = lines.map((line) => (isOurs ? this.format.parseTableLine(line) : null));
    return { file: this.tableFile, content, isOurs, ...sift(found, stays) };
  }

  private async readIfThere(file: string): Promise<Buffer | null> {
    const isThere = (await this.files.status(file)) !== null;
    return isThere ? this.files.read(file, metricsLimit) : null;
  }

  /** The rows that are to stay: those that the checkpoint remembers, where either file or both together have them. */
  private choose(rows: Stored, table: Stored, mark: MetricsMark | null): readonly MetricsRow[] {
    const merged = mergeRows(rows.rows, table.rows);
    if (mark === null) return rows.content === null || rows.isDamaged ? merged : rows.rows;
    const candidates = [rows.rows, table.rows, merged];
    const isRemembered = (candidate: readonly MetricsRow[]): boolean =>
      candidate.length === mark.rows && this.format.mark(candidate).sha256 === mark.sha256;
    return candidates.find(isRemembered) ?? merged;
  }

  /** Says that a file is written anew, and keeps what it held where that is not just shorter. */
  private async tellMended(
    { file, content, rows, isDamaged, isBroken }: Stored,
    kept: readonly MetricsRow[],
  ): Promise<void> {
    const isPrefix = rows.every((row, index) => this.isSame(row, kept[index]));
    if (isPrefix && rows.length === kept.length && !isBroken) return;
    const name = path.basename(file);
    const found = content === null ? 'is missing' : 'is damaged';
    let what = `${name} ${found}: ${kept.length} rows are written anew`;
    if (content !== null && (isDamaged || !isPrefix)) {
      const copy = await this.freeName(`${file}.damaged`);
      await replaceFile(copy, content, this.files);
      what += `; what it held is in ${path.basename(copy)}`;
    }
    this.warn(what);
  }

  private tellLost(
    { rows: own, isBroken }: Stored,
    kept: readonly MetricsRow[],
    mark: MetricsMark | null,
  ): void {
    const { rows, sha256 } = this.format.mark(kept);
    const lost = mark === null ? 0 : mark.rows - rows;
    if (lost > 0) this.warn(`${lost} of ${mark!.rows} rows of metrics are lost, in both files`);
    else if (mark !== null && sha256 !== mark.sha256) {
      this.warn('the rows of metrics are not those that the checkpoint remembers, in either file');
    } else if (mark === null && isBroken && own.length === kept.length) {
      this.warn(`rows of metrics may be lost: ${rows} could be read`);
    }
  }

  private async freeName(name: string): Promise<string> {
    for (let count = 1; ; count++) {
      const free = count === 1 ? name : `${name}-${count}`;
      if ((await this.files.status(free)) === null) return free;
    }
  }

  private isSame(row: MetricsRow, other: MetricsRow | undefined): boolean {
    return other !== undefined && this.format.tableLine(row) === this.format.tableLine(other);
  }

  private checkStored(row: MetricsRow): void {
    const unknown = Object.keys(row).find((column) => !this.format.names.includes(column));
    if (unknown === undefined) return;
    const known = this.format.names.join(', ');
    throw new MetricsLogError(
      this.rowsFile,
      `holds the column "${unknown}", this run has: ${known}`,
    );
  }

  private async write(target: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await this.guard(target, bytes.byteLength, async () => {
      const file = this.open.get(target) ?? (await this.files.open(target, 'a'));
      this.open.set(target, file);
      await writeAll(file, bytes);
    });
  }

  /** Runs a disk operation; after a failure a line may be torn, so appending is blocked. */
  private async guard(
    target: string,
    bytesNeeded: number,
    action: () => Promise<void>,
  ): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.blocked = 'an earlier write failed: call rewindTo first';
      throw await asDiskError(error, target, bytesNeeded, this.files);
    }
  }
}

/** The whole lines of a file: after the last LF there is a torn one or nothing. */
function linesOf(content: Buffer | null): string[] {
  return content === null ? [] : content.toString().split('\n').slice(0, -1);
}

/** The rows that are to stay, and whether others cannot be read. */
function sift(
  found: readonly (MetricsRow | null)[],
  stays: (row: MetricsRow) => boolean,
): Pick<Stored, 'rows' | 'isDamaged' | 'isBroken'> {
  const last = found.findLastIndex((row) => row !== null && stays(row));
  return {
    rows: found.filter((row) => row !== null).filter(stays),
    isDamaged: found.includes(null),
    isBroken: found.slice(0, last + 1).includes(null),
  };
}
