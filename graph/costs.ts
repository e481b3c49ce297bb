/** What a network costs, whole or as a keep set leaves it. */
import type * as tf from '@tensorflow/tfjs';
import { layerOf } from '../layers';
import type { ChannelGraph } from './channel-graph';
import { layerHandler } from './handler';
import type { KeepSet } from './keep-set';
import { keepAll } from './keep-set';
import { projectCalls, projectClasses, projectIndices } from './projection';

/** Costs of one layer for one sample; FLOPs are twice the MACs. */
export interface LayerCost {
  readonly path: string;
  readonly className: string;
  readonly macs: number;
  readonly params: number;
  readonly outputShape: tf.Shape;
}

/** Costs per layer of the network that `keep` leaves, in the order of the calls. */
export function countCosts(traced: ChannelGraph, keep: KeepSet = keepAll): LayerCost[] {
  const graph = traced.sized ? { ...traced, calls: traced.sized.calls } : traced;
  const kept = projectIndices(graph, keep);
  const paramsOf = parametersByLayer(graph, kept);
  const counted = new Set<string>();
  const costs = projectCalls(graph, keep).map((left) => {
    const { path, className } = left.call;
    const params = counted.has(path) ? 0 : paramsOf(path);
    counted.add(path);
    const macs = layerHandler(className)?.macs?.(left) ?? 0;
    return { path, className, macs, params, outputShape: left.outputShapes[0] ?? [] };
  });
  return [...costs, ...expansionCosts(graph, keep)];
}

/** Multiply-adds of one sample through the network that `keep` leaves. */
export function countMacs(graph: ChannelGraph, keep: KeepSet = keepAll): number {
  return countCosts(graph, keep).reduce((sum, cost) => sum + cost.macs, 0);
}

/** Weights of the network that `keep` leaves; moving statistics are not counted. */
export function countParams(graph: ChannelGraph, keep: KeepSet = keepAll): number {
  return countCosts(graph, keep).reduce((sum, cost) => sum + cost.params, 0);
}

/** Answers how many parameters stay of a layer, by its path. */
function parametersByLayer(
  { weightShapes }: ChannelGraph,
  kept: ReturnType<typeof projectIndices>,
): (path: string) => number {
  const params = new Map<string, number>();
  for (const [name, shape] of weightShapes) {
    const axes = kept.get(name);
    const size = shape.reduce(
      (size, length, axis) => size * (axes?.get(axis)?.length ?? length),
      1,
    );
    const layer = layerOf(name);
    params.set(layer, (params.get(layer) ?? 0) + size);
  }
  return (path) => params.get(path) ?? 0;
}

/** The linear maps that bring narrowed inputs back to full width; every call pays for its own. */
function expansionCosts(graph: ChannelGraph, keep: KeepSet): LayerCost[] {
  const stays = projectClasses(graph, keep);
  return graph.expansions.flatMap(({ path, input }) => {
    const calls = graph.calls.filter((call) => call.path === path);
    const { classes } = calls[0]!.inputs[input]!;
    const kept = classes.filter(stays).length;
    if (kept === classes.length) return [];
    const params = kept * classes.length;
    return calls.map(({ inputShapes }, index): LayerCost => {
      const outputShape = inputShapes[input]!;
      const positions = outputShape.slice(1, -1).reduce<number>((n, size) => n * (size ?? 1), 1);
      return {
        path: expansionName(path, input),
        className: 'Dense',
        macs: positions * params,
        params: index === 0 ? params : 0,
        outputShape,
      };
    });
  });
}

/** The name of the layer that export puts before input `input` of the call at `path`. */
export function expansionName(path: string, input: number): string {
  return `${path}_scatter${input}`;
}
