import * as tf from '@tensorflow/tfjs';
import { RandomStream } from '../../random/seeds';
import { harden } from '../../surgery';
import { ChannelGraph } from '../../graph';
import { weightReader, weightsByName } from '../../layers';
import { NormFilter } from '../../methods/norm-filter';
import { architectures } from '../../models';
import type { ArchitectureId, NetworkOptions } from '../../models';
import { chooseUnits } from '../../methods';

/** A network of the zoo whose statistics, scales and shifts are as if it had been trained. */
export function trainedTwin(
  id: ArchitectureId,
  options: Partial<NetworkOptions> = {},
): tf.LayersModel {
  const model = architectures[id]({ inputShape: [32, 32, 3], classes: 10, ...options });
  const random = new RandomStream(7);
  for (const [name, weight] of weightsByName(model)) {
    if (name.endsWith('kernel')) continue; // drawn by the seed, so that values stay in range
    const centre = /gamma|variance/.test(name) ? 1 : 0;
    const size = tf.util.sizeFromShape(weight.shape as number[]);
    const values = Array.from({ length: size }, () => centre + (random.next() - 0.5) / 2);
    const value = tf.tensor(values, weight.shape as number[]);
    weight.write(value);
    value.dispose();
  }
  return model;
}

/** The hard network at rate 0.3; `model` is disposed of. */
export function prunedOf(model: tf.LayersModel): tf.LayersModel {
  const graph = ChannelGraph.of(model);
  const keep = chooseUnits({ graph, kernel: weightReader(model) }, new NormFilter(), { rate: 0.3 });
  const hard = harden({ model, graph }, keep);
  model.dispose();
  return hard;
}
