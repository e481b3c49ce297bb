import * as tf from '@tensorflow/tfjs';
import type { JsonObject } from '../files';
import { explainTakenName } from './own-copy';

/** The method with which every layer makes its weights; tfjs declares it protected. */
interface WeightMaker {
  addWeight: (this: tf.layers.Layer, name: string, shape: tf.Shape, ...rest: never[]) => Weight;
}

type Weight = tf.LayerVariable & { dispose(): void };

/**
 * Builds a model with all weights zero; the caller owns it.
 *
 * tfjs makes a layer's weights as large as the config says. Here they may not hold more values than
 * the file does, so that a config of some bytes cannot take all memory.
 *
 * @param topology what `checkTopology` returned; changed by the building.
 * @param values how many values the model's weights may have together.
 * @throws {Error} when they would have more, or for whatever tfjs finds wrong with the topology.
 */
export async function buildModel(topology: JsonObject, values: number): Promise<tf.LayersModel> {
  const weights: Weight[] = [];
  const maker = tf.layers.Layer.prototype as unknown as WeightMaker;
  const { addWeight } = maker;
  let left = values;
  maker.addWeight = function (name, shape, ...rest) {
    left -= sizeOf(shape);
    if (!(left >= 0)) {
      throw new Error(
        `layer ${this.name} asks for a ${name} of shape [${shape.join()}], ` +
          `the weight files hold ${values} values in all`,
      );
    }
    this.setFastWeightInitDuringBuild(true);
    let weight: Weight | undefined;
    tf.tidy(() => {
      weight = addWeight.call(this, name, shape, ...rest); // what it leaves when it throws goes
    });
    weights.push(weight!);
    return weight!;
  };
  let building: Promise<tf.LayersModel>;
  try {
    // Builds before it returns: there is nothing that it would have to wait for.
    // Only a topology: by a manifest it would fetch weights from wherever that says.
    building = tf.models.modelFromJSON({ modelTopology: topology } as unknown as tf.io.ModelJSON);
  } finally {
    maker.addWeight = addWeight;
  }
  let model: tf.LayersModel | undefined;
  try {
    model = await building;
    return model;
  } catch (error) {
    throw explainTakenName(error);
  } finally {
    // A layer that no output needs, or that was made before tfjs gave up, belongs to no model.
    const own = new Set<tf.LayerVariable>(model?.weights);
    for (const weight of weights) {
      if (!own.has(weight)) weight.dispose();
    }
  }
}

/**
 * Frees a model's weights for good: `model.dispose()` only counts down, and a layer that is called
 * twice was counted twice.
 */
export function disposeWeights(model: tf.LayersModel): void {
  for (const weight of model.weights as Weight[]) weight.dispose();
}

/** NaN for anything but whole lengths. */
function sizeOf(shape: tf.Shape): number {
  return shape.reduce<number>(
    (size, length) => (Number.isInteger(length) && length! >= 0 ? size * length! : NaN),
    1,
  );
}
