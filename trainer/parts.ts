import { OptionError } from '../errors';
import { schedules, startingAt } from '../methods';
import { Pruning } from './pruning/pruning';
import { Timetable } from './pruning/timetable';
import { createEagerStep } from './step/eager-step';
import { penaltyOf } from './step/loss';
import type { TrainingStep } from './step/step';
import type { TrainerOptions } from './trainer-options';

/** The step of a run, with what its method adds to the loss. */
export function createStep(options: TrainerOptions): TrainingStep {
  const { network, method, optimizer, seed, labelSmoothing = 0, classWeights, loss } = options;
  const penalty = method && penaltyOf(method, network);
  const terms = [...(options.terms ?? []), ...(penalty ? [penalty] : [])];
  const create = options.step ?? createEagerStep;
  return create({ network, optimizer, seed, labelSmoothing, classWeights, terms, loss });
}

/** How a run prunes; null where it does not. Throws as `Timetable` and `Pruning`. */
export function createPruning(options: TrainerOptions, stepsPerEpoch: number): Pruning | null {
  const { network, method, policy, optimizer, epochs, extent = 'unit', finalRate } = options;
  if (!method) return null;
  if (!policy) throw new OptionError({ option: 'policy', problem: 'is needed with a method' });
  const times = options.pruneAt ?? { from: 0, every: 1, atStart: false };
  const length = times.by === 'step' ? epochs * stepsPerEpoch : epochs;
  const timetable = new Timetable(times, length);
  const schedule = options.schedule ?? startingAt(schedules.constant);
  const how = { timetable, schedule, finalRate, extent };
  return new Pruning({ network, method, policy, optimizer, ...how });
}
