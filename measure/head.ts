/** What the numbers of a classifier's output are, found by walking back from it. */
import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { isModel, requireOwnModel, stockClassName } from '../layers';

/** What a user may say of the output; `auto` finds it in the network. */
export type LossChoice = 'auto' | 'softmax' | 'sigmoid' | 'logits';

/** How a network answers. */
export interface Head {
  /** Logits of a softmax, which log-probabilities are too, or probabilities: of one class of all, or of each class by itself. */
  readonly kind: 'logits' | 'softmax' | 'sigmoid';
  /** Whether one number speaks for two classes: the second one's probability, or its logit. */
  readonly isBinary: boolean;
}

/**
 * How the first output of a network answers.
 *
 * Goes back over layers that only move values (Reshape, Flatten, Permute, Dropout, a linear activation),
 * into nested models and out of them again.
 *
 * @param loss what the user says of it. Default auto.
 * @throws {OptionError} naming `loss`, when the network ends in an activation that is none of a classifier; for a
 *   model of another copy of TensorFlow.js.
 */
export function readHead(model: tf.LayersModel, loss: LossChoice = 'auto'): Head {
  requireOwnModel(model);
  const output = model.outputs[0]!;
  const isSingle = sizeOf(output.shape) === 1;
  if (loss !== 'auto') return { kind: loss, isBinary: isSingle && loss !== 'softmax' };
  const ending = findEnding(output, () => null);
  const kind = kindOf(ending, sizeOf(output.shape));
  if (kind === null) throw refuse(model, ending!);
  return { kind, isBinary: isSingle && kind === 'sigmoid' };
}

/** The activation that an output ends in, and the shape that it acts on. */
interface Ending {
  /** As tfjs spells it, but in small letters: `softmax`, `logsoftmax`. */
  readonly activation: string;
  readonly layer: string;
  /** The axis that a softmax normalises over. */
  readonly axis: number;
  readonly shape: tf.Shape;
}

/** Goes on outside of a nested model, from one of its inputs; null where the network begins. */
type Outside = (input: tf.SymbolicTensor) => Ending | null;

/** Layers whose output holds the numbers of their input, one by one; in training some are noisy. */
const movers = new Set([
  ...['Reshape', 'Flatten', 'Permute', 'Dropout', 'SpatialDropout1D', 'AlphaDropout'],
  ...['GaussianDropout', 'GaussianNoise', 'Identity'],
]);

/** Layers whose output is a mean of their inputs: of probabilities it is one too. */
const averages = new Set([
  ...['GlobalAveragePooling1D', 'GlobalAveragePooling2D', 'AveragePooling1D'],
  ...['AveragePooling2D', 'AveragePooling3D', 'Average'],
]);

/** Layers that are an activation. */
const activations: ReadonlyMap<string, string> = new Map([
  ['Softmax', 'softmax'],
  ...['ReLU', 'LeakyReLU', 'PReLU', 'ELU', 'ThresholdedReLU'].map(
    (name) => [name, name.toLowerCase()] as const,
  ),
]);

/** Activations whose means are probabilities again. */
const ofProbabilities = new Set(['softmax', 'sigmoid']);

/** The activation behind an output; null where it ends in none: its numbers are logits. */
function findEnding(tensor: tf.SymbolicTensor, outside: Outside): Ending | null {
  const layer = tensor.sourceLayer;
  if (isModel(layer)) return findInside(layer, tensor, outside);
  const className = stockClassName(layer.getClassName());
  if (className === 'InputLayer') return outside(tensor);
  const findBehind = (index = 0): Ending | null => findEnding(tensor.inputs[index]!, outside);
  if (movers.has(className)) return findBehind();
  if (averages.has(className) || className === 'Concatenate') {
    return agree(
      tensor.inputs.map((_, index) => findBehind(index)),
      className,
    );
  }
  const { activation, axis } = readActivation(layer, className);
  if (activation !== 'linear') {
    return { activation, axis, layer: layer.name, shape: tensor.shape };
  }
  return className === 'Activation' ? findBehind() : null;
}

/** As `findEnding`, of what a nested model makes. */
function findInside(
  model: tf.LayersModel,
  tensor: tf.SymbolicTensor,
  outside: Outside,
): Ending | null {
  return findEnding(model.outputs[tensor.outputTensorIndex ?? 0]!, (input) => {
    const argument = tensor.inputs[model.inputs.indexOf(input)];
    return argument ? findEnding(argument, outside) : null;
  });
}

/** What several outputs that become one end in: only probabilities outlive a mean. */
function agree(endings: readonly (Ending | null)[], className: string): Ending | null {
  const [first] = endings;
  const isProbability = endings.some((ending) => ending && ofProbabilities.has(ending.activation));
  if (!first || !isProbability) return null;
  if (endings.every((ending) => ending?.activation === first.activation)) return first;
  return { ...first, activation: `${className.toLowerCase()} of different activations` };
}

function readActivation(
  layer: tf.layers.Layer,
  className: string,
): Pick<Ending, 'activation' | 'axis'> {
  const config = layer.getConfig();
  const wrapped = config.layer as { config: tf.serialization.ConfigDict } | undefined; // TimeDistributed
  const { activation } = wrapped?.config ?? config;
  const own =
    activations.get(className) ?? (typeof activation === 'string' ? activation : 'linear');
  const axis = className === 'Softmax' ? Number(config.axis) : -1; // of an array of one its entry
  return { activation: own.toLowerCase().replaceAll('_', ''), axis };
}

/** What an ending makes of `units` numbers; null where they are no answers of a classifier. */
function kindOf(ending: Ending | null, units: number): Head['kind'] | null {
  switch (ending?.activation) {
    case undefined:
    case 'logsoftmax':
      return 'logits';
    case 'sigmoid':
      return 'sigmoid';
    case 'softmax':
      return ending.shape.at(ending.axis) === units ? 'softmax' : null; // else it is one of parts
    default:
      return null;
  }
}

/** The numbers of a sample, NaN where a size is free. */
function sizeOf(shape: tf.Shape): number {
  return shape.slice(1).reduce<number>((size, length) => size * (length ?? NaN), 1);
}

function refuse({ name }: tf.LayersModel, { activation, layer }: Ending): OptionError {
  const problem =
    `must say what ${name} answers (softmax, sigmoid or logits), for it ends in ${activation} at ` +
    `${layer}, which is none of a classifier over all its classes`;
  return new OptionError({ option: 'loss', problem });
}
