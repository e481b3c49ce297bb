import type * as tf from '@tensorflow/tfjs';
import { findGroup, removedUnits, similarity } from '../../graph';
import type { ChannelGraph, KeepSet, Network } from '../../graph';
import { clearMasks, layerOf } from '../../layers';
import type { Progress } from '../../report/progress';
import type {
  Quality,
  Sensitivity,
  SensitivityGroup,
  SensitivityPoint,
} from '../../report/sensitivity';
import type { SensitivityLog } from './sensitivity-log';

/** What a scan needs. */
export interface GroupScan {
  /** Of a prunable model, whose masks are full again at the end; borrowed. */
  readonly network: Network;
  /** In (0, 1), ascending. */
  readonly rates: readonly number[];
  /** What a method leaves of the whole network at a rate. */
  readonly keepAt: (rate: number) => KeepSet;
  /** Measures the model as it is masked now; what it throws ends the scan. */
  readonly measure: (model: tf.LayersModel) => Promise<Quality>;
  /** What `measure` finds of the whole network, where that is known. Default it is measured. */
  readonly whole?: Quality;
  /** Images that `measure` looks at. */
  readonly images: number;
  /** Where finished measurements are and go. */
  readonly log: SensitivityLog;
  readonly progress: Progress;
}

/**
 * Measures a network with one group after the other pruned, at each rate, all other groups whole.
 *
 * A channel group is pruned as a whole: its filters with all that they leave behind; where the method removes
 * single weights, the groups are the kernels. What the log holds is not measured again, nor what a lower rate
 * left just the same, so that an interrupted scan ends with the very same answer.
 */
export async function scanGroups(scan: GroupScan): Promise<Sensitivity> {
  const { network, rates, keepAt, images, progress } = scan;
  const { graph } = network;
  const points = new Map<string, SensitivityPoint[]>();
  const parts = partsOf(graph, keepAt(rates[0]!));
  const scanner = new Scanner(scan);
  progress.start(rates.length * parts.size + 1, 'sensitivity');
  try {
    const whole = {
      ...(await scanner.whole()),
      ...network.costs(),
    };
    for (const rate of rates) {
      for (const [id, keep] of partsOf(graph, keepAt(rate))) {
        const point = await scanner.point(id, rate, keep);
        points.set(id, [...(points.get(id) ?? []), point]);
      }
    }
    const groups = [...parts].map(([id, keep]) => groupOf(graph, id, keep, points.get(id)!));
    return { images, whole, groups };
  } finally {
    progress.stop();
  }
}

/** The measurements one by one: from the log, from the rate before, or by measuring. */
class Scanner {
  private done = 0;
  private intact: Quality | null = null;
  /** By group what its last rate left, and how well that did. */
  private readonly last = new Map<string, { readonly keep: KeepSet; readonly quality: Quality }>();

  constructor(private readonly scan: GroupScan) {}

  async whole(): Promise<Quality> {
    const none: KeepSet = { groups: new Map(), weights: new Map() };
    this.intact = await this.finished(
      { group: null, rate: 0 },
      async () => this.scan.whole ?? (await this.measured(none)),
    );
    return this.intact;
  }

  async point(group: string, rate: number, keep: KeepSet): Promise<SensitivityPoint> {
    const quality = await this.finished({ group, rate }, () => this.qualityOf(group, keep));
    this.last.set(group, { keep, quality });
    return { rate, removed: removedUnits(keep), ...quality, ...this.scan.network.costs(keep) };
  }

  private async qualityOf(group: string, keep: KeepSet): Promise<Quality> {
    if (removedUnits(keep) === 0) return this.intact!;
    const last = this.last.get(group);
    return last && similarity(last.keep, keep) === 1 ? last.quality : this.measured(keep);
  }

  private async finished(
    name: { readonly group: string | null; readonly rate: number },
    find: () => Promise<Quality>,
  ): Promise<Quality> {
    const { log, progress } = this.scan;
    let quality = log.get(name);
    if (!quality) {
      quality = await find();
      await log.append(name, quality);
    }
    progress.update(++this.done);
    return quality;
  }

  private async measured(keep: KeepSet): Promise<Quality> {
    const { network, measure } = this.scan;
    network.mask(keep, 'unit');
    try {
      const { loss, accuracy } = await measure(network.model);
      return { loss, accuracy };
    } finally {
      clearMasks(network.model);
    }
  }
}

/** A keep set cut into its groups, or kernels, each with the rest of the network whole. */
function partsOf(graph: ChannelGraph, keep: KeepSet): Map<string, KeepSet> {
  const groups = graph.prunable.flatMap(({ id }) => {
    const kept = keep.groups.get(id);
    return kept ? [[id, { groups: new Map([[id, kept]]), weights: new Map() }] as const] : [];
  });
  const kernels = [...keep.weights].map(
    ([name, kept]) => [name, { groups: new Map(), weights: new Map([[name, kept]]) }] as const,
  );
  return new Map<string, KeepSet>([...groups, ...kernels]);
}

function groupOf(
  graph: ChannelGraph,
  id: string,
  keep: KeepSet,
  points: readonly SensitivityPoint[],
): SensitivityGroup {
  const kernel = keep.weights.get(id);
  if (kernel) {
    return { id, layers: [layerOf(id)], units: kernel.length, points };
  }
  const { channels, producers } = findGroup(graph, id);
  return { id, layers: producers.map(({ layer }) => layer), units: channels, points };
}
