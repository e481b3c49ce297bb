import { startEngine } from '../backend/engine';
import type { ConfigOf } from '../config';
import { ChannelGraph } from '../graph';
import { formatTable } from '../report/table';
import { networkOf } from './network';
import type { Terminal } from './terminal';

/** Counts multiply-adds and parameters layer by layer; FLOPs are twice the multiply-adds. */
export async function flops(config: ConfigOf<'flops'>, terminal: Terminal): Promise<number> {
  await startEngine('cpu'); // nothing is computed but initial weights
  const { model } = await networkOf({ ...config, seed: null });
  const graph = ChannelGraph.of(model);
  const [macs, params] = [graph.macs(), graph.params()];
  const layers = graph.costs().filter((cost) => cost.macs > 0 || cost.params > 0);
  model.dispose();
  if (config.json) {
    const listed = layers.map(({ path, className, ...cost }) => ({
      name: path,
      class: className,
      ...cost,
      flops: 2 * cost.macs,
    }));
    terminal.print(JSON.stringify({ macs, flops: 2 * macs, params, layers: listed }));
    return 0;
  }
  const rows = layers.map(({ path, className, outputShape, ...cost }) => [
    path,
    className,
    outputShape.slice(1).join(' x '),
    cost.macs.toLocaleString('en'),
    cost.params.toLocaleString('en'),
  ]);
  rows.push(['total', '', '', macs.toLocaleString('en'), params.toLocaleString('en')]);
  terminal.print(formatTable(['layer', 'class', 'output', 'MACs', 'parameters'], rows));
  terminal.print(`FLOPs = 2 x MACs = ${(2 * macs).toLocaleString('en')}, for one image`);
  return 0;
}
