import type { ChannelGraph, KeepSet } from '../graph';
import { expansionName, projectClasses } from '../graph';
import type { InboundReference, LayerConfig, ModelConfig } from '../layers';
import type { HostWeight } from '../layers/host-weights';

/**
 * Puts a scatter before every input that must have its full width: a Dense layer over the last axis
 * whose kernel is 1 where the kept channel meets its old place, so that it moves values unchanged.
 *
 * @param config the narrowed model's config; changed in place.
 * @returns the new layers' weights by name.
 */
export function insertExpansions(
  config: ModelConfig,
  graph: ChannelGraph,
  keep: KeepSet,
): Map<string, HostWeight> {
  const stays = projectClasses(graph, keep);
  const weights = new Map<string, HostWeight>();
  for (const { path, input } of graph.expansions) {
    const call = graph.calls.find((candidate) => candidate.path === path)!;
    const { classes } = call.inputs[input]!;
    const kept = classes.flatMap((member, index) => (stays(member) ? [index] : []));
    if (kept.length === classes.length) continue;
    insert(modelHolding(config, path), path, input, classes.length);
    weights.set(`${expansionName(path, input)}/kernel`, scatterKernel(kept, classes.length));
  }
  return weights;
}

/** [kept, width]: row k is one at its old place. */
function scatterKernel(kept: readonly number[], width: number): HostWeight {
  const values = new Float32Array(kept.length * width);
  kept.forEach((place, index) => {
    values[index * width + place] = 1;
  });
  return { shape: [kept.length, width], values };
}

/** The (nested) model's config that lists the layer at `path`. */
export function modelHolding(config: ModelConfig, path: string): ModelConfig {
  return path
    .split('/')
    .slice(0, -1)
    .reduce(
      (model, name) =>
        // A Sequential lists its layers without a name of their own.
        model.layers.find((layer) => (layer.name ?? layer.config.name) === name)!
          .config as unknown as ModelConfig,
      config,
    );
}

/** Adds the scatter layer, one call for each call of the reading layer. */
function insert(model: ModelConfig, path: string, input: number, width: number): void {
  const name = expansionName(path.split('/').at(-1)!, input);
  const reader = model.layers.find((layer) => layer.name === path.split('/').at(-1))!;
  const scatter: LayerConfig = {
    name,
    className: 'Dense',
    config: { name, units: width, useBias: false, activation: 'linear' },
    inboundNodes: [],
  };
  for (const [call, node] of reader.inboundNodes!.entries()) {
    const reference: InboundReference = node[input]!;
    scatter.inboundNodes!.push([reference]);
    node[input] = [name, call, 0, {}];
  }
  model.layers.push(scatter);
}
