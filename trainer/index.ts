/** The loop. */
export { Trainer } from './trainer';
export type { OnNan, TrainerOptions } from './trainer-options';
export { DivergedError } from './trainer-errors';
export type { Best } from './run-state';
export type { Position } from './position';
export { captureTensors, restoreTensors } from './training-state';

/** What is told of a run, and who is told. */
export type { EpochEnd, Happening, PhaseName, TrainingEvent, TrainingObserver } from './events';

/** One step and what it is made of. */
export type { StepFactory, StepParts, TrainingStep } from './step/step';
export { createEagerStep, EagerStep } from './step/eager-step';
export type { EagerStepOptions } from './step/eager-step';
export type { LossContext, LossOptions, LossTerm } from './step/loss';
export { Distillation } from './step/distillation';
export type { DistillationOptions } from './step/distillation';
export { Adam, Sgd } from './step/optimizer';
export type { AdamOptions, Optimizer, OptimizerState, SgdOptions } from './step/optimizer';
export { constant, cosine, multiStep } from './step/learning-rate';
export type { LearningRate } from './step/learning-rate';

/** Pruning in time. */
export { hold } from './pruning/pruning';
export type { PruningEvent } from '../measure/pruning-event';
export type { FilterNorms } from '../measure/filter-norms';
export type { PruningClock, PruningTimes } from './pruning/timetable';
