import * as tf from '@tensorflow/tfjs';
import type { KeepSet, Network } from '../../graph';
import { projectIndices, countParams } from '../../graph';
import { listMaskedWeights, weightsByName } from '../../layers';

/**
 * Answers how many bytes the weight files of the small network take, without building it.
 *
 * Counted are the weights of the stock layers, moving statistics and the layers that export adds
 * among them; model.json, which hardly changes, is not. Single weights that are zero take their bytes.
 *
 * @param graph of this model (a prunable model or its stock twin).
 */
export function weightBytes({
  model,
  graph,
}: Pick<Network, 'model' | 'graph'>): (keep: KeepSet) => number {
  const masks = new Set(listMaskedWeights(model).map(({ mask }) => mask));
  const statistics = [...weightsByName(model)]
    .filter(([name, weight]) => !graph.weightShapes.has(name) && !masks.has(weight))
    .map(([name, { shape }]) => ({ name, shape: shape as number[] }));
  return (keep) => {
    const kept = projectIndices(graph, keep);
    const sizes = statistics.map(({ name, shape }) =>
      shape.reduce((size, length, axis) => size * (kept.get(name)?.get(axis)?.length ?? length), 1),
    );
    const values = sizes.reduce((sum, size) => sum + size, countParams(graph, keep));
    return values * tf.util.bytesPerElement('float32');
  };
}
