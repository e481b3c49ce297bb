/** Channels of one group that a reader wants side by side. */
export interface Run {
  readonly members: ReadonlySet<number>;
  /** Whether they must be the first of all, or the last: the run goes on in the tensor next to it. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

/** Placements tried before a set of runs counts as impossible. */
const TRIAL_LIMIT = 10_000;

/**
 * An order of the channels in which every run is contiguous (the consecutive-ones property), or null.
 *
 * Channels that belong to the same runs stay together, in their old order; these bundles are placed
 * from left to right, each containing all runs that have begun and are not finished, with a step back
 * where none fits. Booth and Lueker (J. Computer and System Sciences 13, 1976) do it in linear time by
 * PQ-trees; here runs are few, one a reader, and the search gives up after 10,000 placements.
 *
 * @param channels ascending; returned as they are where they fulfil all runs.
 * @param runs none empty.
 */
export function orderWithRuns(
  channels: readonly number[],
  runs: readonly Run[],
): readonly number[] | null {
  if (runs.every((run) => isRun(channels, run))) return channels;
  return new Placement(bundlesOf(channels, runs), runs).find();
}

function isRun(order: readonly number[], { members, atStart, atEnd }: Run): boolean {
  const first = order.findIndex((channel) => members.has(channel));
  const last = first + members.size - 1;
  if (atStart && first > 0) return false;
  if (atEnd && last < order.length - 1) return false;
  return order.slice(first, last + 1).every((channel) => members.has(channel));
}

/** Channels that belong to the same runs. */
interface Bundle {
  readonly channels: number[];
  readonly runs: ReadonlySet<number>;
}

function bundlesOf(channels: readonly number[], runs: readonly Run[]): Bundle[] {
  const bundles = new Map<string, Bundle>();
  for (const channel of channels) {
    const own = [...runs.keys()].filter((run) => runs[run]!.members.has(channel));
    const bundle = bundles.get(own.join()) ?? { channels: [], runs: new Set(own) };
    bundle.channels.push(channel);
    bundles.set(own.join(), bundle);
  }
  return [...bundles.values()];
}

/** One search for an order of the bundles. */
class Placement {
  private readonly placed: Bundle[] = [];
  private readonly waiting: Set<Bundle>;
  /** Per run, the bundles still to be placed; one more where it must be the last, which never ends. */
  private readonly left: number[];
  private readonly begun: boolean[];
  private trials = 0;

  constructor(bundles: readonly Bundle[], runs: readonly Run[]) {
    this.waiting = new Set(bundles);
    this.left = runs.map(
      ({ atEnd }, run) => bundles.filter((bundle) => bundle.runs.has(run)).length + (atEnd ? 1 : 0),
    );
    this.begun = runs.map(({ atStart }) => atStart);
  }

  find(): number[] | null {
    return this.place() ? this.placed.flatMap(({ channels }) => channels) : null;
  }

  private place(): boolean {
    if (this.waiting.size === 0) return true;
    const open = [...this.begun.keys()].filter((run) => this.begun[run] && this.left[run]! > 0);
    for (const bundle of [...this.waiting]) {
      if (!open.every((run) => bundle.runs.has(run))) continue;
      if (++this.trials > TRIAL_LIMIT) return false;
      const fresh = this.put(bundle);
      if (this.place()) return true;
      this.takeBack(bundle, fresh);
    }
    return false;
  }

  /** Places a bundle and returns the runs that begin with it. */
  private put(bundle: Bundle): number[] {
    this.waiting.delete(bundle);
    this.placed.push(bundle);
    const fresh = [...bundle.runs].filter((run) => !this.begun[run]);
    for (const run of bundle.runs) {
      this.begun[run] = true;
      this.left[run]!--;
    }
    return fresh;
  }

  private takeBack(bundle: Bundle, fresh: readonly number[]): void {
    this.waiting.add(bundle);
    this.placed.pop();
    for (const run of bundle.runs) this.left[run]!++;
    for (const run of fresh) this.begun[run] = false;
  }
}
