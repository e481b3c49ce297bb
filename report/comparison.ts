/** The table of a network at the moments of its life: before anything was removed, masked, handed over. */
import type { Fit } from './fit-table';
import {
  formatBytes,
  formatCount,
  formatMilliseconds,
  formatPercent,
  formatTable,
  UNKNOWN,
} from './table';

/** Times of one forward pass in milliseconds. */
export interface LatencyMeasure {
  readonly median: number;
  /** Distance between the first and the third quartile. */
  readonly spread: number;
  readonly runs: number;
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
  readonly latency: LatencyMeasure | null;
  /** Sizes of the weights alone, where single weights were removed. */
  readonly weightFile?: WeightFile;
}

/** Bytes of a network's weights: as they are, gzipped, and as the format sparse writes them. */
export interface WeightFile {
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly sparseBytes: number;
}

/** A network with the head of its column; null where there is nothing to show. */
export interface ComparedNetwork {
  readonly name: string;
  readonly measures: Measures | null;
}

/**
 * The table of networks side by side, with what changed from the first that was measured to the last; where single weights
 * were removed from that, also the table of the files that gain by it.
 *
 * @param options.columns of the terminal that it has to fit.
 */
export function comparisonTable(
  networks: readonly ComparedNetwork[],
  { columns = Infinity }: Pick<Fit, 'columns'> = {},
): string {
  const measured = networks.flatMap(({ measures }) => measures ?? []);
  const [first, last] = [measured[0], measured.at(-1)];
  const rows = measureRows.map(({ label, show, change }) => [
    label,
    ...networks.map(({ measures }) => (measures && show(measures)) ?? UNKNOWN),
    (first && last && change(first, last)) ?? UNKNOWN,
  ]);
  const head = ['', ...networks.map(({ name }) => name), 'change'];
  const table = formatTable(head, rows, { columns });
  return last?.weightFile ? `${table}\n${weightFileTable(last.weightFile, columns)}` : table;
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

/** How a row reads and shows its figure, and what of it changed; null where it was not measured. */
interface MeasureRow {
  readonly label: string;
  readonly show: (measures: Measures) => string | null;
  readonly change: (before: Measures, after: Measures) => string | null;
}

const measureRows: readonly MeasureRow[] = [
  rowOf(
    'accuracy (top-1)',
    ({ accuracy }) => accuracy,
    formatPercent,
    (before, after) => `${writeSigned((after - before) * 100, 2)} points`,
  ),
  rowOf(
    'loss',
    ({ loss }) => loss,
    (loss) => loss.toFixed(4),
    (before, after) => writeSigned(after - before, 4),
  ),
  rowOf('MACs', ({ macs }) => macs, formatCount),
  rowOf('FLOPs (2 x MACs)', ({ macs }) => (macs === null ? null : 2 * macs), formatCount),
  rowOf('parameters', ({ params }) => params, formatCount),
  rowOf('size', ({ bytes }) => bytes, formatBytes),
  {
    label: 'latency (ms)',
    show: ({ latency }) => latency && showLatency(latency),
    change: ({ latency: before }, { latency: after }) =>
      before && after && compareLatency(before, after),
  },
];

/** The row of a single figure. */
function rowOf(
  label: string,
  read: (measures: Measures) => number | null,
  show: (value: number) => string,
  change: (before: number, after: number) => string = relative,
): MeasureRow {
  return {
    label,
    show: (measures) => {
      const value = read(measures);
      return value === null ? null : show(value);
    },
    change: (first, last) => {
      const [before, after] = [read(first), read(last)];
      return before === null || after === null ? null : change(before, after);
    },
  };
}

/** `7.01+/-0.20`: the median, and how far the middle half of the runs lies apart. Short, so that three fit a terminal. */
function showLatency({ median, spread }: LatencyMeasure): string {
  const shown = formatMilliseconds(median).replace(' ms', '');
  return `${shown}+/-${spread.toFixed(shown.split('.')[1]?.length ?? 0)}`;
}

/** What lies within the spread of either is no difference. */
function compareLatency(before: LatencyMeasure, after: LatencyMeasure): string {
  const isWithin = Math.abs(after.median - before.median) <= Math.max(before.spread, after.spread);
  return isWithin ? 'same' : relative(before.median, after.median);
}

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
