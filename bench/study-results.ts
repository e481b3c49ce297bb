/** What the runs of the study left on the disk, read and summed up. */
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { studyRuns } from './study-cells';
import type { Cell, StudyRun } from './study-cells';

/** One finished run, all of it of the small network that was exported. */
export interface RunResult {
  /** On the test images, in [0, 1]. */
  readonly accuracy: number;
  readonly macs: number;
  readonly params: number;
  /** Of model.json and its weight file. */
  readonly bytes: number;
  /** Of the same files under gzip; null where the export is gone. */
  readonly gzipBytes: number | null;
  /** Units removed by the last event and units there were; null where nothing was pruned. */
  readonly removed: { readonly removed: number; readonly units: number } | null;
  /** Mean over the events but the first, which has no choice before it to differ from; null without any. */
  readonly churn: number | null;
}

/** The path of a run's result, which is there when the run has ended well. */
export function resultFile(folder: string, { name }: StudyRun): string {
  return path.join(folder, `${name}.json`);
}

/** The finished runs of a folder by cell, in the order of the seeds, and the names of those that are missing. */
export function readResults(folder: string): {
  readonly results: ReadonlyMap<Cell, readonly RunResult[]>;
  readonly missing: readonly string[];
} {
  const results = new Map<Cell, RunResult[]>();
  const missing: string[] = [];
  for (const run of studyRuns) {
    if (!fs.existsSync(resultFile(folder, run))) missing.push(run.name);
    else results.set(run.cell, [...(results.get(run.cell) ?? []), readRun(folder, run)]);
  }
  return { results, missing };
}

type Measures = Pick<RunResult, 'accuracy' | 'macs' | 'params' | 'bytes'>;

function readRun(folder: string, run: StudyRun): RunResult {
  const file = resultFile(folder, run);
  const result = JSON.parse(fs.readFileSync(file, 'utf8')) as {
    readonly exported?: Measures;
    readonly after?: Measures; // what version 0.1.0 called it
  };
  const small = result.exported ?? result.after;
  if (typeof small?.accuracy !== 'number') {
    throw new TypeError(`${file} must hold what train --json prints, with exported.accuracy`);
  }
  const { accuracy, macs, params, bytes } = small;
  const events = readEvents(path.join(folder, run.name, 'metrics.jsonl'));
  const last = events.at(-1);
  return {
    ...{ accuracy, macs, params, bytes },
    gzipBytes: gzipBytesOf(path.join(folder, run.name, 'export')),
    removed: last ? { removed: last.removed, units: last.units } : null,
    churn: meanOf(events.slice(1).flatMap(({ churn }) => churn ?? [])),
  };
}

interface PruningEvent {
  readonly removed: number;
  readonly units: number;
  readonly churn?: number | null;
}

/** The rows of metrics.jsonl that hold a pruning event. */
function readEvents(file: string): PruningEvent[] {
  const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const rows = lines.map((line) => JSON.parse(line) as Partial<PruningEvent>);
  return rows.filter((row): row is PruningEvent => typeof row.removed === 'number');
}

function gzipBytesOf(folder: string): number | null {
  if (!fs.existsSync(folder)) return null;
  const files = fs.readdirSync(folder).filter((name) => /^model\.json$|\.bin$/.test(name));
  return files.reduce(
    (sum, name) => sum + gzipSync(fs.readFileSync(path.join(folder, name))).byteLength,
    0,
  );
}

/** The mean; null of nothing. */
export function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The sample deviation (n - 1); null of fewer than two values. */
export function deviationOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = meanOf(values)!;
  return Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1),
  );
}
