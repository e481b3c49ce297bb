import { OptionError, requireWhole } from '../../errors';

/** What a run's pruning is timed by. */
export type PruningClock = 'epoch' | 'step';

/** When a run prunes, in epochs or steps counted from 0; an event comes at the end of its epoch or step. */
export interface PruningTimes {
  /** First epoch or step that ends with an event. */
  readonly from: number;
  /** Epochs or steps between two events. */
  readonly every: number;
  /** Last epoch or step that ends with an event. Default the last of the run. */
  readonly until?: number | undefined;
  /** Default epoch. */
  readonly by?: PruningClock | undefined;
  /** Whether there is one more event before the first epoch, as in the published codes. */
  readonly atStart: boolean;
}

/** The events of a run: which epochs or steps end with one, and how far the schedule is by then. */
export class Timetable {
  readonly from: number;
  readonly until: number;
  readonly by: PruningClock;
  readonly atStart: boolean;
  private readonly every: number;

  /**
   * @param length of the run, in epochs or steps, whichever the times are in.
   * @throws {OptionError} when a time is outside the run.
   */
  constructor({ from, every, until, by = 'epoch', atStart }: PruningTimes, length: number) {
    requireWhole('pruneAt.from', from, 0);
    requireWhole('pruneAt.every', every, 1);
    if (from >= length) {
      const allowed = `below the number of ${by}s ${length}`;
      throw new OptionError({ option: 'pruneAt.from', allowed, received: from });
    }
    if (until !== undefined) {
      requireWhole('pruneAt.until', until, from);
      if (until >= length) {
        const allowed = `below the number of ${by}s ${length}`;
        throw new OptionError({ option: 'pruneAt.until', allowed, received: until });
      }
    }
    this.from = from;
    this.every = every;
    this.until = until ?? length - 1;
    this.by = by;
    this.atStart = atStart;
  }

  /** Whether epoch or step `time` ends with an event; that at `until` always does. */
  isDue(time: number): boolean {
    if (time < this.from || time > this.until) return false;
    return time === this.until || (time - this.from) % this.every === 0;
  }

  /**
   * How far the schedule is at the event of `time`, in [0, 1]; 1 where there is a single event.
   *
   * @param time -1 for the event before the first epoch.
   */
  progressAt(time: number): number {
    if (time < this.from) return 0;
    if (time >= this.until) return 1;
    return (time - this.from) / (this.until - this.from);
  }

  /** The progress of the newest event up to the end of `time`; null before the first. */
  newestProgress(time: number): number | null {
    if (time < this.from) return this.atStart ? 0 : null;
    if (time >= this.until) return 1;
    return this.progressAt(time - ((time - this.from) % this.every));
  }

  /** The events' progress, in their order. */
  *progresses(): Generator<number> {
    if (this.atStart) yield 0;
    for (let time = this.from; time < this.until; time += this.every) yield this.progressAt(time);
    yield 1;
  }

  /** Whether the event of `time` is the first of all. */
  isFirst(time: number): boolean {
    return time === (this.atStart ? -1 : this.from);
  }
}
