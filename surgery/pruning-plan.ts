import type { ChannelGraph, ChannelGroup, KeepSet } from '../graph';
import { checkKeep, findClass, NotPrunableError, projectCalls } from '../graph';
import { orderWithRuns } from './channel-order';
import type { Run } from './channel-order';
import { canSlice } from './channel-selection';
import type { ReaderSelection } from './channel-selection';
import { classesReadElsewhere } from './readers';
import type { Reader } from './readers';

/** Channels that go, each for all its readers or for one. */
export interface Removal {
  /** Classes that go altogether. */
  readonly classes: ReadonlySet<number>;
  /** By reader's path, the channels of its input that it no longer reads. */
  readonly unread: ReadonlyMap<string, ReadonlySet<number>>;
}

/** How a network is brought into the form without the removed channels. Only names and numbers. */
export interface PruningPlan {
  /** Per weight and axis that changes its order: the old index at each new one. */
  readonly reordered: ReadonlyMap<string, ReadonlyMap<number, readonly number[]>>;
  /** After reordering: without the channels that go for all. */
  readonly silent: KeepSet;
  /** After reordering: without those that nobody reads, too. */
  readonly keep: KeepSet;
  /** After reordering: per reader the channels of its whole input that it does not read. */
  readonly unread: ReadonlyMap<Reader, ReadonlySet<number>>;
  /** Of what is left of its input: what each reader selects that does not read all of it. */
  readonly selections: readonly ReaderSelection[];
}

/**
 * Plans an unconstrained removal: which channels nobody needs, in which order the others stand so that
 * readers find what they read side by side, and who must gather instead.
 *
 * A group's channels change places only among themselves, in every weight alike. Readers are served
 * one after the other, the most expensive gather first; one is given up when no order serves it
 * together with those before it (finding the most that can be served is NP-hard). UPSCALE (Wan et al.,
 * ICML 2023), whence the problem, takes the heaviest chain of readers that overlap one by one; here
 * nested readers and both sides of a concatenation are served as well.
 *
 * @throws {NotPrunableError} when a frozen channel would go, or a layer would be left without any.
 * @throws {OptionError} when a group would lose all channels.
 */
export function planPruning(
  graph: ChannelGraph,
  readers: ReadonlyMap<string, Reader>,
  removal: Removal,
): PruningPlan {
  return new Planner(graph, readers, removal).plan();
}

/** A group's place of a class. */
interface Place {
  readonly group: ChannelGroup;
  readonly index: number;
}

/** Neighbours in a tensor: all channels of one group, or single ones of none. */
interface Segment {
  /** Null where the order cannot be chosen. */
  readonly group: ChannelGroup | null;
  /** The channels left: class, and whether the reader reads it. */
  readonly left: readonly { readonly member: number; readonly isRead: boolean }[];
}

class Planner {
  private readonly places = new Map<number, Place>();
  private readonly gone: ReadonlySet<number>;
  private readonly movable: ReadonlySet<ChannelGroup>;
  /** Per group the runs of the readers served so far. */
  private readonly runs = new Map<ChannelGroup, Run[]>();
  /** Per group its classes in the new order. */
  private readonly orders = new Map<ChannelGroup, readonly number[]>();

  constructor(
    private readonly graph: ChannelGraph,
    private readonly readers: ReadonlyMap<string, Reader>,
    private readonly removal: Removal,
  ) {
    for (const group of graph.groups) {
      group.classes.forEach((member, index) => this.places.set(member, { group, index }));
    }
    this.requirePrunable();
    this.requireReaders();
    this.gone = this.unneeded();
    this.movable = new Set(graph.prunable.filter((group) => this.isMovable(group)));
  }

  plan(): PruningPlan {
    const partial = [...this.readers.values()].filter((reader) => this.isPartial(reader));
    for (const reader of partial.sort((a, b) => this.gatherCost(b) - this.gatherCost(a))) {
      this.serve(reader);
    }
    const sources = this.sources();
    const keep = this.keepWithout(this.gone, sources);
    projectCalls(this.graph, keep); // throws where a layer would have no channels
    const unread = new Map(
      [...this.removal.unread.keys()].map((path) => {
        const reader = this.readers.get(path)!;
        return [reader, this.unreadAfter(reader, sources)] as const;
      }),
    );
    return {
      reordered: this.reordered(sources),
      silent: this.keepWithout(this.removal.classes, sources),
      keep,
      unread,
      selections: [...unread].flatMap(([reader, own]) => this.selection(reader, own, sources)),
    };
  }

  private requirePrunable(): void {
    for (const member of this.removal.classes) {
      const group = this.places.get(member)?.group;
      if (group?.frozen === null) continue;
      const owner = this.graph.slices.find(({ classes }) =>
        classes.some((other) => findClass(this.graph, other) === member),
      );
      const reason = group?.frozen ?? 'no kernel produces its channels';
      throw new NotPrunableError(group?.id ?? owner!.layer, reason);
    }
  }

  private requireReaders(): void {
    for (const { path, classes } of this.readers.values()) {
      if (classes.some((_, at) => this.reads(path, classes, at))) continue;
      throw new NotPrunableError(path, 'it would read no channel');
    }
  }

  private reads(path: string, classes: readonly number[], at: number): boolean {
    return !this.removal.classes.has(classes[at]!) && !this.removal.unread.get(path)?.has(at);
  }

  /** What goes: the removed classes, and those that every reader drops. */
  private unneeded(): Set<number> {
    const gone = new Set(this.removal.classes);
    const needed = classesReadElsewhere(this.graph, this.readers);
    const dropped = new Set<number>();
    for (const { path, classes } of this.readers.values()) {
      classes.forEach((member, at) => {
        (this.reads(path, classes, at) ? needed : dropped).add(member);
      });
    }
    for (const { classes } of this.graph.prunable) {
      const unread = classes.filter((member) => dropped.has(member) && !needed.has(member));
      // A group that nobody reads keeps one channel: its layers must have an output.
      const isLast = classes.every((member) => gone.has(member) || unread.includes(member));
      const spared = isLast ? unread.find((member) => !gone.has(member)) : undefined;
      for (const member of unread) if (member !== spared) gone.add(member);
    }
    return gone;
  }

  /** Whether all channels of a group stand equally often along each axis that holds them. */
  private isMovable({ classes }: ChannelGroup): boolean {
    const own = new Set(classes);
    return this.graph.slices.every((slice) => {
      const counts = new Map<number, number>();
      for (const member of slice.classes) {
        const root = findClass(this.graph, member);
        if (own.has(root)) counts.set(root, (counts.get(root) ?? 0) + 1);
      }
      return counts.size === 0 || (counts.size === own.size && new Set(counts.values()).size === 1);
    });
  }

  private isPartial({ path, classes }: Reader): boolean {
    return classes.some((member, at) => !this.gone.has(member) && !this.reads(path, classes, at));
  }

  /** Multiply-adds of a gather for one position: it only ranks the readers. */
  private gatherCost({ path, classes, inputShape }: Reader): number {
    const width = classes.filter((member) => !this.gone.has(member)).length;
    const read = classes.filter((_, at) => this.reads(path, classes, at)).length;
    const positions = inputShape.slice(1, -1).reduce<number>((n, size) => n * (size ?? 1), 1);
    return positions * width * read;
  }

  /** Finds orders that serve the reader with all that are served already; else leaves them alone. */
  private serve(reader: Reader): void {
    const wanted = canSlice(reader) ? runsOf(this.segments(reader)) : null;
    if (!wanted) return;
    const found = [...wanted].map(([group, own]) => {
      const runs = [...(this.runs.get(group) ?? []), ...own];
      const left = group.classes.filter((member) => !this.gone.has(member));
      return { group, runs, order: orderWithRuns(left, runs) };
    });
    if (found.some(({ order }) => order === null)) return;
    for (const { group, runs, order } of found) {
      this.runs.set(group, runs);
      const removed = group.classes.filter((member) => this.gone.has(member));
      this.orders.set(group, [...order!, ...removed]);
    }
  }

  private segments({ path, classes }: Reader): Segment[] {
    const segments: Segment[] = [];
    for (let at = 0; at < classes.length;) {
      const group = this.groupFrom(classes, at);
      const length = group?.channels ?? 1;
      const left = classes.slice(at, at + length).flatMap((member, offset) => {
        const isRead = this.reads(path, classes, at + offset);
        return this.gone.has(member) ? [] : [{ member, isRead }];
      });
      if (left.length > 0) segments.push({ group, left });
      at += length;
    }
    return segments;
  }

  /** The movable group whose channels stand here, complete and in its order. */
  private groupFrom(classes: readonly number[], start: number): ChannelGroup | null {
    const group = this.places.get(classes[start]!)?.group;
    if (!group || !this.movable.has(group)) return null;
    return group.classes.every((member, at) => classes[start + at] === member) ? group : null;
  }

  /** Per class: the class whose channel takes its place. */
  private sources(): (member: number) => number {
    const sources = new Map<number, number>();
    for (const [{ classes }, order] of this.orders) {
      classes.forEach((member, at) => sources.set(member, order[at]!));
    }
    return (member) => sources.get(member) ?? member;
  }

  private reordered(sources: (member: number) => number): PruningPlan['reordered'] {
    const reordered = new Map<string, Map<number, readonly number[]>>();
    for (const { weight, axis, classes } of this.graph.slices) {
      const from = this.oldIndices(classes, sources);
      if (from.every((old, at) => old === at)) continue;
      const axes = reordered.get(weight) ?? new Map<number, readonly number[]>();
      reordered.set(weight, axes.set(axis, from));
    }
    return reordered;
  }

  /**
   * Along an axis: the old index of what stands at each new one. The k-th place of a class (a position
   * of a flattened tensor, a multiple of a depthwise kernel) gets the k-th of its source.
   */
  private oldIndices(
    classes: readonly number[],
    sources: (member: number) => number,
  ): readonly number[] {
    const roots = classes.map((member) => findClass(this.graph, member));
    const standing = new Map<number, number[]>();
    roots.forEach((root, at) => {
      const list = standing.get(root) ?? [];
      list.push(at);
      standing.set(root, list);
    });
    const met = new Map<number, number>();
    return roots.map((root) => {
      const occurrence = met.get(root) ?? 0;
      met.set(root, occurrence + 1);
      return standing.get(sources(root))![occurrence]!;
    });
  }

  private keepWithout(removed: ReadonlySet<number>, sources: (member: number) => number): KeepSet {
    const groups = this.graph.groups.flatMap(({ id, classes }) => {
      const kept = Uint8Array.from(classes, (member) => (removed.has(sources(member)) ? 0 : 1));
      return kept.includes(0) ? [[id, kept] as const] : [];
    });
    const keep = { groups: new Map(groups), weights: new Map<string, Uint8Array>() };
    checkKeep(this.graph, keep);
    return keep;
  }

  private unreadAfter(
    { path, classes }: Reader,
    sources: (member: number) => number,
  ): ReadonlySet<number> {
    const own = this.removal.unread.get(path);
    const old = this.oldIndices(classes, sources);
    return new Set([...old.keys()].filter((at) => own?.has(old[at]!)));
  }

  private selection(
    reader: Reader,
    unread: ReadonlySet<number>,
    sources: (member: number) => number,
  ): ReaderSelection[] {
    const left = [...reader.classes.keys()].filter(
      (at) => !this.gone.has(sources(reader.classes[at]!)),
    );
    const read = [...left.keys()].filter((index) => !unread.has(left[index]!));
    return read.length < left.length ? [{ reader, read, width: left.length }] : [];
  }
}

/**
 * The runs that make what is read of these neighbours one slice, per group; null when none could.
 *
 * What is read must lie in segments that follow one another: the inner ones whole, the first one up to
 * its end and the last one from its start.
 */
function runsOf(segments: readonly Segment[]): Map<ChannelGroup, Run[]> | null {
  const touched = segments.map(({ left }) => left.some(({ isRead }) => isRead));
  const [first, last] = [touched.indexOf(true), touched.lastIndexOf(true)];
  const runs = new Map<ChannelGroup, Run[]>();
  for (let at = first; at <= last; at++) {
    const { group, left } = segments[at]!;
    if (left.every(({ isRead }) => isRead)) continue;
    if (at > first && at < last) return null;
    if (group === null || !touched[at]) return null;
    const members = new Set(left.flatMap(({ member, isRead }) => (isRead ? [member] : [])));
    const run = { members, atStart: at > first, atEnd: at < last };
    runs.set(group, [...(runs.get(group) ?? []), run]);
  }
  return runs;
}
