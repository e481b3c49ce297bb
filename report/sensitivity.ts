/** What a sensitivity scan found, as tables, as a plot and as rates to prune by. */
import { formatTable } from './table';
import { linePlot } from './plot';

/** How well a network does. */
export interface Quality {
  /** Mean cross entropy in nats. */
  readonly loss: number;
  /** Top-1, in [0, 1]. */
  readonly accuracy: number;
}

/** The network with one group pruned and all others whole. */
export interface SensitivityPoint extends Quality {
  /** Fraction of the group's units that was asked for. */
  readonly rate: number;
  /** Units that went: a whole number, so that close rates may agree. */
  readonly removed: number;
  /** Multiply-adds and parameters of the network that is left. */
  readonly macs: number;
  readonly params: number;
}

/** A channel group, or the kernel of one layer where single weights go. */
export interface SensitivityGroup {
  readonly id: string;
  /** Layers whose filters or weights it holds; any of them names it in a layer rate. */
  readonly layers: readonly string[];
  /** Filters or weights in it. */
  readonly units: number;
  /** By rate, ascending. */
  readonly points: readonly SensitivityPoint[];
}

/** A finished scan. */
export interface Sensitivity {
  /** Images that each point was measured on. */
  readonly images: number;
  readonly whole: Quality & { readonly macs: number; readonly params: number };
  readonly groups: readonly SensitivityGroup[];
}

/** Points of accuracy that are lost: 100 times the difference of the fractions. */
export function dropOf(whole: Quality, point: Quality): number {
  return 100 * (whole.accuracy - point.accuracy);
}

const columns = [
  ...['group', 'layers', 'rate', 'removed', 'units'],
  ...['loss', 'accuracy', 'drop', 'macs', 'params'],
];

/** The scan as CSV (RFC 4180 with LF): a line for the whole network, then one for each group and rate. */
export function sensitivityCsv({ whole, groups }: Sensitivity): string {
  const lines = groups.flatMap(({ id, layers, units, points }) =>
    points.map((point) => {
      const { rate, removed, loss, accuracy, macs, params } = point;
      const drop = dropOf(whole, point);
      return [id, layers.join(' '), rate, removed, units, loss, accuracy, drop, macs, params];
    }),
  );
  const { loss, accuracy, macs, params } = whole;
  const first = ['', '', 0, 0, '', loss, accuracy, 0, macs, params];
  return [columns, first, ...lines].map((cells) => `${cells.map(csvField).join(',')}\n`).join('');
}

function csvField(cell: string | number): string {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Accuracy against rate as an SVG file, a line for each group, all of them from the whole network on. */
export function sensitivityPlot({ whole, groups, images }: Sensitivity): Promise<string> {
  return linePlot({
    title: `Accuracy with one group pruned (${images} images)`,
    x: 'rate: fraction of the group that is removed',
    y: 'top-1 accuracy (%)',
    legend: 'group',
    series: groups.map(({ id, points }) => ({
      name: id,
      points: [{ rate: 0, accuracy: whole.accuracy }, ...points].map(({ rate, accuracy }) => ({
        x: rate,
        y: 100 * accuracy,
      })),
    })),
  });
}

/**
 * Accuracy in percent, a row for each group and a column for each rate.
 *
 * @param columns of the terminal that it has to fit.
 */
export function sensitivityTable({ whole, groups }: Sensitivity, columns = Infinity): string {
  const rates = groups[0]?.points.map(({ rate }) => rate) ?? [];
  const percent = (accuracy: number): string => (100 * accuracy).toFixed(2);
  const rows = groups.map(({ id, units, points }) => [
    ...[id, units, percent(whole.accuracy)],
    ...points.map(({ accuracy }) => percent(accuracy)),
  ]);
  return formatTable(['group', 'units', '0', ...rates.map(String)], rows, { columns });
}

/**
 * The highest rate of each group up to which no measured point loses more than `tolerance`, by the name of
 * the group's first layer; 0 where the lowest rate loses more already.
 *
 * Groups that share a layer get the lowest of their rates, since a layer has one. Each group was measured
 * with all others whole: pruned together they lose more than each by itself.
 *
 * @param tolerance points of accuracy, 0 or more.
 */
export function tolerableRates(
  { whole, groups }: Sensitivity,
  tolerance: number,
): Record<string, number> {
  const rates = groups.map(({ points }) => {
    const first = points.findIndex((point) => dropOf(whole, point) > tolerance + SLACK);
    return (first < 0 ? points : points.slice(0, first)).at(-1)?.rate ?? 0;
  });
  lowerShared(groups, rates);
  return Object.fromEntries(groups.map(({ layers }, index) => [layers[0]!, rates[index]!]));
}

/** 100 * (0.9 - 0.89) is a little more than 1 in floating point. */
const SLACK = 1e-9;

/** Until nothing changes, since a layer may tie groups that share none with each other. */
function lowerShared(groups: readonly SensitivityGroup[], rates: number[]): void {
  let changed = true;
  while (changed) {
    changed = false;
    const lowest = new Map<string, number>();
    groups.forEach(({ layers }, index) => {
      for (const layer of layers) {
        lowest.set(layer, Math.min(rates[index]!, lowest.get(layer) ?? Infinity));
      }
    });
    groups.forEach(({ layers }, index) => {
      const rate = Math.min(...layers.map((layer) => lowest.get(layer)!));
      changed ||= rate < rates[index]!;
      rates[index] = rate;
    });
  }
}
