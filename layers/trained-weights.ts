import type * as tf from '@tensorflow/tfjs';
import { SeededDropout } from './dropout';
import { weightsByName } from './rebuild';

/** What a step trains of a model; `names` holds ours by those that tfjs gives its variables. */
export function findTrained(model: tf.LayersModel): {
  readonly weights: ReadonlyMap<string, tf.LayerVariable>;
  readonly variables: tf.Variable[];
  readonly names: ReadonlyMap<string, string>;
  readonly dropout: SeededDropout;
} {
  const unfrozen = new Set(model.trainableWeights);
  const trainable = [...weightsByName(model)].filter(([, weight]) => unfrozen.has(weight));
  const variables = trainable.map(([, weight]) => weight.read() as unknown as tf.Variable);
  return {
    weights: new Map(trainable),
    variables,
    names: new Map(trainable.map(([name], index) => [variables[index]!.name, name])),
    dropout: new SeededDropout(model),
  };
}
