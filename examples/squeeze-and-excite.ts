/**
 * A squeeze-and-excite block, pruned exactly.
 *
 *     npx ts-node examples/squeeze-and-excite.ts
 *
 * The gate of a removed channel is sigmoid(0) = 0.5, not zero; but it multiplies a channel that is zero. So trunk
 * and gate are one group: removing a channel removes the trunk's filter and the gate's unit together. The
 * reduced layer inside the gate is a group of its own.
 */
import * as tf from '@tensorflow/tfjs';
import {
  chooseUnits,
  countMacs,
  countParams,
  harden,
  NormFilter,
  startEngine,
  verify,
  Network,
} from '../index';

type Symbolic = tf.SymbolicTensor;

/** x [n, h, w, c] times a gate in (0, 1) for each channel: [n, 1, 1, c]. */
function squeezeAndExcite(x: Symbolic, channels: number, reduced: number): Symbolic {
  const squeezed = tf.layers.globalAveragePooling2d({}).apply(x) as Symbolic;
  const cell = tf.layers.reshape({ targetShape: [1, 1, channels] }).apply(squeezed) as Symbolic;
  const reduce = tf.layers.conv2d({
    name: 'reduce',
    filters: reduced,
    kernelSize: 1,
    activation: 'relu',
  });
  const expand = tf.layers.conv2d({
    name: 'expand',
    filters: channels,
    kernelSize: 1,
    activation: 'sigmoid',
  });
  const gate = expand.apply(reduce.apply(cell)) as Symbolic;
  return tf.layers.multiply({ name: 'excite' }).apply([x, gate]) as Symbolic;
}

function buildModel(): tf.LayersModel {
  const input = tf.input({ shape: [12, 12, 3] });
  const conv = tf.layers.conv2d({ name: 'trunk', filters: 16, kernelSize: 3, useBias: false });
  const normalized = tf.layers.batchNormalization({ name: 'trunk_bn' }).apply(conv.apply(input));
  const trunk = tf.layers.activation({ activation: 'swish' }).apply(normalized) as Symbolic;
  const excited = squeezeAndExcite(trunk, 16, 4);
  const read = tf.layers.conv2d({ name: 'read', filters: 8, kernelSize: 3 }).apply(excited);
  const pooled = tf.layers.globalAveragePooling2d({}).apply(read);
  const classes = tf.layers.dense({ name: 'classes', units: 4, activation: 'softmax' });
  return tf.model({ inputs: input, outputs: classes.apply(pooled) as Symbolic });
}

async function main(): Promise<void> {
  await startEngine('cpu');
  const model = buildModel();
  const network = Network.of(model);
  const { graph } = network;
  for (const { id, channels, producers, frozen } of graph.groups) {
    const members = producers.map(({ layer }) => layer).join(' + ');
    console.log(
      `group ${id}: ${channels} channels of ${members}${frozen ? ` (kept: ${frozen})` : ''}`,
    );
  }
  const keep = chooseUnits(network, new NormFilter(), { rate: 0.5 });
  const hard = harden(network, keep);
  const images = tf.randomNormal([16, 12, 12, 3], 0, 1, 'float32', 1);
  const proof = await verify({ model, graph, keep, hard }, [images]);
  console.log(
    `MACs ${countMacs(graph)} -> ${countMacs(graph, keep)}, parameters ${countParams(graph)} -> ${countParams(graph, keep)}`,
  );
  console.log(
    `largest difference to the masked network: ${proof.maxAbsDiff} (${proof.samples} samples, ${proof.backend})`,
  );
}

void main();
