/**
 * The numbers of a run, as metrics.jsonl and metrics.csv.
 *
 * The metrics depend on the training alone: times belong in the event log. So the two files of a run
 * that was killed and resumed are, byte for byte, those of a run that never stopped.
 */

import * as path from 'node:path';
import { OptionError, SecateurError } from '../../errors';
import type { FileLayer, OpenFile } from '../file-layer';
import type { JsonValue } from '../json';
import { asDiskError } from '../disk-error';
import { nodeFiles } from '../file-layer';
import { isForbiddenKey, isJsonObject } from '../json';
import { replaceFile, writeAll } from '../write';

/** One line of metrics; a column that is absent or null is empty in the CSV file. */
export interface MetricsRow {
  /** The step that the row belongs to, at least 0; never lower than that of the row before. */
  readonly step: number;
  readonly [column: string]: number | string | boolean | null;
}

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
  private readonly columns: readonly string[];
  private readonly files: FileLayer;
  private readonly open = new Map<string, OpenFile>();
  private lastStep = -1;
  /** Why nothing may be appended now; null when it may. */
  private blocked: string | null = null;

  private constructor(folder: string, columns: readonly string[], files: FileLayer) {
    this.rowsFile = path.join(folder, rowsName);
    this.tableFile = path.join(folder, tableName);
    this.columns = ['step', ...columns.filter((column) => column !== 'step')];
    this.files = files;
    this.checkColumns();
  }

  /**
   * Opens the metrics of a run in an existing folder; begins them where there are none. Where there
   * are some, `rewindTo` must come before the first `append`.
   *
   * @param columns names after `step`, in the order of the CSV file.
   */
  static async open(
    folder: string,
    columns: readonly string[],
    options: { readonly files?: FileLayer } = {},
  ): Promise<MetricsLog> {
    const log = new MetricsLog(folder, columns, options.files ?? nodeFiles);
    if ((await log.files.status(log.rowsFile)) === null) await log.rewrite([]);
    else log.blocked = 'it holds rows of an earlier process: call rewindTo first';
    return log;
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
    await this.write(this.rowsFile, `${this.rowText(row)}\n`);
    await this.write(this.tableFile, `${this.tableLine(row)}\n`);
    this.lastStep = row.step;
  }

  /** Returns once all rows are on the disk. */
  async sync(): Promise<void> {
    for (const [target, file] of this.open) {
      await this.guard(target, 0, () => file.sync());
    }
  }

  /**
   * Drops the rows of steps after `step`, and a last line that was not finished; writes the CSV file
   * anew from what is left.
   *
   * @param step the step of the checkpoint that was restored; -1 drops everything.
   * @param isPast whether a row up to that step is of what the checkpoint holds. Default all are.
   * @returns how many rows are left, for the caller to compare with what it expects.
   * @throws {MetricsLogError} when a line that is to stay is damaged, or has another column.
   */
  async rewindTo(step: number, isPast: (row: MetricsRow) => boolean = () => true): Promise<number> {
    if (!Number.isSafeInteger(step) || step < -1) {
      throw new OptionError({ option: 'step', allowed: 'an integer >= -1', received: step });
    }
    await this.close();
    const content = await this.files.read(this.rowsFile, metricsLimit);
    const rows = this.keptRows(content, (row) => row.step <= step && isPast(row));
    await this.rewrite(rows);
    this.blocked = null;
    return rows.length;
  }

  /** Closes both files; the log can be appended to again. */
  async close(): Promise<void> {
    const files = [...this.open.values()];
    this.open.clear();
    for (const file of files) await file.close();
  }

  private checkColumns(): void {
    if (new Set(this.columns).size !== this.columns.length) {
      throw new MetricsLogError(
        this.tableFile,
        `a column is named twice: ${this.columns.join(', ')}`,
      );
    }
    const bad = this.columns.find((column) => column === '' || isForbiddenKey(column));
    if (bad === undefined) return;
    throw new MetricsLogError(this.tableFile, `a column must not be named "${bad}"`);
  }

  private checkRow(row: MetricsRow): void {
    const { step } = row;
    if (!Number.isSafeInteger(step) || step < Math.max(0, this.lastStep)) {
      const least = Math.max(0, this.lastStep);
      throw new MetricsLogError(this.rowsFile, `step must be an integer >= ${least}, got ${step}`);
    }
    for (const [column, value] of Object.entries(row)) {
      if (!this.columns.includes(column)) {
        const known = this.columns.join(', ');
        throw new MetricsLogError(this.rowsFile, `unknown column "${column}", there are: ${known}`);
      }
      if (typeof value === 'number' && !Number.isFinite(value)) {
        throw new MetricsLogError(this.rowsFile, `${column} must be finite, got ${value}`);
      }
    }
  }

  /** A row as JSON, its columns in the order of the table. */
  private rowText(row: MetricsRow): string {
    const present = this.columns.filter((column) => row[column] !== undefined);
    return JSON.stringify(Object.fromEntries(present.map((column) => [column, row[column]])));
  }

  private tableLine(row: Readonly<Record<string, MetricsRow[string] | undefined>>): string {
    return this.columns.map((column) => csvField(row[column])).join(',');
  }

  private async rewrite(rows: readonly MetricsRow[]): Promise<void> {
    const header = this.columns.map(csvField).join(',');
    const table = [header, ...rows.map((row) => this.tableLine(row))];
    // The rows last: `open` takes their file as the sign that there are both.
    await replaceFile(this.tableFile, Buffer.from(`${table.join('\n')}\n`), this.files);
    const lines = rows.map((row) => `${this.rowText(row)}\n`);
    await replaceFile(this.rowsFile, Buffer.from(lines.join('')), this.files);
    this.lastStep = rows.at(-1)?.step ?? -1;
  }

  /**
   * The rows that are to stay. After a power cut the end of the file can hold anything, so what cannot be
   * read is dropped with all that follows, unless a row that must stay comes after it.
   */
  private keptRows(content: Buffer, stays: (row: MetricsRow) => boolean): MetricsRow[] {
    const lines = content.toString().split('\n').slice(0, -1); // after the last LF: torn or nothing
    const rows: MetricsRow[] = [];
    let damaged: number | null = null;
    for (const [index, line] of lines.entries()) {
      const row = this.parseRow(line);
      if (row === null) damaged ??= index + 1;
      else if (!stays(row)) continue;
      else if (damaged === null) rows.push(row);
      else throw new MetricsLogError(this.rowsFile, `line ${damaged} is damaged`);
    }
    for (const row of rows) this.checkStored(row);
    return rows;
  }

  private parseRow(line: string): MetricsRow | null {
    try {
      const value = JSON.parse(line) as JsonValue;
      if (!isJsonObject(value) || !Number.isSafeInteger(value.step)) return null;
      const isFlat = Object.values(value).every(
        (cell) => cell === null || typeof cell !== 'object',
      );
      return isFlat ? (value as unknown as MetricsRow) : null;
    } catch {
      return null;
    }
  }

  private checkStored(row: MetricsRow): void {
    const unknown = Object.keys(row).find((column) => !this.columns.includes(column));
    if (unknown === undefined) return;
    const known = this.columns.join(', ');
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

/** A field of a CSV line, quoted where RFC 4180 asks for it; lines end in LF, not CR LF. */
function csvField(value: number | string | boolean | null | undefined): string {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
