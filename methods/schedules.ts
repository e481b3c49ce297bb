/**
 * How much of the rate is removed when: what a schedule makes of a final rate on its way there.
 */
import { OptionError } from '../errors';

/**
 * The rate at a moment of the schedule, for one final rate.
 *
 * Rises with progress and is the final rate at 1.
 *
 * @param finalRate fraction removed in the end, in [0, 1).
 * @param progress  0 at the first event, 1 at the last.
 * @param initialRate fraction removed at progress 0, in [0, finalRate]; schedules whose start is fixed
 *   do not read it.
 */
export type Schedule = (finalRate: number, progress: number, initialRate: number) => number;

/**
 * All of the rate at every event.
 *
 * Source: He et al., "Soft Filter Pruning", IJCAI 2018, arXiv:1808.06866.
 */
const constant: Schedule = (finalRate) => finalRate;

/**
 * All of the rate at once, at the only event.
 *
 * @throws {OptionError} below progress 1: it has no first of several events.
 */
const oneShot: Schedule = (finalRate, progress) => {
  if (progress === 1) return finalRate;
  throw new OptionError({
    option: 'schedule',
    problem: 'one-shot has a single event (until must be from)',
    received: `progress ${progress}`,
  });
};

/** Evenly from the initial to the final rate: s + (r - s) t. */
const linear: Schedule = (finalRate, progress, initialRate) =>
  initialRate + (finalRate - initialRate) * progress;

/**
 * The same fraction of what is left at each of evenly spaced events.
 *
 * Formula: 1 - (1 - r)^t, so that n steps of t = 1/n each leave (1 - r)^(1/n) of what they find.
 * Source: iterative pruning as in Frankle and Carbin, "The Lottery Ticket Hypothesis", ICLR 2019,
 *   arXiv:1803.03635 (p^(1/n) of the weights that are left in each of n rounds).
 */
const geometric: Schedule = (finalRate, progress) => 1 - (1 - finalRate) ** progress;

/**
 * Fast at first, then ever slower.
 *
 * Formula: r + (s - r) (1 - t)^3.
 * Source: Zhu and Gupta, "To Prune, or Not to Prune", 2017, arXiv:1710.01878, eq. 1.
 */
const polynomial: Schedule = (finalRate, progress, initialRate) =>
  finalRate + (initialRate - finalRate) * (1 - progress) ** 3;

/** Where the asymptotic schedule has gone this share of its way. */
const EARLY = { progress: 1 / 8, share: 3 / 4 } as const;

/**
 * An exponential towards the final rate: three quarters of the way after an eighth of the time.
 *
 * Formula: a exp(-k t) + b with P(0) = s, P(1/8) = s + 3/4 (r - s), P(1) = r; k solved numerically.
 * Source: He et al., "Asymptotic Soft Filter Pruning", IEEE Transactions on Cybernetics 2019,
 *   arXiv:1808.07471, where P(1/8) = 3/4 r. Deviates: with an initial rate s above 0 the early point is
 *   three quarters of the way from it, since no rising curve meets 3/4 r from s >= 5/7 r on; at s = 0
 *   both are one.
 */
const asymptotic: Schedule = (finalRate, progress, initialRate) =>
  initialRate + (finalRate - initialRate) * approach(progress, STEEPNESS);

/** (1 - exp(-k t)) / (1 - exp(-k)): from 0 to 1, steeper at first with a larger k > 0. */
function approach(progress: number, steepness: number): number {
  return Math.expm1(-steepness * progress) / Math.expm1(-steepness);
}

/** The k of the asymptotic schedule, by bisection: `approach` rises with k. */
const STEEPNESS = steepnessThrough(EARLY);

function steepnessThrough({ progress, share }: typeof EARLY): number {
  let [low, high] = [1e-6, 1e3];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle; // neighbouring numbers
    if (approach(progress, middle) < share) low = middle;
    else high = middle;
  }
}

/** The schedules by the names of the command line. */
export const schedules = {
  constant,
  'one-shot': oneShot,
  linear,
  geometric,
  polynomial,
  asymptotic,
} as const satisfies Record<string, Schedule>;

export type ScheduleId = keyof typeof schedules;

/** The schedules, in the order of the help. */
export const scheduleIds = Object.keys(schedules) as ScheduleId[];

/** Whether a schedule reads the rate that it starts at. */
const readsInitialRate = {
  constant: false,
  'one-shot': false,
  linear: true,
  geometric: false,
  polynomial: true,
  asymptotic: true,
} as const satisfies Record<ScheduleId, boolean>;

/** The schedules that read the rate that they start at. */
export const startingSchedules = scheduleIds.filter((id) => readsInitialRate[id]);

/** A schedule with its initial rate; the rate by now of a final one. */
export type RateSchedule = (finalRate: number, progress: number) => number;

/**
 * Gives a schedule its initial rate; the rates of single layers that are to end below it begin at their end.
 *
 * The end is exact: at progress 1 the final rate itself, whatever the formula rounds to.
 *
 * @param initialRate in [0, 1). Default 0.
 * @throws {OptionError} when it is outside.
 */
export function startingAt(schedule: Schedule, initialRate = 0): RateSchedule {
  if (!(initialRate >= 0 && initialRate < 1)) {
    const allowed = 'in [0, 1)';
    throw new OptionError({ option: 'initialRate', allowed, received: initialRate });
  }
  return (finalRate, progress) =>
    progress === 1
      ? finalRate
      : Math.min(finalRate, schedule(finalRate, progress, Math.min(initialRate, finalRate)));
}

/** By how much a rising curve may seem to fall in its last digits. */
const ROUNDING = 1e-12;

/**
 * Checks that a schedule rises from 0 to each final rate.
 *
 * @param progresses of the events, in their order.
 * @throws {OptionError} when it does not.
 */
export function requireRising(
  schedule: RateSchedule,
  finalRates: readonly number[],
  progresses: readonly number[],
): void {
  for (const final of finalRates) {
    let last = 0;
    for (const progress of progresses) {
      const rate = schedule(final, progress);
      if (!(rate >= last - ROUNDING && rate <= final)) {
        const problem = `must rise from 0 to the final rate ${final}`;
        const received = `${rate} after ${last} at progress ${progress}`;
        throw new OptionError({ option: 'schedule', problem, received });
      }
      last = rate;
    }
    if (last === final) continue;
    const problem = `must reach the final rate ${final} at its last event`;
    throw new OptionError({ option: 'schedule', problem, received: last });
  }
}
