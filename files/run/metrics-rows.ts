import { createHash } from 'node:crypto';
import type { JsonValue } from '../json';
import { isJsonObject } from '../json';
import { MalformedFileError } from '../malformed-file-error';
import type { Shape } from '../shape';
import { whole } from '../shape';
import type { MetricsMark } from './training-record';

/** What a column holds in a row. */
export type MetricsCell = number | string | boolean | null;

/** One line of metrics; a column that is absent or null is empty in the CSV file. */
export interface MetricsRow {
  /** The step that the row belongs to, at least 0; never lower than that of the row before. */
  readonly step: number;
  readonly [column: string]: MetricsCell;
}

/** The columns after `step` in the order of the CSV file: their names, or by name what they may hold. */
export type MetricsColumns = readonly string[] | Readonly<Record<string, Shape<MetricsCell>>>;

/** How rows are written as JSON and as lines of a table, and read back from either. */
export class RowFormat {
  /** The columns, `step` first. */
  readonly names: readonly string[];
  private readonly shapes: ReadonlyMap<string, Shape<MetricsCell>>;

  constructor(columns: MetricsColumns) {
    const given: readonly (readonly [string, Shape<MetricsCell>])[] = isList(columns)
      ? columns.map((name) => [name, cell] as const)
      : Object.entries(columns);
    const others = given.filter(([name]) => name !== 'step');
    this.names = ['step', ...others.map(([name]) => name)];
    this.shapes = new Map([['step', whole()], ...others]);
  }

  /** The first line of the table. */
  get header(): string {
    return this.names.map(csvField).join(',');
  }

  /** A row as JSON, its columns in the order of the table. */
  rowText(row: MetricsRow): string {
    const present = this.names.filter((column) => row[column] !== undefined);
    return JSON.stringify(Object.fromEntries(present.map((column) => [column, row[column]])));
  }

  /** A row as a line of the table. */
  tableLine(row: MetricsRow): string {
    return this.names.map((column) => csvField(row[column])).join(',');
  }

  /**
   * The row of a line of JSON; null where it cannot be one.
   *
   * @param isOurs whether another column than ours is damage too; else it is for the caller to judge.
   */
  parseRow(line: string, isOurs = false): MetricsRow | null {
    try {
      const value = JSON.parse(line) as JsonValue;
      if (!isJsonObject(value) || value.step === undefined) return null;
      for (const [column, part] of Object.entries(value)) {
        if (isOurs && !this.shapes.has(column)) return null;
        this.read(column, part);
      }
      return value as unknown as MetricsRow;
    } catch {
      return null;
    }
  }

  /** The row of a line of the table; null where it cannot be one, as where a field holds the end of a line. */
  parseTableLine(line: string): MetricsRow | null {
    const fields = splitLine(line);
    if (fields?.length !== this.names.length) return null;
    const cells = fields.map((field, index) => this.cellOf(this.names[index]!, field));
    if (cells.includes(undefined) || cells[0] === null) return null;
    const present = cells.flatMap((value, index) =>
      value === null ? [] : [[this.names[index]!, value!] as const],
    );
    return Object.fromEntries(present) as unknown as MetricsRow;
  }

  /** What a checkpoint remembers of the rows so far. */
  mark(rows: readonly MetricsRow[]): MetricsMark {
    const sha256 = createHash('sha256');
    for (const row of rows) sha256.update(`${this.tableLine(row)}\n`);
    return { rows: rows.length, sha256: sha256.digest('hex') };
  }

  /** What a field of the table stands for; undefined where the column cannot hold it. */
  private cellOf(column: string, field: string): MetricsCell | undefined {
    if (field === '') return null;
    const number = Number(field);
    const readings = [...(String(number) === field ? [number] : []), field === 'true', field];
    const isBoolean = field === 'true' || field === 'false';
    return readings.find(
      (reading) => (typeof reading !== 'boolean' || isBoolean) && this.accepts(column, reading),
    );
  }

  private accepts(column: string, value: MetricsCell): boolean {
    try {
      this.read(column, value);
      return true;
    } catch {
      return false;
    }
  }

  private read(column: string, value: JsonValue | undefined): void {
    if (value !== null) (this.shapes.get(column) ?? cell)(value, { file: '', key: column });
  }
}

/**
 * The rows of two files that were written as one, as far as either still has them: of each step those of the file that
 * has more of them, of equals the first's.
 */
export function mergeRows(
  some: readonly MetricsRow[],
  others: readonly MetricsRow[],
): MetricsRow[] {
  const steps = new Set([...some, ...others].map(({ step }) => step));
  return [...steps]
    .sort((one, other) => one - other)
    .flatMap((step) => {
      const [mine, theirs] = [some, others].map((rows) => rows.filter((row) => row.step === step));
      return mine!.length >= theirs!.length ? mine! : theirs!;
    });
}

const cell: Shape<MetricsCell> = (value, { file, key }) => {
  if (value !== undefined && (value === null || typeof value !== 'object')) return value;
  throw new MalformedFileError(file, `${key} must be a number, text, true or false`);
};

function isList(columns: MetricsColumns): columns is readonly string[] {
  return Array.isArray(columns);
}

/** A field of a CSV line, quoted where RFC 4180 asks for it; lines end in LF, not CR LF. */
function csvField(value: MetricsCell | undefined): string {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The fields of a CSV line; null where its quotes do not fit. */
function splitLine(line: string): string[] | null {
  const fields: string[] = [];
  for (let rest = `${line},`; rest !== '';) {
    const [all, quoted, plain] = /^(?:"((?:[^"]|"")*)"|([^",]*)),/.exec(rest) ?? [];
    if (all === undefined) return null;
    fields.push(quoted?.replaceAll('""', '"') ?? plain!);
    rest = rest.slice(all.length);
  }
  return fields;
}
