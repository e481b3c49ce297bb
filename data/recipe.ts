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

/** How many images of each split are looked at; 0 takes all. */
export interface ImageLimits {
  readonly limitTrain: number;
  readonly limitTest: number;
  readonly limitValidation: number;
}

/** How many images are looked at, and how many at once. */
export interface ImageCounts extends ImageLimits {
  readonly batchSize: number;
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
 * How many images the recipe looks at where nobody asks for a number: as many as there are, where there are fewer.
 *
 * @param share how many classes are looked at of how many: what the recipe takes of all, it takes of each.
 * @param validationFraction where it is not the usual one, all that it holds out is looked at.
 */
export function usualLimits(
  recipe: Recipe,
  { share = [1, 1], validationFraction = USUAL_FRACTION }: ImageShares = {},
): ImageLimits {
  const sharedOf = (limit: number): number => Math.floor((limit * share[0]) / share[1]);
  const isUsual = validationFraction === USUAL_FRACTION;
  return {
    limitTrain: sharedOf(recipe.limitTrain),
    limitTest: sharedOf(recipe.limitTest),
    limitValidation: isUsual ? sharedOf(recipe.limitValidation) : 0,
  };
}
