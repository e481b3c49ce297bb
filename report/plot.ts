import { OptionError } from '../errors';

/** Plots for people, as SVG text: drawn by Vega in this process, without a browser or a canvas. */
import type { Config, TopLevelSpec } from 'vega-lite' with { 'resolution-mode': 'import' };

/** One point of a plot. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Named points, joined by a line in the order of x. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

/** Lines over a common axis. */
export interface LinePlot {
  readonly title: string;
  /** What the horizontal axis shows, with its unit; `y` likewise. */
  readonly x: string;
  readonly y: string;
  /** Heading of the legend. */
  readonly legend: string;
  /** At least one; all named differently. */
  readonly series: readonly Series[];
}

/**
 * Draws lines with a mark at each point: a colour and a dash for each series.
 *
 * @returns the text of an SVG file.
 * @throws {OptionError} without a series, on a name that comes twice or a value that is not finite.
 */
export function linePlot({ title, x, y, legend, series }: LinePlot): Promise<string> {
  const names = series.map(({ name }) => name);
  checkNames(names);
  const values = series.flatMap(({ name, points }) => points.map((point) => ({ name, ...point })));
  for (const point of values) checkFinite(point.name, [point.x, point.y]);
  const field = { field: 'name', type: 'nominal', title: legend, sort: names } as const;
  return drawPlot({
    title,
    width: 640,
    height: 380,
    data: { values },
    mark: { type: 'line', point: { size: 18 }, strokeWidth: 1.2 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: x },
      y: { field: 'y', type: 'quantitative', title: y, scale: { zero: false } },
      color: { ...field, scale: { scheme: 'tableau20' }, legend: legendOf(names) },
      strokeDash: { ...field, scale: { range: dashes }, legend: legendOf(names) },
    },
  });
}

/** What was measured several times under one name. */
export interface Sample {
  readonly name: string;
  /** At least one. */
  readonly values: readonly number[];
}

/** Samples below each other: every value, and the mean with the deviation around it. */
export interface DotPlot {
  readonly title: string;
  /** What the axis shows, with its unit. */
  readonly x: string;
  /** Default linear; with `log` values are above 0. */
  readonly scale?: 'linear' | 'log';
  /** From top to bottom; all named differently. */
  readonly samples: readonly Sample[];
}

/**
 * Draws a row for each sample: a ring for each value, a dot at the mean and a bar of one sample
 * deviation (n - 1) to either side, which one value alone does not have.
 *
 * @returns the text of an SVG file.
 * @throws {OptionError} as `linePlot`.
 */
export function dotPlot({ title, x, samples, scale = 'linear' }: DotPlot): Promise<string> {
  const names = samples.map(({ name }) => name);
  checkNames(names);
  const values = samples.flatMap(({ name, values }) => values.map((value) => ({ name, value })));
  for (const { name, value } of values) checkFinite(name, [value]);
  const row = { field: 'name', type: 'nominal', title: null, sort: names } as const;
  const along = {
    field: 'value',
    type: 'quantitative',
    title: x,
    scale: { type: scale, zero: false, nice: false, padding: 12 },
  } as const;
  return drawPlot({
    title,
    width: 560,
    height: { step: 30 },
    data: { values },
    encoding: { y: row },
    layer: [
      {
        mark: { type: 'errorbar', extent: 'stdev', rule: { strokeWidth: 2 } },
        encoding: { x: along },
      },
      {
        mark: { type: 'point', filled: true, size: 60, color: 'black' },
        encoding: { x: { ...along, aggregate: 'mean' } },
      },
      { mark: { type: 'point', size: 36, color: '#4c78a8' }, encoding: { x: along } },
    ],
  });
}

/** Vega's default ends with dots so sparse that they are hard to tell from nothing. */
const dashes = [[], [6, 2], [2, 2], [8, 2, 2, 2]];

/** A name for every line, in two columns where one would grow longer than the plot. */
function legendOf(names: readonly string[]): {
  symbolLimit: number;
  symbolType: string;
  columns: number;
} {
  return { symbolLimit: 0, symbolType: 'stroke', columns: names.length > LONGEST_COLUMN ? 2 : 1 };
}

const LONGEST_COLUMN = 22;

const look: Config = {
  background: 'white',
  view: { stroke: null },
  axis: { labelFontSize: 11, titleFontSize: 12, labelLimit: 260 },
  title: { anchor: 'start', fontSize: 14 },
  legend: { labelFontSize: 10, labelLimit: 260 },
};

/** Vega is a megabyte of ES modules: loaded where something is to be drawn. */
async function drawPlot(specification: TopLevelSpec): Promise<string> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const logger = vega.logger(vega.Error);
  const { spec } = compile(specification, { config: look, logger });
  const view = new vega.View(vega.parse(spec), { renderer: 'none', logger });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

function checkNames(names: readonly string[]): void {
  if (names.length === 0)
    throw new OptionError({ option: 'series', allowed: 'one or more', received: 0 });
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new OptionError({
    option: 'series',
    problem: 'must be named differently',
    received: twice,
  });
}

function checkFinite(name: string, values: readonly number[]): void {
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad === undefined) return;
  throw new OptionError({ option: 'values', problem: `of ${name} must be finite`, received: bad });
}
