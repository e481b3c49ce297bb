/** How many images each class has, and what a sample of each counts in the loss; loads no TensorFlow. */
import { OptionError } from '../errors';
import type { DataSet } from './data-set';
import { findLabel } from './subset';

/**
 * What the samples of a class count in the loss: all the same, each class the same, or by class name (or label)
 * a factor above 0; a class that is not named has 1.
 */
export type ClassWeights = 'none' | 'balanced' | Readonly<Record<string, number>>;

/** The classes of a data set and the images that it teaches them by. */
type Taught = Pick<DataSet, 'classes' | 'train'>;

/**
 * So many times as many images of one class as of another are out of balance: at 4 to 1 the smaller of two classes
 * has 20 %, where Google's course on machine learning lets moderate imbalance begin.
 */
const MOST_RATIO = 4;

/** Classes that a warning lists one by one. */
const MOST_LISTED = 10;

/** Images of each class, [classes]. */
export function countClasses({ classes, train }: Taught): number[] {
  const counts = classes.map(() => 0);
  for (const label of train.labels) counts[label]! += 1;
  return counts;
}

/**
 * The factor of each class in the loss, [classes]; undefined where nothing is weighed.
 *
 * Formula (balanced): images / (classes that have some * images of the class), as scikit-learn's; 1 for a class
 *   without images, which no sample asks for.
 *
 * @throws {OptionError} naming classWeights, when a class is unknown or named twice, or a factor is not above 0.
 */
export function weighClasses(choice: ClassWeights, taught: Taught): readonly number[] | undefined {
  if (choice === 'none') return undefined;
  if (choice !== 'balanced') return readWeights(choice, taught.classes);
  const counts = countClasses(taught);
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 1 : taught.train.count / (present * count)));
}

function readWeights(
  given: Readonly<Record<string, number>>,
  classes: readonly string[],
): readonly number[] {
  const weights = new Map<number, number>();
  for (const [name, weight] of Object.entries(given)) {
    const label = findLabel(name, classes);
    if (label === null) {
      const allowed = `none, balanced, or name classes among ${classes.join(', ')}`;
      throw new OptionError({ option: 'classWeights', allowed, received: name });
    }
    if (weights.has(label)) {
      const problem = `must name each class once, ${classes[label]!} is named twice`;
      throw new OptionError({ option: 'classWeights', problem });
    }
    if (!(weight > 0 && Number.isFinite(weight))) {
      const problem = `of ${name} must be a number above 0`;
      throw new OptionError({ option: 'classWeights', problem, received: weight });
    }
    weights.set(label, weight);
  }
  return classes.map((_, label) => weights.get(label) ?? 1);
}

/** @throws {OptionError} when weights by label are not one number above 0 for each class. */
export function requireClassWeights(
  weights: readonly number[] | undefined,
  classes: readonly string[],
): void {
  const isFactor = (weight: number): boolean => weight > 0 && Number.isFinite(weight);
  if (!weights || (weights.length === classes.length && weights.every(isFactor))) return;
  const allowed = `${classes.length} numbers above 0, one for each class`;
  throw new OptionError({ option: 'classWeights', allowed, received: weights });
}

/** What is wrong with how many images the classes have. */
export interface Imbalance {
  /** The classes and their counts in words. */
  readonly problem: string;
  /** Whether weights of the classes would mend it: where a class has no image nothing does. */
  readonly isWeighable: boolean;
}

/**
 * Whether classes lack training images, or have many more than others; null where they do not.
 *
 * @param choice weights that make up for different numbers already.
 */
export function findImbalance(taught: Taught, choice: ClassWeights = 'none'): Imbalance | null {
  const counts = countClasses(taught);
  const present = counts.filter((count) => count > 0);
  const listed = listCounts(taught.classes, counts);
  if (present.length === 1) {
    const only = taught.classes[counts.findIndex((count) => count > 0)]!;
    const problem = `all training images are of one class, ${only}: a network learns nothing from them (${listed})`;
    return { problem, isWeighable: false };
  }
  const ratio = Math.max(...present) / Math.min(...present);
  const isUneven = choice === 'none' && ratio >= MOST_RATIO;
  const without = taught.classes.length - present.length;
  if (without === 0 && !isUneven) return null;
  const are = without === 1 ? '1 class has' : `${without} classes have`;
  const parts = [
    ...(without > 0 ? [`${are} no training images`] : []),
    ...(isUneven ? [`the training images are out of balance, ${Math.round(ratio)} to 1`] : []),
  ];
  return { problem: `${parts.join('; ')}: ${listed}`, isWeighable: isUneven };
}

/** `cat 500, dog 20`: all classes in their order or, of many, the smallest and the largest. */
function listCounts(classes: readonly string[], counts: readonly number[]): string {
  const all = classes.map((name, label) => ({ text: `${name} ${counts[label]!}`, label }));
  const texts = (some: typeof all): string => some.map(({ text }) => text).join(', ');
  if (all.length <= MOST_LISTED) return texts(all);
  const ascending = [...all].sort((one, other) => counts[one.label]! - counts[other.label]!);
  const half = MOST_LISTED / 2;
  return `${texts(ascending.slice(0, half))}, ..., ${texts(ascending.slice(-half))}`;
}
