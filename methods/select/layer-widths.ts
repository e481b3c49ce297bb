import type { ChannelGraph, ChannelGroup } from '../../graph';
import { roundKept } from './counts';
import type { Rounding } from './counts';

/** What a width must obey: see Policy. */
interface WidthRules {
  readonly roundTo: number;
  readonly rounding: Rounding;
  readonly minKeep: number;
}

/**
 * Counts the channels that stay, group by group, so that the LAYERS come out right.
 *
 * A layer's output may be made of several groups: with option-A shortcuts the 32 channels of stage 2
 * are the 16 of stage 1 and 16 of their own. Rate and rounding are of the layer's width: the groups
 * settled before are subtracted, and the last one takes the rest (32 keeps 23, of which 12 are stage
 * 1's and 11 its own).
 */
export class LayerWidths {
  private readonly layers = new Map<string, ChannelGroup[]>(); // kernel -> groups of its filters
  private readonly kept = new Map<string, number>(); // group id -> channels that stay, once settled

  constructor(
    graph: ChannelGraph,
    private readonly rules: WidthRules,
  ) {
    for (const group of graph.groups) {
      if (group.frozen !== null) this.kept.set(group.id, group.channels);
      for (const { weight } of group.producers) {
        this.layers.set(weight, [...(this.layers.get(weight) ?? []), group]);
      }
    }
  }

  /**
   * What the group must lose for its layer's prunable channels to lose what `removedOf` says.
   *
   * @param removedOf channels removed of a width, before any rounding.
   * @param isAlike whether another group of the layer loses the same rate; the others count for themselves.
   */
  share(
    group: ChannelGroup,
    removedOf: (width: number) => number,
    isAlike: (other: ChannelGroup) => boolean,
  ): number {
    const others = this.settledBeside(group).filter(
      (other) => other.frozen === null && isAlike(other),
    );
    const width = others.reduce((sum, { channels }) => sum + channels, group.channels);
    const gone = others.reduce((sum, { id, channels }) => sum + channels - this.kept.get(id)!, 0);
    return Math.min(group.channels, Math.max(0, removedOf(width) - gone));
  }

  /**
   * Fixes how many channels of the group go: `wanted`, but so that `minKeep` of them stay and the
   * layer keeps a multiple of `roundTo`.
   *
   * @param gone what an earlier choice removed: never fewer go, the layer then keeps the next multiple down.
   */
  settle({ id, channels, ...group }: ChannelGroup, wanted: number, gone = 0): number {
    const others = this.settledBeside({ id, channels, ...group });
    const beside = others.reduce((sum, other) => sum + this.kept.get(other.id)!, 0);
    const width = others.reduce((sum, other) => sum + other.channels, channels);
    const { roundTo: multiple, rounding, minKeep } = this.rules;
    const floor = Math.min(minKeep, channels);
    const stays = Math.max(channels - wanted, floor);
    const rule = { multiple, rounding, least: beside + floor };
    const kept = Math.min(roundKept(beside + stays, width, rule) - beside, channels);
    const most = channels - gone;
    const below = Math.floor((beside + most) / multiple) * multiple - beside;
    this.kept.set(id, kept <= most ? kept : below >= floor ? below : most);
    return channels - this.kept.get(id)!;
  }

  /** The other groups of one of the group's layers, a layer where all of them are settled; or none. */
  private settledBeside(group: ChannelGroup): ChannelGroup[] {
    const beside = group.producers.map(({ weight }) =>
      this.layers.get(weight)!.filter(({ id }) => id !== group.id),
    );
    return beside.find((others) => others.every(({ id }) => this.kept.has(id))) ?? [];
  }
}
