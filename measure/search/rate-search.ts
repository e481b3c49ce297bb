/**
 * Searches among rates: the smallest that meets a demand, the highest that still does.
 *
 * All searches are bisections over whole steps of a grid, so that an answer is a short decimal and the
 * rate one step before it is known to fail.
 */
import { NotPrunableError } from '../../graph';
import { RateLimitError } from '../../methods';
import type { Propose } from '../../methods';

/** Steps between rate 0 and rate 1 where a cost is counted: a rate is found to 1e-6. */
export const FINE = 1_000_000;

/** Steps where a cost or an accuracy is measured, which takes time: a rate is found to 1e-3. */
export const COARSE = 1_000;

/** The rates of a grid that the limits of the layers leave, in steps, both included. */
export interface RateRange {
  readonly lowest: number;
  readonly highest: number;
}

/** Two neighbouring steps, of which the first belongs to the lower and the second to the upper end. */
export type Boundary = readonly [below: number, above: number];

/**
 * Asks about the middle of what is left until two neighbours are found.
 *
 * Yields steps strictly between the two ends and takes back whether each belongs to the upper end.
 * Where the answers change once, that is the place; where they change more often, it is one of the places.
 *
 * @param below a step that belongs to the lower end.
 * @param above a later step that belongs to the upper end.
 */
export function* bisection(below: number, above: number): Generator<number, Boundary, boolean> {
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (yield middle) above = middle;
    else below = middle;
  }
  return [below, above];
}

/** Runs a bisection whose answers are there at once. */
export function bisect(
  below: number,
  above: number,
  belongsAbove: (step: number) => boolean,
): Boundary {
  const search = bisection(below, above);
  let next = search.next();
  while (!next.done) next = search.next(belongsAbove(next.value));
  return next.value;
}

/** Runs a bisection whose answers take time. */
export async function bisectMeasured(
  below: number,
  above: number,
  belongsAbove: (step: number) => Promise<boolean>,
): Promise<Boundary> {
  const search = bisection(below, above);
  let next = search.next();
  while (!next.done) next = search.next(await belongsAbove(next.value));
  return next.value;
}

/**
 * The rates that the limits leave: above the least that every layer must lose, below what would take
 * more than the layers may lose or leave one without channels.
 *
 * @param propose what stays at a rate, as `proposeByRate` answers.
 * @param steps of the grid: FINE or COARSE.
 * @throws {OptionError} when no rate of the grid can be reached, or the method refuses for another reason.
 */
export function rateRange(propose: Propose, steps: number): RateRange {
  const place = (step: number): 'below' | 'above' | 'within' =>
    placeOf(() => propose(step / steps));
  const last = steps - 1;
  const lowest = place(0) === 'below' ? bisect(0, steps, (step) => place(step) !== 'below')[1] : 0;
  if (lowest === steps || place(lowest) === 'above') propose(Math.min(lowest, last) / steps); // throws
  const highest =
    place(last) === 'above' ? bisect(lowest, last, (step) => place(step) === 'above')[0] : last;
  return { lowest, highest };
}

function placeOf(propose: () => unknown): 'below' | 'above' | 'within' {
  try {
    propose();
    return 'within';
  } catch (error) {
    if (error instanceof RateLimitError) return error.side;
    if (error instanceof NotPrunableError) return 'above'; // a layer would be left without channels
    throw error;
  }
}

/**
 * The smallest step of a range that meets a demand which every later one meets too.
 *
 * @returns null where not even the highest meets it.
 */
export function smallestStep(
  { lowest, highest }: RateRange,
  isMet: (step: number) => boolean,
): number | null {
  if (isMet(lowest)) return lowest;
  if (!isMet(highest)) return null;
  return bisect(lowest, highest, isMet)[1];
}
