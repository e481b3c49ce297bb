import type { ChannelGraph, ChannelGroup } from '../../graph';
import { matchLayers } from '../../graph';
import { OptionError } from '../../errors';
import { layerOf } from '../../layers';

/** A rate of its own for the layers that a pattern names, as `Selection` reads patterns. */
export interface LayerRate {
  readonly pattern: string;
  /** Fraction of units removed, in [0, 1). */
  readonly rate: number;
}

/** The part of a policy that say how much goes. */
interface RateOptions {
  readonly rate: number;
  readonly layerRates: readonly LayerRate[];
  readonly minRate: number;
}

/**
 * The rate of every layer and channel group: that of the last rule that names it, else the common one.
 *
 * A group takes the rate of the rule that names one of its producers.
 */
export class LayerRates {
  /** The rate of all that no rule names. */
  readonly common: number;
  /** What each group loses at least by now, in a common ranking: it grows with the rate. */
  readonly minRate: number;
  private readonly rules = new Map<string, LayerRate>(); // by layer

  /** @throws {OptionError} when a rule matches no layer, or only such as may not be pruned. */
  constructor(
    graph: ChannelGraph,
    { rate, layerRates, minRate }: RateOptions,
    unit: 'filter' | 'weight',
    /** What is removed by now of a final rate. */
    private readonly rateOf: (finalRate: number) => number = (final) => final,
  ) {
    this.common = rateOf(rate);
    this.minRate = Math.min(minRate, rateOf(minRate));
    const open = openLayers(graph, unit);
    for (const rule of layerRates) {
      const layers = matchLayers(graph, 'layerRates', rule.pattern);
      if (rule.rate > 0 && ![...layers].some((layer) => open.has(layer))) {
        throw new OptionError({
          option: 'layerRates',
          problem: `${nameOf(rule)} has no effect: ${reasonOf(graph, [...layers][0]!)}`,
        });
      }
      for (const layer of layers) this.rules.set(layer, rule);
    }
  }

  /** The rate of a kernel by itself, whatever its filters are tied to. */
  ofKernel(name: string): number {
    return this.ownOfKernel(name) ?? this.common;
  }

  /** The rate of the rule that names a kernel's layer; null where none does. */
  ownOfKernel(name: string): number | null {
    const rule = this.rules.get(layerOf(name));
    return rule ? this.rateOf(rule.rate) : null;
  }

  /**
   * The rate of a group.
   *
   * @throws {OptionError} when rules of different rates name its producers.
   */
  ofGroup(group: ChannelGroup): number {
    return this.ownOfGroup(group) ?? this.common;
  }

  /** The rate of the rule that names a producer of the group; null where none does. Throws as `ofGroup`. */
  ownOfGroup({ id, producers }: ChannelGroup): number | null {
    const named = producers.flatMap(({ layer }) => {
      const rule = this.rules.get(layer);
      return rule ? [{ layer, rule }] : [];
    });
    const [first] = named;
    const other = named.find(({ rule }) => rule.rate !== first!.rule.rate);
    if (first && other) {
      throw new OptionError({
        option: 'layerRates',
        problem:
          `${nameOf(first.rule)} and ${nameOf(other.rule)} contradict each other: ` +
          `${first.layer} and ${other.layer} lose their channels together (group ${id})`,
      });
    }
    return first ? this.rateOf(first.rule.rate) : null;
  }
}

function nameOf({ pattern, rate }: LayerRate): string {
  return `${pattern}=${rate}`;
}

/** Layers from which the method may remove something. */
function openLayers(graph: ChannelGraph, unit: 'filter' | 'weight'): Set<string> {
  if (unit === 'weight') {
    return new Set(graph.kernels.map(layerOf));
  }
  return new Set(graph.prunable.flatMap(({ producers }) => producers.map(({ layer }) => layer)));
}

function reasonOf(graph: ChannelGraph, layer: string): string {
  const group = graph.groups.find(({ producers }) =>
    producers.some((producer) => producer.layer === layer),
  );
  return `${layer} is not pruned (${group?.frozen ?? 'it has no channels of its own'})`;
}
