/** Networks of all layer classes with their options, each determined by its number. */
import * as tf from '@tensorflow/tfjs';
import { RandomStream, seedOf } from '../../../random/seeds';
import { drawnCase, layerClasses, layerOf } from '../../formats/layer-options';
import type { LayerCase, LayerClass } from '../../formats/layer-options';
import { randomize } from '../../graph/fixtures/law';
import { build, chance, oneOf, others } from '../../graph/fixtures/random-graph';
import type { Site, Step, Variety } from '../../graph/fixtures/random-graph';

/** A network of the sweep; the caller owns the model. */
export interface RandomNetwork {
  readonly model: tf.LayersModel;
  /** Whether it takes the images of MNIST and answers its ten classes. */
  readonly isOfDigits: boolean;
  /** What each free length is in this sweep. */
  readonly free: number;
}

/** How long what is free is taken; other than all fixed lengths. */
const FREE = 7;

type Tensor = tf.SymbolicTensor;

/** Shapes of inputs: of most networks one, of some two; with and without free lengths. */
const starts: readonly (readonly tf.Shape[])[] = [
  ...[[[6, 6, 2]], [[5, 5, 2]], [[4, 4, 3]], [[6, 7, 3]], [[6, 3]], [[5, 3]], [[5]], [[3, 3, 3, 2]]],
  ...[[[5, 5, 2], [5, 5, 2]], [[5, 5, 2], [5, 5, 1]], [[5, 3], [4]], [[4, 4, 3], [6]]],
  ...[[[null, null, 2]], [[null, null, 3], [null, null, 3]], [[null, 3]], [[5, null, 2]]],
]; // prettier-ignore

/** The network of a number; the same one each time. */
export function randomNetwork(number: number): RandomNetwork {
  const random = new RandomStream(seedOf('sweep', number));
  const isOfDigits = chance(random, 0.08);
  const shapes = isOfDigits ? [[28, 28, 1]] : oneOf(random, starts);
  const steps = Array.from({ length: 3 + random.integer(8) }, () => random.integer(0x7fff_ffff));
  const variety: Variety = {
    starts: shapes,
    first: isOfDigits ? shrinking : undefined,
    table: drawTable,
    share: 0.6,
    step: optionedLayer,
    mark: changeLayer,
    units: isOfDigits ? 10 : 1 + random.integer(4),
    isSingle: isOfDigits,
  };
  const model = build({ steps, residual: 'coupled', seed: number }, variety);
  randomize(model, number);
  return { model, isOfDigits, free: FREE };
}

/** The first layer for images that plain JavaScript would take long over. */
const shrinking = (): tf.layers.Layer =>
  tf.layers.conv2d({ filters: 4, kernelSize: 5, strides: 5, padding: 'valid' });

/** An Embedding with some of its options, on four words. */
function drawTable(random: RandomStream): tf.layers.Layer {
  const layerClass = layerClasses.find(({ className }) => className === 'Embedding')!;
  const { className, config } = drawnCase(layerClass, random).entry;
  return layerOf({ className, config: { ...config, inputLength: null } });
}

/** Names as people and other programs give them; tfjs does not take all of them where a layer has weights. */
const oddNames = ['enc/conv', 'a.b', 'Ünï', '1st', 'conv 2d', 'class', 'constructor', 'x-y', 'a_b', '"quoted"', "it's", '$&', 'toString']; // prettier-ignore

/** Freezes some layers and gives some odd names. */
function changeLayer(layer: tf.layers.Layer, random: RandomStream): void {
  if (chance(random, 0.12)) layer.trainable = false;
  if (chance(random, 0.1)) layer.name = `${oneOf(random, oddNames)}_${layer.name}`;
}

/** A layer of any class with some of its options, where tfjs computes it. */
const optionedLayer: Step = (x, site) => {
  const { random } = site;
  // What overwrites the declared shape of its input would make a network that no file can hold.
  const fitting = layerClasses.filter((one) => takes(one, x) && !one.below && !one.overwrites);
  const layerClass = oneOf(random, fitting);
  const layerCase = drawnCase(layerClass, random);
  const { entry } = withOwnWidths(layerCase, random);
  const read = readBy(layerClass, x, site);
  if (!read || (!chance(random, 0.03) && !computes(entry, read))) return undefined;
  const layer = layerOf(entry);
  if (read.length === 1) return layer;
  changeLayer(layer, random);
  return [layer.apply(read) as Tensor | Tensor[]].flat()[0]!;
};

/** Whether a class reads tensors of this rank. */
function takes({ inputs }: LayerClass, { rank }: Tensor): boolean {
  return inputs.some(([shape]) => shape!.length + 1 === rank);
}

/** What a layer reads: the tensor, and for a layer of several inputs others of its shape. */
function readBy({ inputs }: LayerClass, x: Tensor, site: Site): Tensor[] | undefined {
  const count = inputs[0]!.length;
  if (count === 1) return [x];
  const alike = others(x, site).filter((y) => y.shape.join() === x.shape.join());
  const twin = (): Tensor => tf.layers.dense({ units: x.shape.at(-1)! }).apply(x) as Tensor;
  return [x, ...alike.slice(0, site.random.integer(2)), twin()];
}

/** Layers as wide as the draw says, not as the table: a channel, or a few. */
function withOwnWidths({ entry, ...rest }: LayerCase, random: RandomStream): LayerCase {
  const own = ['filters', 'units'].filter((option) => option in entry.config);
  if (own.length === 0 || chance(random, 0.1)) return { entry, ...rest };
  const config = { ...entry.config, [own[0]!]: 2 + random.integer(5) };
  return { ...rest, entry: { ...entry, config } };
}

/** Whether tfjs computes a layer on such tensors, and what it declares. */
function computes(entry: LayerCase['entry'], read: readonly Tensor[]): boolean {
  return tf.tidy(() => {
    try {
      const inputs = read.map(({ shape }) => tf.input({ shape: shape.slice(1) }));
      const made = layerOf(entry).apply(inputs.length === 1 ? inputs[0]! : inputs);
      const output = ([made].flat() as Tensor[])[0]!;
      const sizes = output.shape.slice(1);
      if (sizes.reduce<number>((size, length) => size * (length ?? FREE), 1) > 600) return false;
      const values = inputs.map(({ shape }) =>
        tf.ones([2, ...shape.slice(1).map((length) => length ?? FREE)]),
      );
      const { shape } = tf.model({ inputs, outputs: output }).predict(values) as tf.Tensor;
      return shape.length === output.rank && shape.every((length, axis) => axis === 0 || [null, length].includes(output.shape[axis]!)); // prettier-ignore
    } catch {
      return false;
    }
  });
}
