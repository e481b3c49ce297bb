import { eventColumnNames } from './pruning/pruning-event';
import type { PruningEvent } from './pruning/pruning-event';
import type { Evaluation } from '../measure/accuracy';

/** The columns of metrics.csv after `step`. */
export const metricsColumns: readonly string[] = [
  'epoch',
  'learning_rate',
  'train_loss',
  'val_loss',
  'val_top1',
  'val_top5',
  'masked_loss',
  'masked_top1',
  'masked_top5',
  ...eventColumnNames,
];

/** What the end of an epoch brought. */
export interface EpochEnd {
  /** Null where none was due. */
  readonly event: PruningEvent | null;
  /** Before the event. */
  readonly whole: Evaluation;
  /** After it, everything removed silenced; null while nothing has been removed. */
  readonly masked: Evaluation | null;
}

/** `val_loss`, `val_top1`, `val_top5`; no columns where nothing was measured. */
export function evaluationColumns(
  prefix: string,
  evaluation: Evaluation | null,
): Record<string, number> {
  if (!evaluation) return {};
  const { loss, top1, top5 } = evaluation;
  return { [`${prefix}_loss`]: loss, [`${prefix}_top1`]: top1, [`${prefix}_top5`]: top5 };
}

/** The line that a person reads at the end of an epoch. */
export function epochLine(
  epoch: number,
  epochs: number,
  trainLoss: number,
  { event, whole, masked }: EpochEnd,
): string {
  const parts = [
    `epoch ${epoch + 1}/${epochs}: train loss ${trainLoss.toFixed(4)}`,
    `validation ${percent(whole.top1)}`,
  ];
  if (masked) parts.push(`masked ${percent(masked.top1)}`);
  if (event) parts.push(eventText(event));
  return parts.join(', ');
}

/** The line that a person reads at an event between two steps. */
export function stepEventLine(steps: number, event: PruningEvent): string {
  return `after step ${steps}: ${eventText(event)}`;
}

function eventText({ removed, units, churn, held }: PruningEvent): string {
  const parts = [`removed ${removed}/${units}`, `churn ${percent(churn)}`];
  if (held > 0 && held < removed) parts.push(`held ${held}`);
  return parts.join(', ');
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}
