import type { MetricsLog, MetricsRow } from '../files/run/metrics-log';
import type { Evaluation } from '../measure/accuracy';
import type { EpochEnd } from './events';
import type { Position } from './position';
import { eventColumnNames, eventColumns } from './pruning/pruning-event';
import type { PruningEvent } from './pruning/pruning-event';

/** The columns of metrics.csv after `step`. */
export const metricsColumns: readonly string[] = [
  ...['epoch', 'learning_rate', 'train_loss', 'val_loss', 'val_top1', 'val_top5'],
  ...['masked_loss', 'masked_top1', 'masked_top5'],
  ...eventColumnNames,
];

/** The row of an epoch. */
export function epochRow(
  { step, epoch }: Pick<Position, 'step' | 'epoch'>,
  { trainLoss, learningRate }: { readonly trainLoss: number; readonly learningRate: number },
  { pruning, whole, masked }: EpochEnd,
): MetricsRow {
  return {
    step,
    epoch,
    learning_rate: learningRate,
    train_loss: trainLoss,
    ...evaluationColumns('val', whole),
    ...evaluationColumns('masked', masked),
    ...eventColumns(pruning),
  };
}

/** The row of an event outside the end of an epoch, which has no losses. */
export function pruningRow({ step, epoch }: Position, pruning: PruningEvent): MetricsRow {
  return { step, epoch, ...eventColumns(pruning) };
}

/** Drops the rows of what is done again from a position on. */
export async function rewindMetrics(metrics: MetricsLog, position: Position): Promise<void> {
  // The end of an epoch comes after the events of its last step and is done again on its own.
  const isPast = ({ epoch, train_loss: trainLoss }: MetricsRow): boolean =>
    isPruningRow(trainLoss) || Number(epoch) < position.epoch;
  await metrics.rewindTo(position.step === 0 ? -1 : position.step, isPast);
}

function isPruningRow(trainLoss: MetricsRow[string] | undefined): boolean {
  return trainLoss === undefined || trainLoss === null;
}

/** `val_loss`, `val_top1`, `val_top5`; no columns where nothing was measured. */
function evaluationColumns(prefix: string, evaluation: Evaluation | null): Record<string, number> {
  if (!evaluation) return {};
  const { loss, top1, top5 } = evaluation;
  return { [`${prefix}_loss`]: loss, [`${prefix}_top1`]: top1, [`${prefix}_top5`]: top5 };
}
