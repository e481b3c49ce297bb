import * as path from 'node:path';
import type { EpochEnd, TrainingEvent } from '../events';
import { normAdvice } from '../pruning/filter-norms';
import type { PruningEvent } from '../pruning/pruning-event';

/** The lines that a person reads about an event; none about most. */
export function sentencesOf(event: TrainingEvent): string[] {
  if (event.kind === 'resumed') {
    return event.skipped.map(
      ({ path: skipped, reason }) => `checkpoint ${path.basename(skipped)} is not used: ${reason}`,
    );
  }
  if (event.kind === 'pruned') {
    const { firstNorms, isInEpochEnd, pruning, position } = event;
    return [
      ...(firstNorms ? [normAdvice(firstNorms)] : []),
      ...(isInEpochEnd ? [] : [`after step ${position.step}: ${pruningText(pruning)}`]),
    ];
  }
  return event.kind === 'epoch' ? [epochLine(event)] : [];
}

function epochLine({
  epoch,
  epochs,
  trainLoss,
  pruning,
  whole,
  masked,
}: EpochEnd & {
  readonly epoch: number;
  readonly epochs: number;
  readonly trainLoss: number;
}): string {
  const parts = [
    `epoch ${epoch + 1}/${epochs}: train loss ${trainLoss.toFixed(4)}`,
    `validation ${percent(whole.top1)}`,
  ];
  if (masked) parts.push(`masked ${percent(masked.top1)}`);
  if (pruning) parts.push(pruningText(pruning));
  return parts.join(', ');
}

function pruningText({ removed, units, churn, held }: PruningEvent): string {
  const parts = [`removed ${removed}/${units}`, `churn ${percent(churn)}`];
  if (held > 0 && held < removed) parts.push(`held ${held}`);
  return parts.join(', ');
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}
