/** A layer class of your own, made prunable: one gain per channel. */
import * as tf from '@tensorflow/tfjs';
import {
  chooseUnits,
  harden,
  NormFilter,
  registerLayerHandler,
  startEngine,
  verify,
  Network,
} from '../../index';

/** Multiplies each channel of [..., c] by a weight of its own. */
class Gain extends tf.layers.Layer {
  static readonly className = 'Gain';
  private gain!: tf.LayerVariable;

  override build(inputShape: tf.Shape): void {
    const ones = tf.initializers.ones();
    this.gain = this.addWeight('gain', [inputShape.at(-1)!], 'float32', ones);
    super.build(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = Array.isArray(inputs) ? inputs[0]! : inputs;
    return tf.mul(x, this.gain.read());
  }
}
tf.serialization.registerClass(Gain);

registerLayerHandler('Gain', {
  trace(call, tracer) {
    const [channels] = call.inputs as [(typeof call.inputs)[number]];
    tracer.follow(call, 'gain', 0, channels.classes); // index by index with the channels
    // A removed channel's gain is zero, and so is what comes out, whatever came in.
    return [{ classes: channels.classes, silent: channels.silent.map(() => true) }];
  },
  macs: ({ outputShapes }) => outputShapes[0]!.slice(1).reduce<number>((n, size) => n * size!, 1),
});

function buildModel(): tf.LayersModel {
  const model = tf.sequential();
  const convolution = { filters: 8, kernelSize: 3, activation: 'relu' } as const;
  model.add(tf.layers.conv2d({ ...convolution, name: 'conv', inputShape: [12, 12, 3] }));
  model.add(new Gain({ name: 'gain' }));
  model.add(tf.layers.globalAveragePooling2d({}));
  model.add(tf.layers.dense({ name: 'classes', units: 4 }));
  return model;
}

async function main(): Promise<void> {
  await startEngine('cpu');
  const model = buildModel();
  const network = Network.of(model);
  const { graph } = network;
  const keep = chooseUnits(network, new NormFilter(), { rate: 0.5 });
  const hard = harden(network, keep);
  const images = tf.randomNormal([16, 12, 12, 3], 0, 1, 'float32', 1);
  const proof = await verify({ model, graph, keep, hard }, [images]);
  console.log(`the gain keeps ${hard.getLayer('gain').getWeights()[0]!.size} of 8 channels`);
  console.log(`largest difference to the masked network: ${proof.maxAbsDiff}`);
}

void main();
