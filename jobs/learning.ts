import type { Learning } from '../data';
import { Adam, constant, cosine, multiStep, Sgd } from '../trainer';
import type { LearningRate, Optimizer } from '../trainer';

/** What SGD has beside the learning rate. */
export interface SgdChoice {
  /** In [0, 1). Default 0.9. */
  readonly momentum?: number;
  /** Default true, where there is momentum. */
  readonly nesterov?: boolean;
}

/** The optimizer of a training; the caller owns it. */
export function createOptimizer(
  { optimizer, weightDecay }: Learning,
  { momentum = 0.9, nesterov = true }: SgdChoice,
): Optimizer {
  if (optimizer === 'adam') return new Adam({ weightDecay });
  return new Sgd({ momentum, nesterov: nesterov && momentum > 0, weightDecay });
}

/** The learning rate of each step. */
export function createLearningRate(learning: Learning, stepsPerEpoch: number): LearningRate {
  const { learningRate: base, lrSchedule, lrDecay: gamma, epochs, milestones } = learning;
  const warmup = learning.warmupEpochs * stepsPerEpoch;
  switch (lrSchedule) {
    case 'constant':
      return constant({ base, warmup });
    case 'cosine':
      return cosine({ base, warmup, total: epochs * stepsPerEpoch });
    case 'multi-step': {
      const steps = milestones.map((epoch) => epoch * stepsPerEpoch);
      return multiStep({ base, warmup, milestones: steps, gamma });
    }
  }
}
