/**
 * A layer of your own, made prunable: ShuffleNet's channel shuffle.
 *
 *     npx ts-node examples/channel-shuffle.ts
 *
 * The graph does not know the class `ChannelShuffle`: without a handler it closes the channels and says so.
 * The handler tells the two things it must know: that output j carries the channel of input order[j],
 * and how the config is rewritten when some of them go.
 */
import * as tf from '@tensorflow/tfjs';
import {
  ChannelGraph,
  chooseUnits,
  countMacs,
  countParams,
  findGroup,
  harden,
  NormFilter,
  registerLayerHandler,
  startEngine,
  verify,
  Network,
} from '../index';

interface ShuffleConfig {
  name?: string;
  /** Output j is input order[j]; a permutation of the channels. */
  order: number[];
}

/** Permutes the channels of [..., c]. */
class ChannelShuffle extends tf.layers.Layer {
  static readonly className = 'ChannelShuffle';
  private readonly order: number[];

  constructor(config: ShuffleConfig) {
    super(config);
    this.order = config.order;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = Array.isArray(inputs) ? inputs[0]! : inputs;
    return tf.tidy(() => tf.gather(x, tf.tensor1d(this.order, 'int32'), x.rank - 1));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), order: this.order };
  }
}
tf.serialization.registerClass(ChannelShuffle);

/** ShuffleNet's order: the channels of `groups` groups dealt out like cards. */
function dealt(channels: number, groups: number): number[] {
  const size = channels / groups;
  return Array.from(
    { length: channels },
    (_, to) => (to % groups) * size + Math.floor(to / groups),
  );
}

/** Two grouped convolutions around a shuffle, all from stock layers but one. */
function buildModel(): tf.LayersModel {
  const input = tf.input({ shape: [12, 12, 3] });
  const apply = (layer: tf.layers.Layer, x: tf.SymbolicTensor | tf.SymbolicTensor[]) =>
    layer.apply(x) as tf.SymbolicTensor;
  /** The half of eight channels that begins at `from`: Cropping2D slices the last axis. */
  const half = (from: 0 | 4): tf.layers.Layer =>
    tf.layers.cropping2D({
      dataFormat: 'channelsFirst',
      cropping: [
        [0, 0],
        [from, 4 - from],
      ],
    });
  const stem = tf.layers.conv2d({ name: 'stem', filters: 8, kernelSize: 3, useBias: false });
  const normalized = apply(tf.layers.batchNormalization({ name: 'stem_bn' }), apply(stem, input));
  const rectified = apply(tf.layers.reLU(), normalized);
  const shuffled = apply(new ChannelShuffle({ name: 'shuffle', order: dealt(8, 2) }), rectified);
  const grouped = ([0, 4] as const).map((from) =>
    apply(
      tf.layers.conv2d({ name: `group${from / 4}`, filters: 6, kernelSize: 3, activation: 'relu' }),
      apply(half(from), shuffled),
    ),
  );
  const pooled = apply(
    tf.layers.globalAveragePooling2d({}),
    apply(tf.layers.concatenate(), grouped),
  );
  const classes = tf.layers.dense({ name: 'classes', units: 4, activation: 'softmax' });
  return tf.model({ inputs: input, outputs: apply(classes, pooled) });
}

async function main(): Promise<void> {
  await startEngine('cpu');
  const model = buildModel();
  const closed = findGroup(ChannelGraph.of(model), 'stem');
  console.log(`without a handler: stem is closed, ${closed.frozen}`);

  registerLayerHandler('ChannelShuffle', {
    trace(call) {
      const { order } = call.config as unknown as ShuffleConfig;
      const [{ classes, silent }] = call.inputs as [(typeof call.inputs)[number]];
      return [
        {
          classes: order.map((from) => classes[from]!),
          silent: order.map((from) => silent[from]!),
        },
      ];
    },
    rewrite(config, { inputs }) {
      const stays = inputs[0]!;
      const { order } = config as unknown as ShuffleConfig;
      // The place of each old channel among those that stay.
      const place = stays.map((_, from) => stays.slice(0, from).filter(Boolean).length);
      config.order = order.filter((from) => stays[from]).map((from) => place[from]!);
    },
  });

  const network = Network.of(model);
  const { graph } = network;
  const keep = chooseUnits(network, new NormFilter(), { rate: 0.5 });
  const hard = harden(network, keep);
  const images = tf.randomNormal([16, 12, 12, 3], 0, 1, 'float32', 1);
  const proof = await verify({ model, graph, keep, hard }, [images]);
  const left = (hard.getLayer('shuffle').getConfig() as unknown as ShuffleConfig).order;
  console.log(
    `with a handler: stem keeps ${left.length} of 8 channels, in the order ${left.join(' ')}`,
  );
  console.log(
    `MACs ${countMacs(graph)} -> ${countMacs(graph, keep)}, parameters ${countParams(graph)} -> ${countParams(graph, keep)}`,
  );
  console.log(
    `largest difference to the masked network: ${proof.maxAbsDiff} (${proof.samples} samples, ${proof.backend})`,
  );
}

void main();
