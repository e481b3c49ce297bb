import type { ChannelGraph, ChannelGroup } from '../graph';

/** A rate of its own for the layers that a pattern names, as `Selection` reads patterns. */
export interface LayerRate {
  readonly pattern: string;
  /** Fraction of units removed, in [0, 1). */
  readonly rate: number;
}

/**
 * The rate of every layer and channel group: that of the last rule that names it, else the common one.
 *
 * A group takes the rate of the rule that names one of its producers.
 */
export class LayerRates {
  private readonly common: number;
  private readonly rules = new Map<string, LayerRate>(); // by layer

  /** @throws {RangeError} when a rule matches no layer, or only such as may not be pruned. */
  constructor(
    graph: ChannelGraph,
    { rate, layerRates }: { readonly rate: number; readonly layerRates: readonly LayerRate[] },
    unit: 'filter' | 'weight',
  ) {
    this.common = rate;
    const open = openLayers(graph, unit);
    for (const rule of layerRates) {
      const layers = graph.layersMatching('--layer-rate', rule.pattern);
      if (rule.rate > 0 && ![...layers].some((layer) => open.has(layer))) {
        throw new RangeError(
          `--layer-rate ${nameOf(rule)} has no effect: ${reasonOf(graph, [...layers][0]!)}`,
        );
      }
      for (const layer of layers) this.rules.set(layer, rule);
    }
  }

  /** The rate of a kernel by itself, whatever its filters are tied to. */
  ofKernel(name: string): number {
    return this.rules.get(layerOf(name))?.rate ?? this.common;
  }

  /**
   * The rate of a group.
   *
   * @throws {RangeError} when rules of different rates name its producers.
   */
  ofGroup({ id, producers }: ChannelGroup): number {
    const named = producers.flatMap(({ layer }) => {
      const rule = this.rules.get(layer);
      return rule ? [{ layer, rule }] : [];
    });
    const [first] = named;
    const other = named.find(({ rule }) => rule.rate !== first!.rule.rate);
    if (first && other) {
      throw new RangeError(
        `--layer-rate ${nameOf(first.rule)} and ${nameOf(other.rule)} contradict each other: ` +
          `${first.layer} and ${other.layer} lose their channels together (group ${id})`,
      );
    }
    return first?.rule.rate ?? this.common;
  }
}

function nameOf({ pattern, rate }: LayerRate): string {
  return `${pattern}=${rate}`;
}

/** The layer of `path/kernel`. */
function layerOf(kernel: string): string {
  return kernel.slice(0, kernel.lastIndexOf('/'));
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
