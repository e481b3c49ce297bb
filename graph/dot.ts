import { configOf } from '../layers';
import type { InboundReference, LayerConfig, ModelConfig } from '../layers';
import type { ChannelGraph } from './channel-graph';
import { findClass } from './channel-graph';
import type { Network } from './network';

/** Fraction of the colour circle between two groups: no two of the first dozens look alike. */
const GOLDEN_ANGLE = 0.618034;

/**
 * The network as text for Graphviz (`dot -Tsvg`): a box a layer, striped in the colours of the channel
 * groups that its outputs belong to, grey where nothing may be removed.
 *
 * @param graph of this model.
 */
export function dotOf({ model, graph }: Pick<Network, 'model' | 'graph'>): string {
  const edges = new Set(edgesOf(configOf(model), '').map(([from, to]) => `${from} -> ${to}`));
  return [
    'digraph network {',
    '  node [shape=box, fontname="sans-serif"];',
    ...nodesOf(graph).map((line) => `  ${line};`),
    ...[...edges].map((line) => `  ${line};`),
    '}',
  ].join('\n');
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

function nodesOf(graph: ChannelGraph): string[] {
  const colours = new Map<number, string>(); // class -> colour
  graph.prunable.forEach(({ classes }, index) => {
    const hue = (index * GOLDEN_ANGLE) % 1;
    for (const member of classes) colours.set(member, `${hue.toFixed(3)} 0.400 0.950`);
  });
  const drawn = new Set<string>();
  return graph.calls.flatMap(({ path, className, outputs, outputShapes }) => {
    if (drawn.has(path)) return [];
    drawn.add(path);
    const own = outputs.flatMap(({ classes }) =>
      classes.map((member) => colours.get(findClass(graph, member)) ?? 'lightgrey'),
    );
    const fill = [...new Set(own)];
    const shape = (outputShapes[0] ?? []).slice(1).map((size) => size ?? '?');
    const label = `${quoted(path).slice(0, -1)}\\n${className} ${shape.join(' x ')}"`;
    const style = fill.length > 1 ? 'striped' : 'filled';
    const colour = fill.join(':') || 'white';
    return [`${quoted(path)} [label=${label}, style=${style}, fillcolor="${colour}"]`];
  });
}

type Edge = readonly [from: string, to: string];

/** Who reads whom, by quoted path; a nested model is its layers. */
function edgesOf(config: ModelConfig, prefix: string): Edge[] {
  return config.layers.flatMap((entry, index) => {
    const inner = entry.config.layers
      ? edgesOf(entry.config as unknown as ModelConfig, `${prefix}${nameOf(entry)}/`)
      : [];
    const nodes: readonly InboundReference[][] = config.inputLayers
      ? (entry.inboundNodes ?? [])
      : [index === 0 ? [] : [[nameOf(config.layers[index - 1]!), 0, 0]]];
    const own = nodes.flatMap((node) =>
      node.map(([name, , output], input): Edge => {
        const source = config.layers.find((layer) => nameOf(layer) === name)!;
        return [quoted(exit(source, prefix, output)), quoted(entrance(entry, prefix, input))];
      }),
    );
    return [...inner, ...own];
  });
}

const nameOf = ({ name, config }: LayerConfig): string => name ?? (config.name as string);

/** The layer that makes an output of a layer or nested model. */
function exit(entry: LayerConfig, prefix: string, output: number): string {
  return end(entry, prefix, (config) => {
    const [name, , at] = config.outputLayers?.[output] ?? [nameOf(config.layers.at(-1)!), 0, 0];
    return { name, next: (inner, path) => exit(inner, path, at) };
  });
}

/** The layer that reads an input of a layer or nested model. */
function entrance(entry: LayerConfig, prefix: string, input: number): string {
  return end(entry, prefix, (config) => {
    const name = config.inputLayers?.[input]?.[0] ?? nameOf(config.layers[0]!);
    return { name, next: (inner, path) => entrance(inner, path, 0) };
  });
}

interface Step {
  readonly name: string;
  readonly next: (entry: LayerConfig, prefix: string) => string;
}

function end(entry: LayerConfig, prefix: string, step: (config: ModelConfig) => Step): string {
  const path = `${prefix}${nameOf(entry)}`;
  if (!entry.config.layers) return path;
  const config = entry.config as unknown as ModelConfig;
  const { name, next } = step(config);
  return next(
    config.layers.find((layer) => nameOf(layer) === name)!,
    `${path}/`,
  );
}
