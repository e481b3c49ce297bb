import type * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, KeepSet, Network, Remainder } from '../graph';
import { layerHandler, projectCalls, projectClasses, projectIndices } from '../graph';
import { dropActingConstraints, modelOf, stockConfigOf, weightsByName } from '../layers';
import type { LayerConfig, ModelConfig } from '../layers';
import { insertExpansions } from './expansion';
import {
  assignWeights,
  hostWeight,
  silenceAlong,
  silenceSingly,
  slice,
} from '../layers/host-weights';
import type { HostWeight } from '../layers/host-weights';

/** A model and its graph, as a Network holds them. */
export type ModelAndGraph = Pick<Network, 'model' | 'graph'>;

/**
 * The masked network as a stock model of full width: every removed filter silenced together with
 * its bias, gamma, beta and moving mean, every removed single weight zero. Constraints that would change
 * the weights that are left are dropped: their effect is in the weights already.
 *
 * It is what `harden` must reproduce. `model` is untouched; the caller owns the result.
 *
 * @param network a Network, or a model (prunable or its stock twin) with its graph.
 * @throws {OptionError} when the keep set does not fit the graph. @throws {NotPrunableError} when it removes from a frozen group.
 */
export function mask({ model, graph }: ModelAndGraph, keep: KeepSet): tf.LayersModel {
  const weights = maskWeights(model, graph, keep);
  const masked = modelOf(stockConfigOf(model), model);
  assignWeights(masked, weights);
  dropActingConstraints(masked);
  return masked;
}

/**
 * The really smaller network: stock layers, only the channels that `keep` leaves.
 *
 * Plans everything first and then builds a new model; `model` is untouched, the caller owns the
 * result. It computes what `mask(network, keep)` computes, and has no constraint that would change its
 * weights when a file of it is opened.
 *
 * @throws {OptionError} when the keep set does not fit the graph. @throws {NotPrunableError} when it removes from a frozen group.
 */
export function harden(network: ModelAndGraph, keep: KeepSet): tf.LayersModel {
  return buildHard(planHard(network, keep), network.model);
}

/** The smaller network before tfjs builds it: its config, and its weights on the host. */
export interface HardPlan {
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, HostWeight>;
}

/**
 * Everything of `harden` but the building: checks the keep set, slices the weights, rewrites the config.
 *
 * @throws {OptionError} when the keep set does not fit the graph. @throws {NotPrunableError} when it removes from a frozen group.
 */
export function planHard({ model, graph }: ModelAndGraph, keep: KeepSet): HardPlan {
  const weights = new Map<string, HostWeight>();
  const kept = projectIndices(graph, keep); // what would be silent is cut away: only single weights are silenced
  for (const [name, weight] of singlySilenced(model, keep)) {
    weights.set(name, slice(weight, kept.get(name) ?? new Map()));
  }
  const config = stockConfigOf(model);
  rewriteLayers(config.layers, '', firstCalls(projectCalls(graph, keep)));
  for (const [name, weight] of insertExpansions(config, graph, keep)) weights.set(name, weight);
  return { config, weights };
}

/**
 * The stock model of a plan; the caller owns it.
 *
 * @param plan its config is changed by the building: one plan, one model.
 * @param like the model that was planned from.
 */
export function buildHard({ config, weights }: HardPlan, like: tf.LayersModel): tf.LayersModel {
  const hard = modelOf(config, like);
  assignWeights(hard, weights);
  dropActingConstraints(hard);
  return hard;
}

/** The weights of the stock twin on the host, silenced where the keep set removes. */
function maskWeights(
  model: tf.LayersModel,
  graph: ChannelGraph,
  keep: KeepSet,
): Map<string, HostWeight> {
  const stays = projectClasses(graph, keep);
  const weights = new Map(singlySilenced(model, keep));
  for (const { weight, axis, silenced, classes } of graph.slices) {
    const flags = classes.map(stays);
    if (!silenced || !flags.includes(false)) continue;
    weights.set(weight, silenceAlong(weights.get(weight)!, axis, flags));
  }
  return weights;
}

/** Each weight on the host, one after the other, without the single weights that are removed. */
function* singlySilenced(
  model: tf.LayersModel,
  keep: KeepSet,
): Generator<[name: string, weight: HostWeight]> {
  for (const [name, variable] of weightsByName(model)) {
    const flags = keep.weights.get(name);
    const weight = hostWeight(variable);
    yield [name, flags ? silenceSingly(weight, flags) : weight];
  }
}

/** The first call of each layer: the calls of a shared layer keep the same channels. */
function firstCalls(remainders: readonly Remainder[]): Map<string, Remainder> {
  const first = new Map<string, Remainder>();
  for (const left of remainders) {
    if (!first.has(left.call.path)) first.set(left.call.path, left);
  }
  return first;
}

function rewriteLayers(
  layers: LayerConfig[],
  prefix: string,
  left: ReadonlyMap<string, Remainder>,
): void {
  for (const { name, className, config } of layers) {
    const path = prefix + (name ?? (config.name as string));
    if (config.layers) rewriteLayers(config.layers, `${path}/`, left);
    const remainder = left.get(path);
    if (!remainder) continue;
    layerHandler(className)?.rewrite?.(config, remainder);
    // An input's shape, written in the first layer of a nested model, follows its channels.
    const declared = config.batchInputShape as (number | null)[] | undefined;
    const width = remainder.inputShapes[0]?.at(-1);
    if (declared && width !== undefined) config.batchInputShape = [...declared.slice(0, -1), width];
  }
}
