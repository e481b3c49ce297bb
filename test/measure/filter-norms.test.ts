import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { ChannelGraph, keepAll } from '../../graph';
import { filterNorms } from '../../measure/filter-norms';
import { describeOn } from '../engines';
import { expectNoLeak } from '../tensors';

/** Two 1x1 convolutions in a row, the second transposed: [1, 1, in, out] and [1, 1, out, in]. */
function network(): tf.LayersModel {
  const input = tf.input({ shape: [2, 2, 1] });
  const first = tf.layers.conv2d({ name: 'first', filters: 3, kernelSize: 1 });
  const second = tf.layers.conv2dTranspose({ name: 'second', filters: 2, kernelSize: 1 });
  const pool = tf.layers.globalAveragePooling2d({ name: 'pool' });
  const head = tf.layers.dense({ name: 'head', units: 2 });
  const outputs = [first, second, pool, head].reduce<unknown>(
    (x, layer) => layer.apply(x as tf.SymbolicTensor),
    input,
  );
  return tf.model({ inputs: input, outputs: outputs as tf.SymbolicTensor });
}

describeOn(['cpu'], 'the norms of filters', () => {
  let kernels: Record<string, tf.Tensor>;
  beforeAll(() => {
    kernels = {
      'first/kernel': tf.tensor([-1, 2, 3], [1, 1, 1, 3]),
      // filters (3, 4, 0) and (0, 6, 8)
      'second/kernel': tf.tensor([3, 4, 0, 0, 6, 8], [1, 1, 2, 3]),
    };
  });
  const read = (name: string): tf.Tensor => kernels[name]!;

  it('are those of whole filters, along the axis of each kernel', () => {
    const model = network();
    const graph = ChannelGraph.of(model);
    const norms = filterNorms(graph, read, keepAll)!;
    // 1, 2, 3: mean 2, deviation sqrt(2 / 3); 5 and 10: mean 7.5, deviation 2.5
    const { kernels: spreads, ...common } = norms;
    expect(spreads['first/kernel']).toEqual({
      min: 1,
      mean: 2,
      max: 3,
      deviation: Math.sqrt(2 / 3),
    });
    expect(spreads['second/kernel']).toEqual({ min: 5, mean: 7.5, max: 10, deviation: 2.5 });
    expect(common).toMatchObject({ min: 1, mean: 21 / 5, max: 10 });
    expect(common.relativeDeviation).toBeCloseTo((Math.sqrt(2 / 3) / 2 + 1 / 3) / 2, 12);
    expect(common.relativeMin).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
    model.dispose();
  });

  it('leave out filters that are gone for good', () => {
    const model = network();
    const held = { groups: new Map([['first', Uint8Array.of(0, 1, 1)]]), weights: new Map() };
    const norms = filterNorms(ChannelGraph.of(model), read, held)!;
    expect(norms.kernels['first/kernel']).toMatchObject({ min: 2, mean: 2.5, deviation: 0.5 });
    model.dispose();
  });

  it('are none where all filters are zero', () => {
    const model = network();
    const zeros = (name: string): tf.Tensor => tf.zerosLike(read(name));
    tf.tidy(() => {
      expect(filterNorms(ChannelGraph.of(model), zeros, keepAll)).toBeNull();
    });
    model.dispose();
  });

  it('leave no tensor behind', () => {
    const model = network();
    const graph = ChannelGraph.of(model);
    expectNoLeak(() => {
      filterNorms(graph, read, keepAll);
    });
    model.dispose();
  });
});
