import type * as tf from '@tensorflow/tfjs';
import { startEngine } from '../backend/engine';
import type { Run } from '../config/parse';
import { chooseInputShapes, countCosts, describeSizes, Network } from '../graph';
import { loadModel } from '../jobs';
import { formatTable } from '../report/table';
import type { Terminal } from './terminal';

/** Counts multiply-adds and parameters layer by layer; FLOPs are twice the multiply-adds. */
export async function flops({ config }: Run<'flops'>, terminal: Terminal): Promise<number> {
  await startEngine('cpu'); // nothing is computed but initial weights
  const note = terminal.progress.note.bind(terminal.progress);
  using loaded = await loadModel({ ...config, seed: null, note });
  const { model } = loaded;
  const network = Network.of(model).at(chooseInputShapes(model, config.inputShape));
  const { graph } = network;
  const { macs, params } = network.costs();
  const inputShapes = graph.sized?.inputShapes;
  const layers = countCosts(graph).filter((cost) => cost.macs > 0 || cost.params > 0);
  const costs = layers.map(({ path, className, outputShape, ...cost }) => ({
    name: path,
    class: className,
    ...cost,
    flops: 2 * cost.macs,
    activationBytes: FLOAT_BYTES * sizeOf(outputShape),
    outputShape,
  }));
  if (config.json) {
    terminal.printData(
      JSON.stringify({ macs, flops: 2 * macs, params, inputShapes, layers: costs }),
    );
    return 0;
  }
  const counted = (count: number): string => count.toLocaleString('en');
  const rows = costs.map((cost) => [
    cost.name,
    cost.class,
    cost.outputShape.slice(1).join(' x '),
    ...[cost.macs, cost.flops, cost.params, cost.activationBytes].map(counted),
  ]);
  rows.push(['total', '', '', counted(macs), counted(2 * macs), counted(params), '']);
  const head = ['layer', 'class', 'output', 'MACs', 'FLOPs', 'parameters', 'activation bytes'];
  const giveUp = ['FLOPs', 'activation bytes', 'class', 'output'];
  terminal.print(formatTable(head, rows, { columns: terminal.columns, giveUp }));
  const size = inputShapes
    ? `one input of ${describeSizes(inputShapes)}: the network leaves its size free (--input-shape)`
    : 'one image';
  terminal.print(`FLOPs = 2 x MACs = ${counted(2 * macs)}, for ${size}`);
  return 0;
}

const FLOAT_BYTES = 4;

/** Values of one image's tensor; an unknown size counts as 1. */
function sizeOf(shape: tf.Shape): number {
  return shape.slice(1).reduce<number>((size, length) => size * (length ?? 1), 1);
}
