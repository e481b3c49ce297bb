/** Tables for people, in plain ASCII and without colours, and numbers with their units. */
import Table from 'cli-table3';
import { fitTable } from './fit-table';
import type { Alignment, Column, Fit } from './fit-table';
import { wrapText } from './wrap';

/**
 * A table with a ruled head.
 *
 * @param options.align one per column; by default the first is left and the others are right, as names and figures are.
 * @param options.columns of the terminal that it has to fit; by default it may be of any width.
 * @param options.giveUp heads of the columns that go first where it has not the room.
 * @throws {RangeError} when a row has not as many cells as the head.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  {
    align = head.map((_, column) => (column === 0 ? 'left' : 'right')),
    ...fit
  }: Fit & { readonly align?: readonly Alignment[] } = {},
): string {
  for (const [at, row] of [align, ...rows].entries()) {
    if (row.length === head.length) continue;
    const what = at === 0 ? 'alignments' : `cells in row ${at - 1}`;
    throw new RangeError(
      `a table of ${head.length} columns needs ${head.length} ${what}, got ${row.length}`,
    );
  }
  const table = head.map((name, column): Column => {
    const cells = rows.map((row) => printable(row[column]!));
    return { head: printable(name), cells, align: align[column]! };
  });
  const { parts, givenUp } = fitTable(table, fit);
  return [...parts.map(drawTable), ...noteOf(givenUp, fit.columns)].join('\n');
}

function drawTable(part: readonly Column[]): string {
  const table = new Table({
    head: part.map(({ head }) => head),
    colAligns: part.map(({ align }) => align),
    chars: ASCII_RULES,
    style: { head: [], border: [], compact: true },
  });
  table.push(...part[0]!.cells.map((_, row) => part.map(({ cells }) => cells[row]!)));
  return table.toString();
}

function noteOf(givenUp: readonly string[], columns = Infinity): string[] {
  if (givenUp.length === 0) return [];
  const note = `not shown in ${columns} columns: ${givenUp.join(', ')} (--json has them)`;
  return [wrapText(note, columns)];
}

const ASCII_RULES = {
  top: '-',
  'top-mid': '+',
  'top-left': '+',
  'top-right': '+',
  bottom: '-',
  'bottom-mid': '+',
  'bottom-left': '+',
  'bottom-right': '+',
  left: '|',
  'left-mid': '+',
  mid: '-',
  'mid-mid': '+',
  right: '|',
  'right-mid': '+',
  middle: '|',
};

/** Layer names come from files: what would steer the terminal is shown as `?`. */
function printable(cell: string | number): string {
  return String(cell).replace(/\p{Cc}/gu, '?');
}

/** A count to four digits with a decimal prefix: `269.7 k`. */
export function formatCount(count: number): string {
  return withPrefix(count, '');
}

/** Multiply-adds: `40.55 M MACs`. */
export function formatMacs(macs: number): string {
  return withPrefix(macs, 'MACs');
}

/** Floating-point operations, two for each multiply-add: `81.10 M FLOPs`. */
export function formatFlops(flops: number): string {
  return withPrefix(flops, 'FLOPs');
}

/** Bytes in decimal units, 1 kB = 1000 B: `278.5 kB`. */
export function formatBytes(bytes: number): string {
  return withPrefix(bytes, 'B', '');
}

/** A fraction in [0, 1] as a percentage with two decimals: 0.975 is `97.50 %`. */
export function formatPercent(fraction: number): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(2)} %` : UNKNOWN;
}

/** Milliseconds to about three digits: `0.123 ms`, `12.3 ms`, `1234 ms`. */
export function formatMilliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return UNKNOWN;
  const decimals = [1, 10, 100].filter((limit) => Math.abs(ms) < limit).length;
  return `${ms.toFixed(decimals)} ms`;
}

const UNKNOWN = 'n/a';

function withPrefix(value: number, unit: string, gap = ' '): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const rounded = Number(value.toPrecision(4)); // first, so that 999,999 becomes 1.000 M and not 1000 k
  const step = Math.min(4, Math.floor(Math.log10(Math.max(Math.abs(rounded), 1)) / 3));
  const digits = step === 0 ? String(rounded) : (rounded / 1000 ** step).toPrecision(4);
  const prefix = ['', 'k', 'M', 'G', 'T'][step]!;
  return `${digits} ${prefix}${prefix && unit ? gap : ''}${unit}`.trimEnd();
}

/** What is measured of a network; null where it was not. */
export interface Measures {
  /** Top-1 accuracy, in [0, 1]. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** Multiply-adds of one image; FLOPs are twice as many. */
  readonly macs: number | null;
  readonly params: number | null;
  /** Size of the model's files. */
  readonly bytes: number | null;
  /** Time of one forward pass. */
  readonly latencyMs: number | null;
  /** Sizes of the weights alone, where single weights were removed. */
  readonly weightFile?: WeightFile;
}

/** Bytes of a network's weights: as they are, gzipped, and as the format sparse writes them. */
export interface WeightFile {
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly sparseBytes: number;
}

/**
 * The table of a network before and after pruning, with what changed; where single weights were removed,
 * also that of the files that gain by it.
 *
 * @param options.columns of the terminal that it has to fit.
 */
export function comparisonTable(
  before: Measures,
  after: Measures,
  { columns = Infinity }: Pick<Fit, 'columns'> = {},
): string {
  const rows = measureRows.map(({ label, read, show, change }) => {
    const [old, now] = [read(before), read(after)];
    const cell = (value: number | null): string => (value === null ? UNKNOWN : show(value));
    const changed = old === null || now === null ? UNKNOWN : change(old, now);
    return [label, cell(old), cell(now), changed];
  });
  const table = formatTable(['', 'before', 'after', 'change'], rows, { columns });
  return after.weightFile ? `${table}\n${weightFileTable(after.weightFile, columns)}` : table;
}

function weightFileTable({ bytes, gzipBytes, sparseBytes }: WeightFile, columns: number): string {
  const rows = [
    ['as stock models have them', bytes],
    ['gzipped', gzipBytes],
    ['format sparse', sparseBytes],
  ] as const;
  const table = formatTable(
    ['weights after', 'size', 'share'],
    rows.map(([label, size]) => [label, formatBytes(size), formatPercent(size / bytes)]),
    { columns },
  );
  return `${table}\nfrom single weights a browser gains bytes, not time: it computes with the zeros too`;
}

interface MeasureRow {
  readonly label: string;
  readonly read: (measures: Measures) => number | null;
  readonly show: (value: number) => string;
  readonly change: (before: number, after: number) => string;
}

const measureRows: readonly MeasureRow[] = [
  {
    label: 'accuracy (top-1)',
    read: ({ accuracy }) => accuracy,
    show: formatPercent,
    change: (before, after) => `${writeSigned((after - before) * 100, 2)} points`,
  },
  {
    label: 'loss',
    read: ({ loss }) => loss,
    show: (loss) => loss.toFixed(4),
    change: (before, after) => writeSigned(after - before, 4),
  },
  { label: 'MACs', read: ({ macs }) => macs, show: formatMacs, change: relative },
  {
    label: 'FLOPs (2 x MACs)',
    read: ({ macs }) => (macs === null ? null : 2 * macs),
    show: formatFlops,
    change: relative,
  },
  { label: 'parameters', read: ({ params }) => params, show: formatCount, change: relative },
  { label: 'size', read: ({ bytes }) => bytes, show: formatBytes, change: relative },
  {
    label: 'latency',
    read: ({ latencyMs }) => latencyMs,
    show: formatMilliseconds,
    change: relative,
  },
];

function relative(before: number, after: number): string {
  return before === 0 ? UNKNOWN : `${writeSigned((after / before - 1) * 100, 1)} %`;
}

/** A difference with its sign; what rounds to nothing has none. */
function writeSigned(difference: number, decimals: number): string {
  if (!Number.isFinite(difference)) return UNKNOWN;
  const size = Math.abs(difference).toFixed(decimals);
  const sign = difference > 0 ? '+' : '-';
  return Number(size) === 0 ? size : sign + size;
}
