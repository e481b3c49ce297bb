import { OptionError } from '../../errors';
import type { Propose } from '../../methods';
import { breathe } from '../../stopping';
import type { KeepSet } from '../../graph';
import { removedUnits, similarity } from '../../graph';
import { COARSE, bisect, bisectMeasured, rateRange } from './rate-search';

/** A rate that was tried, and how well the pruned network did. */
export interface JudgedRate {
  readonly rate: number;
  readonly keep: KeepSet;
  /** Top-1 on the validation images, in [0, 1]. */
  readonly accuracy: number;
  /** Points below the whole network; negative where it does better. */
  readonly drop: number;
}

/** A search for the highest rate that costs little accuracy. */
export interface DropSearch {
  /** What stays at a rate, as `proposeByRate` answers. */
  readonly propose: Propose;
  /** Top-1 of the network that is left, in [0, 1]. */
  readonly judge: (keep: KeepSet) => Promise<number>;
  /** Top-1 of the whole network. */
  readonly whole: number;
  /** Points that may be lost. */
  readonly maxDrop: number;
  /** Told of each rate that was tried. */
  readonly onCandidate?: (candidate: JudgedRate) => void;
  /** Asks the search to stop; it does before the next rate is tried. */
  readonly signal?: AbortSignal | undefined;
}

/** Not even the smallest removal keeps the accuracy. */
export class AccuracyDropError extends OptionError {
  override readonly name = 'AccuracyDropError';

  /** @param smallest the smallest removal. */
  constructor(
    readonly maxDrop: number,
    readonly smallest: JudgedRate,
  ) {
    super({
      option: 'maxDrop',
      problem:
        `${maxDrop} cannot be kept: the smallest removal, rate ${smallest.rate}, already ` +
        `costs ${smallest.drop.toFixed(2)} points`,
    });
  }
}

/** Slack for shares that floating point puts just above a limit: 100 * (0.9 - 0.89) is 1.0000000000000009. */
const SLACK = 1e-9;

/**
 * The highest rate, to 1e-3, whose network loses at most so many points, found by bisection.
 *
 * Accuracy does not fall evenly with the rate. Certain is: the network at the answer was measured and
 * loses no more than allowed, and the next rate that leaves another network was measured and loses
 * more (or the limits leave none). A still higher rate may do better again by chance; it is not sought.
 *
 * @throws {AccuracyDropError} when even the smallest removal loses more.
 * @throws {OptionError} when no rate removes anything.
 * @throws {StoppedError} when the signal has been aborted.
 */
export async function highestRate(search: DropSearch): Promise<JudgedRate> {
  const { propose, maxDrop } = search;
  const judgeStep = judgeOnce(search);
  const isWithin = ({ drop }: JudgedRate): boolean => drop <= maxDrop + SLACK;
  const { lowest, highest } = rateRange(propose, COARSE);
  const removes = (step: number): boolean => removedUnits(propose(step / COARSE)) > 0;
  if (!removes(highest)) {
    throw new OptionError({
      option: 'maxRate',
      problem: 'and the other limits leave no rate that removes anything',
    });
  }
  const smallest = removes(lowest) ? lowest : bisect(lowest, highest, removes)[1];
  const first = await judgeStep(smallest);
  if (!isWithin(first)) throw new AccuracyDropError(maxDrop, first);
  // The step after the last stands for all that cannot be reached.
  const [step] = await bisectMeasured(
    smallest,
    highest + 1,
    async (one) => !isWithin(await judgeStep(one)),
  );
  return judgeStep(step);
}

/** Judges each network once: neighbouring rates often leave the same. */
function judgeOnce({
  propose,
  judge,
  whole,
  onCandidate,
  signal,
}: DropSearch): (step: number) => Promise<JudgedRate> {
  const known: JudgedRate[] = [];
  return async (step) => {
    const [rate, keep] = [step / COARSE, propose(step / COARSE)];
    const same = known.find((one) => similarity(one.keep, keep) === 1);
    if (same) return { ...same, rate };
    await breathe(signal);
    const accuracy = await judge(keep);
    const candidate = { rate, keep, accuracy, drop: 100 * (whole - accuracy) };
    known.push(candidate);
    onCandidate?.(candidate);
    return candidate;
  };
}
