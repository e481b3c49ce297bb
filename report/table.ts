/** Tables for people, in plain ASCII and without colours, and numbers with their units. */
import Table from 'cli-table3';
import { fitTable } from './fit-table';
import type { Alignment, Column, Fit } from './fit-table';
import { toPrintable } from './printable';
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
    const cells = rows.map((row) => toPrintable(String(row[column]!), { isLine: true }));
    return { head: toPrintable(name, { isLine: true }), cells, align: align[column]! };
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
  const note = `not shown in ${columns} columns: ${givenUp.join(', ')} (JSON has them)`;
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

/** A count to four digits with a decimal prefix: `269.7 k`. */
export function formatCount(count: number): string {
  return withPrefix(count, '');
}

/** Multiply-adds: `40.55 M MACs`. */
export function formatMacs(macs: number): string {
  return withPrefix(macs, 'MACs');
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

/** What stands for a figure that there is not. */
export const UNKNOWN = 'n/a';

function withPrefix(value: number, unit: string, gap = ' '): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const rounded = Number(value.toPrecision(4)); // first, so that 999,999 becomes 1.000 M and not 1000 k
  const step = Math.min(4, Math.floor(Math.log10(Math.max(Math.abs(rounded), 1)) / 3));
  const digits = step === 0 ? String(rounded) : (rounded / 1000 ** step).toPrecision(4);
  const prefix = ['', 'k', 'M', 'G', 'T'][step]!;
  return `${digits} ${prefix}${prefix && unit ? gap : ''}${unit}`.trimEnd();
}

/** A difference of rounding for people, to two digits: `2.0e-6`, `0.013`, `0`. */
export function formatDifference(difference: number): string {
  if (!Number.isFinite(difference)) return UNKNOWN;
  if (difference === 0) return '0';
  const isSmall = Math.abs(difference) < 1e-3;
  return isSmall ? difference.toExponential(1) : String(Number(difference.toPrecision(3)));
}
