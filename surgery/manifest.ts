import type { ChannelGraph, KeepSet } from '../graph';
import { projectLayers, countMacs, countParams } from '../graph';
import type { DroppedConstraint } from '../layers';
import type { Verification } from './verify';

/** What pruning.json says besides the network itself. */
export interface ManifestFacts {
  readonly method: string;
  readonly rate: number;
  /** Rates of single layers, where they have their own: `layer3_*=0.5`. Default none. */
  readonly layerRates?: readonly string[];
  /** Pieces in which single weights went: `2:4`. Default none. */
  readonly pattern?: string;
  readonly seed: number;
  /** Where the network came from: an architecture's name or a file's. */
  readonly source: string;
  /** Constraints that the small network has no more, since they would act when its file is opened. Default none. */
  readonly droppedConstraints?: readonly DroppedConstraint[];
  /** How the small network is fed, and what its answers mean. Default nothing is said. */
  readonly usage?: object;
  /** Size and SHA-256 of each of its files, by name. Default none. */
  readonly files?: object;
  readonly verification: Verification;
}

/**
 * The content of pruning.json, a public format: what was removed from which layer, and the proof.
 *
 * `layers` names every layer with weights whose output lost channels and the original channels it
 * kept, ascending: whoever zeroes the others in the original network (kernel, bias, gamma, beta,
 * moving mean) has the masked network without our code.
 */
export function pruningManifest(graph: ChannelGraph, keep: KeepSet, facts: ManifestFacts): object {
  const { method, rate, layerRates = [], pattern = 'none', seed, source, verification } = facts;
  const { droppedConstraints = [], usage, files } = facts;
  const keptOf = (id: string, channels: number): number[] => {
    const kept = keep.groups.get(id);
    return Array.from({ length: channels }, (_, index) => index).filter((at) => kept?.[at] ?? 1);
  };
  const layers = [...projectLayers(graph, keep)].flatMap(([path, { outputs }]) => {
    if (!outputs) return [];
    const kept = [...outputs.keys()].filter((index) => outputs[index]);
    return [[path, { outputs: outputs.length, kept }] as const];
  });
  const weights = [...keep.weights].map(([name, kept]) => {
    const removed = kept.reduce((count, stays) => count + 1 - stays, 0);
    return [name, { weights: kept.length, removed }] as const;
  });
  return {
    format: 'secateur-pruning/1',
    method,
    rate,
    ...(layerRates.length > 0 && { layerRates }),
    ...(pattern !== 'none' && { pattern }),
    seed,
    source,
    ...(graph.sized && { inputShapes: graph.sized.inputShapes }),
    residual: graph.residual,
    groups: graph.prunable.map(({ id, channels, producers, followers, consumers }) => ({
      id,
      channels,
      kept: keptOf(id, channels),
      producers: producers.map(({ layer }) => layer),
      followers,
      consumers,
    })),
    layers: Object.fromEntries(layers),
    weights: Object.fromEntries(weights),
    frozen: graph.groups
      .filter(({ frozen }) => frozen !== null)
      .map(({ id, frozen }) => ({ id, reason: frozen })),
    macs: { before: countMacs(graph), after: countMacs(graph, keep) },
    params: { before: countParams(graph), after: countParams(graph, keep) },
    ...(droppedConstraints.length > 0 && { droppedConstraints }),
    ...(usage && { usage }),
    ...(files && { files }),
    verification,
  };
}
