import { ConfigError } from '../config/error';
import type { TrainingConfig } from '../config/resolve';
import { batchCount } from '../data';
import type { DataSet } from '../data';
import { schedules, startingAt } from '../methods';
import type { RateSchedule } from '../methods';
import type { PruningTimes } from '../trainer/pruning/timetable';

type Config = TrainingConfig;

/** When the options prune; once where the schedule has a single event. */
export function pruningTimes(config: Config): PruningTimes {
  const { schedule, pruneFrom: from, pruneEvery: every, pruneUntil, pruneBy: by } = config;
  const until = schedule === 'one-shot' ? from : (pruneUntil ?? undefined);
  return { from, every, until, by, atStart: config.compat === 'paper' };
}

/** How the rate grows under the options. */
export function rateSchedule({ schedule, initialRate }: Config): RateSchedule {
  return startingAt(schedules[schedule], initialRate);
}

/**
 * Checks what the rules of the options cannot know: epochs may be the recipe's, steps depend on the data.
 *
 * @throws {ConfigError} when a pruning would never come, or a schedule has fewer of them than it needs.
 */
export function requireEvents(config: Config, data: DataSet): void {
  if (config.method === 'none') return;
  const units = unitsOf(config, data);
  for (const key of ['pruneFrom', 'pruneUntil'] as const) {
    const value = config[key];
    if (value === null || value < units) continue;
    const problem = `must be below the ${units} ${config.pruneBy}s, or nothing is ever pruned`;
    throw fault(key === 'pruneFrom' ? '--prune-from' : '--prune-until', problem, value);
  }
  requireSeveral(config, units);
}

/** A rate that grows and a mask that hardens both take more than one event. */
function requireSeveral(config: Config, units: number): void {
  const { schedule, regrowth, pruneBy, pruneFrom, pruneUntil } = config;
  const isSingle = (pruneUntil ?? units - 1) === pruneFrom;
  if (schedule === 'one-shot' || !isSingle) return;
  const why = `there is only that of ${pruneBy} ${pruneFrom} (--epochs, --prune-from, --prune-until)`;
  if (schedule !== 'constant') {
    throw fault('--schedule', `needs more than one pruning to grow, ${why}`, schedule);
  }
  if (regrowth === 'gradual') {
    throw fault('--regrowth', `needs more than one pruning to turn hard, ${why}`, regrowth);
  }
}

/** Epochs or steps of the run, whichever the times count. */
function unitsOf({ pruneBy, epochs, batchSize }: Config, data: DataSet): number {
  return pruneBy === 'epoch' ? epochs : epochs * batchCount(data.train.count, batchSize);
}

function fault(key: string, problem: string, received: number | string): ConfigError {
  const source = 'command line, environment, file or default';
  return new ConfigError({ key, problem, received, source });
}
