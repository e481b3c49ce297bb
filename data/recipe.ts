/** What a data set's recipe fills in where its user says nothing; loads no TensorFlow. */
import type { Recipe } from './data-set';

/** The fraction of the training images that is held out where nobody says another: the recipe counts under it. */
export const USUAL_FRACTION = 0.1;

/** Each option as it is asked for: missing, or null, is the recipe's. */
export type Asked<T> = { readonly [K in keyof T]?: T[K] | null | undefined };

/** How the weights are learnt. */
export interface Learning {
  readonly epochs: number;
  readonly optimizer: 'sgd' | 'adam';
  /** After the warm-up. */
  readonly learningRate: number;
  readonly lrSchedule: 'cosine' | 'multi-step' | 'constant';
  /** With multi-step: epochs at which the learning rate falls, ascending. */
  readonly milestones: readonly number[];
  /** With multi-step: what the learning rate is multiplied by at each of them. */
  readonly lrDecay: number;
  readonly warmupEpochs: number;
  readonly weightDecay: number;
}

/** How many images are looked at; a limit of 0 takes all. */
export interface ImageCounts {
  readonly batchSize: number;
  readonly limitTrain: number;
  readonly limitTest: number;
  readonly limitValidation: number;
}

/** Adam's usual rate, where the recipe's is SGD's. */
const ADAM_RATE = 1e-3;

/** The papers' 60, 120 and 160 of 200 epochs, as shares of any length. */
const MILESTONES = [0.3, 0.6, 0.8];

/** The papers' factor at each of them. */
const DECAY = 0.2;

/** How the weights are learnt, with all that the recipe says where nothing is asked for. */
export function chooseLearning(asked: Asked<Learning>, recipe: Recipe): Learning {
  const epochs = asked.epochs ?? recipe.epochs;
  const optimizer = asked.optimizer ?? 'sgd';
  return {
    epochs,
    optimizer,
    learningRate: asked.learningRate ?? (optimizer === 'adam' ? ADAM_RATE : recipe.learningRate),
    lrSchedule: asked.lrSchedule ?? recipe.schedule,
    milestones: asked.milestones ?? MILESTONES.map((share) => Math.round(share * epochs)),
    lrDecay: asked.lrDecay ?? DECAY,
    warmupEpochs: asked.warmupEpochs ?? 0,
    weightDecay: asked.weightDecay ?? recipe.weightDecay,
  };
}

/** Which part of a data set is looked at. */
interface ImageShares {
  readonly share?: readonly [classes: number, ofAll: number];
  readonly validationFraction?: number;
}

/**
 * How many images are looked at, with the recipe's numbers where none are asked for.
 *
 * @param share how many classes are looked at of how many: what the recipe takes of all, it takes of each.
 * @param validationFraction where it is not the usual one, all that it holds out is looked at.
 */
export function countImages(
  asked: Asked<ImageCounts>,
  recipe: Recipe,
  { share = [1, 1], validationFraction = USUAL_FRACTION }: ImageShares = {},
): ImageCounts {
  const sharedOf = (limit: number): number => Math.floor((limit * share[0]) / share[1]);
  const isUsual = validationFraction === USUAL_FRACTION;
  return {
    batchSize: asked.batchSize ?? recipe.batchSize,
    limitTrain: asked.limitTrain ?? sharedOf(recipe.limitTrain),
    limitTest: asked.limitTest ?? sharedOf(recipe.limitTest),
    limitValidation: asked.limitValidation ?? (isUsual ? sharedOf(recipe.limitValidation) : 0),
  };
}
