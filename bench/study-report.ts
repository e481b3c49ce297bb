/** The study as a part of docs/results.md and as a plot. */
import { dotPlot } from '../report/plot';
import { formatBytes, formatCount } from '../report/table';
import { cells, DENSE, RANDOM, seeds, studyRuns, trainArguments } from './study-cells';
import type { Cell } from './study-cells';
import { deviationOf, meanOf } from './study-results';
import type { RunResult } from './study-results';

type Results = ReadonlyMap<Cell, readonly RunResult[]>;

/** Between these lines of the document the study writes; the rest is written by hand. */
export const MARKERS = ['<!-- study: begin -->', '<!-- study: end -->'] as const;

/**
 * The document with what lies between its markers written anew.
 *
 * @throws {RangeError} when it has not both markers, in this order.
 */
export function withStudy(document: string, text: string): string {
  const [begin, end] = MARKERS.map((marker) => document.indexOf(marker)) as [number, number];
  if (begin < 0 || end < begin) {
    throw new RangeError(`the document must hold the lines ${MARKERS.join(' and ')}`);
  }
  return `${document.slice(0, begin + MARKERS[0].length)}\n${text}\n${document.slice(end)}`;
}

/** What lies between the markers: table, verdicts, missing runs, commands. */
export function studyText(results: Results, missing: readonly string[]): string {
  const parts = [
    '<!-- prettier-ignore-start -->',
    table(results),
    ...verdicts(results),
    ...(missing.length > 0 ? [`Not finished, and left out above: ${missing.join(', ')}.`] : []),
    `The commands, with seeds ${seeds.join(', ')}:`,
    ['```', ...commands(), '```'].join('\n'),
    '<!-- prettier-ignore-end -->',
  ];
  return `\n${parts.join('\n\n')}\n`;
}

/** Test error of every run as SVG, on a logarithmic axis; null where no run is finished. */
export async function studyPlot(results: Results): Promise<string | null> {
  const samples = cells.flatMap(({ name, title }) => {
    const values = accuraciesOf(results, name).map((accuracy) => 100 - accuracy);
    return values.length === 0 ? [] : [{ name: title, values }];
  });
  if (samples.length === 0) return null;
  const title = 'ResNet-20 on Fashion-MNIST: each run, mean and deviation';
  return dotPlot({ title, x: 'test error of the exported network (%)', scale: 'log', samples });
}

const heads = [
  ...['cell', 'runs', 'accuracy (%)', 'to dense', 'removed', 'MACs', 'parameters'],
  ...['bytes', 'gzip', 'churn'],
];

function table(results: Results): string {
  const rows = cells.flatMap((cell) => {
    const runs = results.get(cell) ?? [];
    return runs.length === 0 ? [] : [rowOf(cell, runs, results)];
  });
  const rule = heads.map((_, index) => (index === 0 ? '---' : '--:'));
  return [heads, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function rowOf(
  { name, title, unit }: Cell,
  runs: readonly RunResult[],
  results: Results,
): string[] {
  const accuracies = accuraciesOf(results, name);
  const dense = meanOf(accuraciesOf(results, DENSE));
  const [mean, deviation] = [meanOf(accuracies)!, deviationOf(accuracies)];
  const average = (read: (run: RunResult) => number | null): number | null =>
    meanOf(runs.flatMap((run) => read(run) ?? []));
  const shown = (value: number | null, show: (value: number) => string): string =>
    value === null ? '' : show(value);
  const { removed } = runs[0]!;
  return [
    `\`${name}\`: ${title}`,
    String(runs.length),
    deviation === null ? mean.toFixed(2) : `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`,
    name === DENSE ? '' : shown(dense, (whole) => sign(mean - whole)),
    removed === null ? '0' : `${removed.removed} of ${removed.units} ${unit}`,
    shown(
      average(({ macs }) => macs),
      formatCount,
    ),
    shown(
      average(({ params }) => params),
      formatCount,
    ),
    shown(
      average(({ bytes }) => bytes),
      formatBytes,
    ),
    shown(
      average(({ gzipBytes }) => gzipBytes),
      formatBytes,
    ),
    shown(
      average(({ churn }) => churn),
      (churn) => `${(100 * churn).toFixed(1)} %`,
    ),
  ];
}

/** In percent, one for each run. */
function accuraciesOf(results: Results, name: string): number[] {
  const cell = cells.find((each) => each.name === name)!;
  return (results.get(cell) ?? []).map(({ accuracy }) => 100 * accuracy);
}

/** Standard errors that two means must differ by to be called different. */
const ERRORS = 2;

function verdicts(results: Results): string[] {
  const random = accuraciesOf(results, RANDOM);
  const rule =
    `A method beats the random choice of as many filters where its mean is higher by more than ${ERRORS} ` +
    `standard errors of the difference, sqrt(s1^2 / n1 + s2^2 / n2), and loses where it is lower by as much.`;
  const lines = cells
    .filter(({ isRival }) => isRival)
    .map(({ name }) => `- \`${name}\`: ${verdict(accuraciesOf(results, name), random)}.`);
  return [rule, lines.join('\n')];
}

/** Whether a sample of accuracies beats the other one, in words and points. */
export function verdict(own: readonly number[], random: readonly number[]): string {
  const [s1, s2] = [deviationOf(own), deviationOf(random)];
  if (s1 === null || s2 === null) return 'no verdict, which takes two runs of both';
  const difference = meanOf(own)! - meanOf(random)!;
  const error = Math.sqrt(s1 ** 2 / own.length + s2 ** 2 / random.length);
  const facts = `${sign(difference)} points, standard error ${error.toFixed(2)}`;
  if (difference > ERRORS * error) return `beats random (${facts})`;
  if (difference < -ERRORS * error) return `loses to random (${facts})`;
  return `does not beat random; no difference that these runs could show (${facts})`;
}

function sign(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`;
}

function commands(): string[] {
  return studyRuns
    .filter(({ seed }) => seed === seeds[0])
    .map((run) => {
      const words = trainArguments(run, 'runs/study').join(' ');
      return `npx ts-node run.ts ${words.replace(`--seed ${run.seed}`, '--seed S').replace(/_s\d+$/, '_sS')}`;
    });
}
