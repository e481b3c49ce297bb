/** A network of your own: any stock layers; the graph finds what hangs together. */
import * as tf from '@tensorflow/tfjs';
import {
  chooseUnits,
  countParams,
  GeometricMedian,
  harden,
  seedOf,
  startEngine,
  verify,
  Network,
} from '../../index';
import type { NetworkOptions } from '../../index';

/** Three convolutions, two of which add up, and a classifier that answers logits. */
function tinyNet({ inputShape, classes, seed = 1 }: NetworkOptions): tf.LayersModel {
  const apply = (layer: tf.layers.Layer, x: tf.SymbolicTensor | tf.SymbolicTensor[]) =>
    layer.apply(x) as tf.SymbolicTensor;
  const convolution = (name: string, filters: number): tf.layers.Layer =>
    tf.layers.conv2d({
      name,
      filters,
      kernelSize: 3,
      padding: 'same',
      useBias: false,
      kernelInitializer: tf.initializers.heNormal({ seed: seedOf('init', seed ?? 1, name) }),
    });
  const block = (name: string, filters: number, x: tf.SymbolicTensor): tf.SymbolicTensor => {
    const normalized = apply(
      tf.layers.batchNormalization({ name: `${name}_bn` }),
      apply(convolution(name, filters), x),
    );
    return apply(tf.layers.reLU({ name: `${name}_relu` }), normalized);
  };
  const input = tf.input({ shape: [...inputShape] });
  const stem = block('stem', 16, input);
  const branch = block('branch', 16, stem);
  const sum = apply(tf.layers.add({ name: 'sum' }), [stem, branch]);
  const last = block('last', 24, sum);
  const pooled = apply(tf.layers.globalAveragePooling2d({ name: 'pool' }), last);
  const logits = apply(tf.layers.dense({ name: 'classes', units: classes }), pooled);
  return tf.model({ inputs: input, outputs: logits, name: 'tiny_net' });
}

async function main(): Promise<void> {
  await startEngine('cpu');
  const model = tinyNet({ inputShape: [16, 16, 3], classes: 10 });
  const network = Network.of(model);
  const { graph } = network;
  for (const { id, channels, producers, frozen } of graph.groups) {
    const layers = producers.map(({ layer }) => layer).join(' + ');
    console.log(
      `${id}: ${channels} channels of ${layers}${frozen === null ? '' : `, not prunable: ${frozen}`}`,
    );
  }
  const keep = chooseUnits(network, new GeometricMedian(), { rate: 0.5, merge: 'mean' });
  const hard = harden(network, keep);
  const images = tf.randomNormal([8, 16, 16, 3], 0, 1, 'float32', 1);
  const proof = await verify({ model, graph, keep, hard }, [images]);
  console.log(`parameters ${countParams(graph)} -> ${countParams(graph, keep)}`);
  console.log(`largest difference to the masked network: ${proof.maxAbsDiff}`);
}

void main();
