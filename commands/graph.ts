import { startEngine } from '../backend/engine';
import type { ConfigOf } from '../config';
import { nodeFiles, replaceFile } from '../files/durable-files';
import { ChannelGraph } from '../graph';
import type { ChannelGroup } from '../graph';
import { dotOf } from '../graph/dot';
import { schemaOf } from '../graph/schema';
import { formatTable } from '../report/table';
import { networkOf, underSchema } from './network';
import type { Terminal } from './terminal';

/**
 * Lists the channel groups of a network: what each controls, and why some are not prunable; or prints
 * its dependency schema, or text for Graphviz. With `--svg` it draws them to a file besides.
 */
export async function graph(config: ConfigOf<'graph'>, terminal: Terminal): Promise<number> {
  await startEngine('cpu'); // nothing is computed but initial weights
  const { model, source } = await networkOf({ ...config, seed: null });
  const traced = ChannelGraph.of(model, { residual: config.residual });
  const channelGraph = await underSchema(traced, config.schemaFile);
  const drawing = config.dot || config.svg !== null ? dotOf(channelGraph, model) : '';
  model.dispose();
  if (config.svg !== null) {
    await replaceFile(config.svg, Buffer.from(await svgOf(drawing)), nodeFiles);
  }
  if (config.dot) terminal.print(drawing);
  else if (config.schema) terminal.print(JSON.stringify(schemaOf(channelGraph), null, 2));
  else printGroups(channelGraph, source, { config, terminal });
  return 0;
}

/** Graphviz is an ES module of a megabyte: loaded where something is to be drawn. */
async function svgOf(dot: string): Promise<string> {
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz');
  const graphviz = await Graphviz.load();
  return graphviz.dot(dot);
}

function printGroups(
  channelGraph: ChannelGraph,
  source: string,
  { config, terminal }: { config: ConfigOf<'graph'>; terminal: Terminal },
): void {
  const macsOf = controlledMacs(channelGraph);
  const groups = channelGraph.groups.map((group) => {
    const { id, channels, producers, followers, consumers, frozen } = group;
    return {
      id,
      channels,
      macs: macsOf(group),
      producers: producers.map(({ layer }) => layer),
      followers,
      consumers,
      frozen,
    };
  });
  if (config.json) {
    terminal.print(JSON.stringify({ source, residual: config.residual, groups }, null, 2));
    return;
  }
  const rows = groups.map(({ id, channels, macs, producers, consumers, frozen }) => [
    id,
    channels,
    macs,
    producers.length,
    consumers.length,
    frozen ?? 'prunable',
  ]);
  const head = ['group', 'channels', 'MACs', 'producers', 'consumers', 'state'];
  terminal.print(formatTable(head, rows, ['left', 'right', 'right', 'right', 'right', 'left']));
}

/** Multiply-adds of all layers that shrink with a group: its producers, followers and consumers. */
function controlledMacs(channelGraph: ChannelGraph): (group: ChannelGroup) => number {
  const macs = new Map<string, number>();
  for (const cost of channelGraph.costs()) {
    macs.set(cost.path, (macs.get(cost.path) ?? 0) + cost.macs);
  }
  return ({ producers, followers, consumers }) => {
    const layers = new Set([...producers.map(({ layer }) => layer), ...followers, ...consumers]);
    return [...layers].reduce((sum, layer) => sum + (macs.get(layer) ?? 0), 0);
  };
}
