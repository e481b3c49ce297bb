/** A criterion of your own: filters whose largest weight is smallest go first. */
import * as tf from '@tensorflow/tfjs';
import { chooseUnits, filterRows, Methodology, resnet20, startEngine, Network } from '../../index';

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
  const network = Network.of(model);
  for (const scope of ['uniform', 'global', 'adaptive'] as const) {
    const keep = chooseUnits(network, new PeakFilter(), { rate: 0.3, scope });
    console.log(`${scope}: ${network.costs().macs} -> ${network.costs(keep).macs} MACs`);
  }
}

void main();
