/** A criterion of your own: filters whose largest weight is smallest go first. */
import * as tf from '@tensorflow/tfjs';
import {
  ChannelGraph,
  countMacs,
  filterRows,
  Methodology,
  resnet20,
  startEngine,
  weightsByName,
} from '../../index';

/**
 * Removes the filters of smallest largest weight.
 *
 * Formula: s_j = max |F_j|.
 */
class PeakFilter extends Methodology {
  protected override score(kernel: tf.Tensor): tf.Tensor {
    return tf.max(tf.abs(filterRows(kernel)), 1); // [out], higher = keep
  }
}

async function main(): Promise<void> {
  await startEngine('cpu');
  const model = resnet20({ inputShape: [32, 32, 3], classes: 10, seed: 1 });
  const graph = ChannelGraph.of(model);
  const weights = weightsByName(model);
  for (const scope of ['uniform', 'global', 'adaptive'] as const) {
    const method = new PeakFilter({ rate: 0.3, scope });
    const keep = method.choose(graph, (name) => weights.get(name)!.read());
    console.log(`${scope}: ${countMacs(graph)} -> ${countMacs(graph, keep)} MACs`);
  }
}

void main();
