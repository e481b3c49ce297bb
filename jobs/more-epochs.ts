import type { Learning } from '../data';
import { OptionError, requireWhole } from '../errors';
import type { PruningOptions } from './choose-method';
import type { TimeOptions } from './pruning-times';

/** What of a training may end with its epochs. */
type LengthOptions = Pick<PruningOptions, 'method' | 'regrowth'> &
  TimeOptions & { readonly moreEpochs?: number };

/**
 * The epochs beyond those that the run began with.
 *
 * @throws {OptionError} when what comes before would be another with them: a run must come to the same whether it
 *   was lengthened in the middle or from the beginning.
 */
export function requireMore(options: LengthOptions, { lrSchedule }: Learning): number {
  const { moreEpochs = 0 } = options;
  requireWhole('moreEpochs', moreEpochs, 0);
  if (moreEpochs === 0) return 0;
  const reason = lrSchedule === 'cosine' ? 'its learning rate is cosine' : findEnding(options);
  if (reason === null) return moreEpochs;
  const problem =
    `cannot be added to this run: ${reason}, which ends with the epochs; ` +
    'train its exported network instead (the option model, method none)';
  throw new OptionError({ option: 'moreEpochs', problem, received: moreEpochs });
}

/** What of the pruning ends with the epochs; null where nothing does. */
function findEnding({ method, regrowth = 'hard', ...times }: LengthOptions): string | null {
  const { schedule = 'constant', pruneEvery = 1, pruneUntil } = times;
  const hasOwnEnd = schedule === 'one-shot' || pruneUntil != null;
  if (method === 'none' || hasOwnEnd) return null;
  if (schedule !== 'constant') return `its schedule is ${schedule}`;
  if (regrowth !== 'hard') return `its regrowth is ${regrowth}`; // the last event holds what it removes
  return pruneEvery > 1 ? `it prunes every ${pruneEvery}, and at the end` : null;
}
