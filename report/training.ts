import * as path from 'node:path';
import type { Progress } from './progress';

/** How the norms of a network's filters lie, each the mean over its kernels. */
export interface ShownNorms {
  /** Standard deviation / mean. */
  readonly relativeDeviation: number;
  /** min / mean. */
  readonly relativeMin: number;
}

/** What a pruning event did. */
interface ShownPruning {
  readonly removed: number;
  readonly units: number;
  readonly churn: number;
  readonly held: number;
}

/** The end of an epoch. */
interface ShownEpoch {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly whole: { readonly top1: number };
  readonly masked: { readonly top1: number } | null;
  readonly pruning: ShownPruning | null;
}

/** What is shown of what a Trainer tells its observers. */
export type ShownEvent = {
  readonly position: { readonly step: number; readonly epoch: number; readonly batch: number };
  readonly epochs: number;
} & (
  | { readonly kind: 'started' | 'saved' | 'diverged' | 'stopped' | 'phase-end' }
  | {
      readonly kind: 'resumed';
      readonly skipped: readonly { readonly path: string; readonly reason: string }[];
    }
  | { readonly kind: 'phase'; readonly name: string; readonly total: number; readonly done: number }
  | { readonly kind: 'measured'; readonly images: number }
  | { readonly kind: 'mended'; readonly what: string }
  | {
      readonly kind: 'lowered';
      readonly error: { readonly what: string; readonly step: number; readonly epoch: number };
      readonly times: number;
      readonly most: number;
    }
  | { readonly kind: 'step'; readonly meanLoss: number | null }
  | {
      readonly kind: 'pruned';
      readonly pruning: ShownPruning;
      readonly isInEpochEnd: boolean;
      readonly firstNorms: ShownNorms | null;
    }
  | ({ readonly kind: 'epoch' } & ShownEpoch)
);

/** Shows a training to whoever waits for it: how far each phase is, and a line for what is worth one. */
export function showTraining(progress: Progress): (event: ShownEvent) => void {
  return (event) => {
    const { position, epochs } = event;
    for (const sentence of sentencesOf(event)) progress.note(sentence);
    switch (event.kind) {
      case 'phase': {
        const { name, total, done } = event;
        progress.start(total, name === 'train' ? `epoch ${position.epoch + 1}/${epochs}` : name);
        if (done > 0) progress.update(done);
        break;
      }
      case 'step':
        progress.update(position.batch, event.meanLoss === null ? {} : { loss: event.meanLoss });
        break;
      case 'measured':
        progress.update(event.images);
        break;
      case 'phase-end':
        progress.stop();
    }
  };
}

/** The lines that a person reads about an event; none about most. */
export function sentencesOf(event: ShownEvent): string[] {
  switch (event.kind) {
    case 'resumed':
      return event.skipped.map(
        ({ path: skipped, reason }) =>
          `checkpoint ${path.basename(skipped)} is not used: ${reason}`,
      );
    case 'pruned': {
      const { firstNorms, isInEpochEnd, pruning, position } = event;
      return [
        ...(firstNorms ? [normAdvice(firstNorms)] : []),
        ...(isInEpochEnd ? [] : [`after step ${position.step}: ${pruningText(pruning)}`]),
      ];
    }
    case 'mended':
      return [event.what];
    case 'lowered': {
      const { error, times, most, position } = event;
      return [
        `${error.what} at step ${error.step} (epoch ${error.epoch}, both counted from 0): back to step ` +
          `${position.step} with the learning rate divided by 10 (${times} of at most ${most} times)`,
      ];
    }
    case 'epoch':
      return [epochLine(event, event.epochs)];
    default:
      return [];
  }
}

function epochLine(
  { epoch, trainLoss, pruning, whole, masked }: ShownEpoch,
  epochs: number,
): string {
  const parts = [
    `epoch ${epoch + 1}/${epochs}: train loss ${trainLoss.toFixed(4)}`,
    `validation ${percent(whole.top1)}`,
  ];
  if (masked) parts.push(`masked ${percent(masked.top1)}`);
  if (pruning) parts.push(pruningText(pruning));
  return parts.join(', ');
}

function pruningText({ removed, units, churn, held }: ShownPruning): string {
  const parts = [`removed ${removed}/${units}`, `churn ${percent(churn)}`];
  if (held > 0 && held < removed) parts.push(`held ${held}`);
  return parts.join(', ');
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/**
 * From which deviation on, as a share of the mean, norms tell filters apart. The paper asks for a large
 * one and names no number; at a quarter the lowest 30 % of normally distributed norms lie below 87 % of
 * the mean, at the 6 % of a fresh 3x3x16 kernel only below 97 %.
 */
const WIDE = 0.25;

/** Up to which share of the mean the smallest norm counts as near 0: 1/16 of the mean's energy. */
const NEAR_ZERO = 0.25;

/**
 * Whether the norms suit a norm criterion, in one line: its two conditions are a large deviation and a
 * smallest norm near 0.
 *
 * Source: He et al., "Filter Pruning via Geometric Median", CVPR 2019, arXiv:1811.00250, section 3.2;
 *   the two thresholds are ours.
 */
export function normAdvice({ relativeDeviation, relativeMin }: ShownNorms): string {
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const facts =
    `norms: deviation ${percent(relativeDeviation)} of the mean, ` +
    `smallest ${percent(relativeMin)}`;
  const wants = [
    ...(relativeDeviation < WIDE ? [`${percent(WIDE)} or more deviation`] : []),
    ...(relativeMin > NEAR_ZERO ? [`a smallest norm of at most ${percent(NEAR_ZERO)}`] : []),
  ];
  if (wants.length === 0) return `${facts}: they suit the norm criterion`;
  return (
    `${facts}: the norm criterion tells these filters apart badly (it wants ` +
    `${wants.join(' and ')}); fpgm does not depend on it`
  );
}
