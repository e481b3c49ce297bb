/**
 * How a table fits a terminal. What gives way, in this order: heads take more lines; columns that the table can do
 * without go, one by one; texts are wrapped, and words in them shortened in the middle; the columns that still have
 * no room go into further tables below, each with the first column.
 */
import { shortenMiddle, widthOf, wrapWords } from './wrap';

/** Where the cells of a column stand. */
export type Alignment = 'left' | 'right';

/** One column: its head, its cells and where they stand. */
export interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly align: Alignment;
}

/** What a table may do to fit. */
export interface Fit {
  /** Of the terminal. Default Infinity, where nothing gives way */
  readonly columns?: number;
  /** Heads of the columns that the table can do without, the first to go first. Default none */
  readonly giveUp?: readonly string[];
}

/** A table as it fits, in one or several parts. */
export interface FittedTable {
  readonly parts: readonly (readonly Column[])[];
  /** The heads of the columns that are not shown. */
  readonly givenUp: readonly string[];
}

/** Below this a text is not narrowed. */
const NARROWEST_TEXT = 10;

/** Fits a table of at least one column into the columns of a terminal. */
export function fitTable(
  table: readonly Column[],
  { columns = Infinity, giveUp = [] }: Fit = {},
): FittedTable {
  let kept = table;
  const givenUp: string[] = [];
  for (const head of giveUp) {
    if (totalWidth(kept.map(headless)) <= columns) break;
    kept = kept.filter((column) => column.head !== head);
    givenUp.push(head);
  }
  const parts = partsOf(kept, columns).map((part) => narrow(part, columns));
  return { parts, givenUp };
}

/** Columns of a table: a border, and a border and two spaces for each of its columns. */
function totalWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + 3, 1);
}

/** Width of a column in one line a cell. */
function natural({ head, cells }: Column): number {
  return Math.max(...[head, ...cells].map(widthOf));
}

/** Width of a column whose head is wrapped. */
function headless({ head, cells }: Column): number {
  return Math.max(...[...head.split(' '), ...cells].map(widthOf));
}

/** Width that a column does not fall below. */
function narrowest(column: Column): number {
  return column.align === 'left' ? Math.min(headless(column), NARROWEST_TEXT) : headless(column);
}

/** The table in one part where it can be narrowed enough, else the columns after the first in several. */
function partsOf([first, ...others]: readonly Column[], columns: number): Column[][] {
  const parts: Column[][] = [];
  let part = [first!];
  for (const column of others) {
    const isFull = totalWidth([...part, column].map(narrowest)) > columns;
    if (isFull && part.length > 1) {
      parts.push(part);
      part = [first!];
    }
    part.push(column);
  }
  return [...parts, part];
}

/** The columns with their cells wrapped to widths that fit, the widest text first. */
function narrow(part: readonly Column[], columns: number): Column[] {
  const widths = part.map(natural);
  if (totalWidth(widths) <= columns) return [...part];
  part.forEach((column, at) => (widths[at] = headless(column)));
  const isText = (at: number): boolean => widths[at]! > narrowest(part[at]!);
  while (totalWidth(widths) > columns) {
    const texts = widths.map((_, at) => at).filter(isText);
    if (texts.length === 0) break;
    const widest = Math.max(...texts.map((at) => widths[at]!));
    const at = texts.find((text) => widths[text] === widest)!;
    widths[at] = widest - 1;
  }
  return part.map(({ head, cells, align }, at) => ({
    align,
    head: wrapCell(head, widths[at]!),
    cells: cells.map((cell) => wrapCell(cell, widths[at]!)),
  }));
}

function wrapCell(cell: string, width: number): string {
  if (widthOf(cell) <= width) return cell;
  return wrapWords(cell, width)
    .map((line) => shortenMiddle(line, width))
    .join('\n');
}
