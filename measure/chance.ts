/** Whether an accuracy says anything: a network may do no better than one that answers the same to every image. */
import type { ImageSet } from '../data';
import { OptionError } from '../errors';

/** Standard errors above the largest class's share: 1 network in 700 that knows nothing gets there by luck. */
const MARGIN = 3;

/** Images of the largest class and of the others that there must be at least, for the margin to hold. */
const LEAST = 10;

/** Images that a mean loss must be of: one sure mistake among few would outweigh them all. */
const LEAST_FOR_LOSS = 50;

/** An accuracy, and the share of the images that are of the largest class. */
export interface ChanceLevel {
  readonly top1: number;
  readonly constant: number;
  readonly images: number;
}

/**
 * Finds an accuracy at chance level: top-1 is at most p + 3 sqrt(p (1 - p) / n), where p is the share of the largest
 * class among the labels, which is what the best constant answer reaches, and n the number of images.
 *
 * Right answers of a network that does not see what it is to tell apart are at best n draws of chance p, whose share
 * has the standard error sqrt(p (1 - p) / n) and is nearly normal from about ten of either kind on: with fewer images
 * nothing is said.
 *
 * @param top1 measured on these labels, in [0, 1].
 * @returns null where the network does better, or there are too few images to tell.
 */
export function findChanceLevel(
  top1: number,
  { labels, count }: Pick<ImageSet, 'labels' | 'count'>,
): ChanceLevel | null {
  const largest = Math.max(0, ...countLabels(labels));
  if (largest < LEAST || count - largest < LEAST) return null;
  const constant = largest / count;
  const error = Math.sqrt((constant * (1 - constant)) / count);
  return top1 > constant + MARGIN * error ? null : { top1, constant, images: count };
}

const CAUSES =
  'Likely causes: its images were scaled otherwise in training (the option inputScale), or its classes have another ' +
  'order than the labels';

/** The finding in words, with the likely causes. */
export function describeChance({ top1, constant, images }: ChanceLevel): string {
  return (
    `the network answers ${percent(top1)} of ${images} images right, which is chance level: one and the same answer ` +
    `reaches ${percent(constant)}. ${CAUSES}`
  );
}

/**
 * What an accuracy and a loss give reason to doubt, in words; null where nothing.
 *
 * Beside an accuracy at chance level it is a loss above the entropy of the labels, which is that of one who answers
 * their shares to every image: a network may have a few classes right by luck and be sure of all the others.
 *
 * @param measured on these labels: top-1 in [0, 1], cross entropy in nats.
 */
export function findDoubt(
  { top1, loss }: { readonly top1: number; readonly loss: number },
  images: Pick<ImageSet, 'labels' | 'count'>,
): string | null {
  const chance = findChanceLevel(top1, images);
  if (chance) return describeChance(chance);
  const shares = countLabels(images.labels).map((count) => count / images.count);
  const entropy = -shares.reduce((sum, share) => sum + share * Math.log(share), 0);
  if (images.count < LEAST_FOR_LOSS || loss <= entropy) return null;
  return (
    `the network has a loss of ${loss.toFixed(2)} on ${images.count} images, where one that answers the shares of the ` +
    `classes to every image has ${entropy.toFixed(2)}. ${CAUSES}`
  );
}

/** Images of each class that has some. */
function countLabels(labels: Uint16Array): number[] {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts.values()];
}

/**
 * Refuses to decide by an accuracy at chance level.
 *
 * @param option that decides by it.
 * @throws {OptionError}
 */
export function requireAboveChance(
  option: string,
  top1: number,
  images: Pick<ImageSet, 'labels' | 'count'>,
): void {
  const found = findChanceLevel(top1, images);
  if (found === null) return;
  throw new OptionError({ option, problem: `has nothing to judge by: ${describeChance(found)}` });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
