/** What a run measures as it goes, as a row of its metrics.csv. */
import { real, text, whole } from '../files';
import type { MetricsColumns, MetricsRow } from '../files/run/metrics-log';
import type { Evaluation } from './accuracy';
import type { PruningEvent } from './pruning-event';

const share = real({ from: 0, to: 1 });
const size = real({ from: 0 });

/** The columns after `step`, and what they may hold. */
export const metricsColumns: MetricsColumns = {
  epoch: whole(),
  learning_rate: size,
  train_loss: real(),
  val_loss: real(),
  val_top1: share,
  val_top5: share,
  masked_loss: real(),
  masked_top1: share,
  masked_top5: share,
  removed: whole(),
  units: whole(),
  churn: share,
  rate: share,
  held: whole(),
  kept: text(),
  norm_min: size,
  norm_mean: size,
  norm_max: size,
  norm_deviation: size,
  norm_relative_deviation: size,
  norm_relative_min: size,
};

/** When something was measured. */
interface Moment {
  readonly step: number;
  readonly epoch: number;
}

/** The row of an epoch. */
export function epochRow(
  { step, epoch }: Moment,
  { trainLoss, learningRate }: { readonly trainLoss: number; readonly learningRate: number },
  measured: {
    readonly pruning: PruningEvent | null;
    readonly whole: Evaluation;
    readonly masked: Evaluation | null;
  },
): MetricsRow {
  return {
    step,
    epoch,
    learning_rate: learningRate,
    train_loss: trainLoss,
    ...evaluationColumns('val', measured.whole),
    ...evaluationColumns('masked', measured.masked),
    ...eventColumns(measured.pruning),
  };
}

/** The row of an event outside the end of an epoch, which has no losses. */
export function pruningRow({ step, epoch }: Moment, pruning: PruningEvent): MetricsRow {
  return { step, epoch, ...eventColumns(pruning) };
}

/** Whether a row is of an event outside the end of an epoch. */
export function isPruningRow({ train_loss: trainLoss }: MetricsRow): boolean {
  return trainLoss === undefined || trainLoss === null;
}

/** `val_loss`, `val_top1`, `val_top5`; no columns where nothing was measured. */
function evaluationColumns(prefix: string, evaluation: Evaluation | null): Record<string, number> {
  if (!evaluation) return {};
  const { loss, top1, top5 } = evaluation;
  return { [`${prefix}_loss`]: loss, [`${prefix}_top1`]: top1, [`${prefix}_top5`]: top5 };
}

/** An event as columns; none without one. */
function eventColumns(event: PruningEvent | null): Record<string, number | string> {
  if (!event) return {};
  const { norms, ...columns } = event;
  if (!norms) return columns;
  return {
    ...columns,
    norm_min: norms.min,
    norm_mean: norms.mean,
    norm_max: norms.max,
    norm_deviation: norms.deviation,
    norm_relative_deviation: norms.relativeDeviation,
    norm_relative_min: norms.relativeMin,
  };
}
