import type { MetricsLog, MetricsRow } from '../files/run/metrics-log';
import type { MetricsMark } from '../files/run/training-record';
import { isPruningRow } from '../measure/metrics-row';
import type { Position } from './position';

/** Drops the rows of what is done again from a position on; `mark` is of those before it, where that is known. */
export async function rewindMetrics(
  metrics: MetricsLog,
  position: Position,
  mark: MetricsMark | null,
): Promise<void> {
  // The end of an epoch comes after the events of its last step and is done again on its own.
  const isPast = (row: MetricsRow): boolean =>
    isPruningRow(row) || Number(row.epoch) < position.epoch;
  await metrics.rewindTo(position.step === 0 ? -1 : position.step, { isPast, mark });
}
