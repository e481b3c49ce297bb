import type { MetricsLog, MetricsRow } from '../files/run/metrics-log';
import type { MetricsMark } from '../files/run/training-record';
import { isPruningRow } from '../measure/metrics-row';
import type { Position } from './position';

/**
 * Drops the rows of what is done again from a position on.
 *
 * @param mark of the rows that there were at the position; null where nobody knows.
 */
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
