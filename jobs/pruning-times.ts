import { OptionError } from '../errors';
import { schedules, startingAt } from '../methods';
import type { RateSchedule, Regrowth, ScheduleId } from '../methods';
import type { PruningClock, PruningTimes } from '../trainer';

/** When a training prunes, and how its rate grows. */
export interface TimeOptions {
  /** Default constant: all of the rate at every pruning. */
  readonly schedule?: ScheduleId;
  /** With linear, polynomial or asymptotic: removed at the first pruning. Default 0. */
  readonly initialRate?: number;
  /** What the times count. Default epoch. */
  readonly pruneBy?: PruningClock;
  /** Epoch or step that ends with the first pruning, from 0. Default 0. */
  readonly pruneFrom?: number;
  /** Default 1. */
  readonly pruneEvery?: number;
  /** Epoch or step that ends with the last pruning; null for the last of the run. Default null. */
  readonly pruneUntil?: number | null;
}

/** When the options prune; once where the schedule has a single event. */
export function choosePruningTimes(options: TimeOptions, isPaper: boolean): PruningTimes {
  const { schedule, pruneFrom: from = 0, pruneEvery: every = 1, pruneUntil, pruneBy: by } = options;
  const until = schedule === 'one-shot' ? from : (pruneUntil ?? undefined);
  return { from, every, until, by, atStart: isPaper };
}

/** How the rate grows under the options. */
export function chooseSchedule({ schedule = 'constant', initialRate }: TimeOptions): RateSchedule {
  return startingAt(schedules[schedule], initialRate);
}

/** How long a run is, and what else its events must go with. */
interface RunLength {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly regrowth: Regrowth;
}

/**
 * Checks what only the length of the run can tell.
 *
 * @throws {OptionError} when a pruning would never come, or a schedule has fewer of them than it needs.
 */
export function requireEvents(options: TimeOptions, length: RunLength): void {
  const { pruneBy = 'epoch' } = options;
  const times = pruneBy === 'epoch' ? length.epochs : length.epochs * length.stepsPerEpoch;
  for (const option of ['pruneFrom', 'pruneUntil'] as const) {
    const received = options[option] ?? null;
    if (received === null || received < times) continue;
    const problem = `must be below the ${times} ${pruneBy}s, or nothing is ever pruned`;
    throw new OptionError({ option, problem, received });
  }
  requireSeveral(options, times, length.regrowth);
}

/** A rate that grows and a mask that hardens both take more than one event. */
function requireSeveral(options: TimeOptions, times: number, regrowth: Regrowth): void {
  const { schedule = 'constant', pruneBy = 'epoch', pruneFrom = 0, pruneUntil } = options;
  const isSingle = (pruneUntil ?? times - 1) === pruneFrom;
  if (schedule === 'one-shot' || !isSingle) return;
  const why = `there is only that of ${pruneBy} ${pruneFrom} (epochs, pruneFrom, pruneUntil)`;
  if (schedule !== 'constant') {
    const problem = `needs more than one pruning to grow, ${why}`;
    throw new OptionError({ option: 'schedule', problem, received: schedule });
  }
  if (regrowth === 'gradual') {
    const problem = `needs more than one pruning to turn hard, ${why}`;
    throw new OptionError({ option: 'regrowth', problem, received: regrowth });
  }
}
