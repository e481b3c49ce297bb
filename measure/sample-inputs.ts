import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { boundIntegers, chooseInputShapes, refuseSize } from '../graph';
import type { Network } from '../graph';
import { namingFailures } from '../layers';
import { seedOf } from '../random/seeds';

/** Samples of a batch. */
const BATCH = 16;

/** Below which integers stay that no layer looks up: those of pixels. */
const INTEGERS = 256;

/** Which numbers an input is given that reads numbers: standard normal ones, or uniform ones in [0, 1). */
export type InputRange = 'normal' | 'unit';

/** The shape of each input, without the batch: that at which the network is counted, else as `chooseInputShapes` says. */
export function inputShapesOf({
  model,
  graph,
}: Pick<Network, 'model' | 'graph'>): readonly (readonly number[])[] {
  return graph.sized?.inputShapes ?? chooseInputShapes(model);
}

/**
 * Random inputs of a network in batches of at most 16; each is freed when the next is asked for.
 *
 * They are numbers of the range, and integers where the network reads such: within what an Embedding knows, else in [0, 256).
 *
 * @param range default normal.
 * @returns one tensor for each input; of a network with one input, that tensor.
 * @throws {OptionError} when an input takes what cannot be drawn.
 */
export function* drawInputs(
  network: Pick<Network, 'model' | 'graph'>,
  count: number,
  seed: number,
  range: InputRange = 'normal',
): Generator<tf.Tensor | tf.Tensor[]> {
  const shapes = inputShapesOf(network);
  const bounds = chooseBounds(network);
  for (let done = 0; done < count; done += BATCH) {
    const size = Math.min(BATCH, count - done);
    const inputs = shapes.map((shape, index) =>
      draw([size, ...shape], bounds[index] ?? range, seedOfInput(index, seed, done)),
    );
    try {
      yield inputs.length === 1 ? inputs[0]! : inputs;
    } finally {
      tf.dispose(inputs);
    }
  }
}

/** Below which number the integers of each input stay; null for an input that reads numbers. */
function chooseBounds({ model, graph }: Pick<Network, 'model' | 'graph'>): (number | null)[] {
  const known = boundIntegers(graph);
  return model.inputs.map(({ dtype }, index) => {
    if (dtype === 'string' || dtype === 'complex64') {
      const problem = `takes ${dtype} at its input ${model.inputNames[index]!}, which cannot be drawn`;
      throw new OptionError({ option: 'model', problem });
    }
    const usual = { float32: null, int32: INTEGERS, bool: 2 }[dtype];
    return known[index] ?? usual;
  });
}

function seedOfInput(index: number, seed: number, done: number): number {
  return index === 0 ? seedOf('verify', seed, done) : seedOf('verify', seed, done, index);
}

function draw(shape: number[], from: InputRange | number, seed: number): tf.Tensor {
  if (from === 'normal') return tf.randomNormal(shape, 0, 1, 'float32', seed);
  if (from === 'unit') return tf.randomUniform(shape, 0, 1, 'float32', seed);
  return tf.tidy(() => {
    const drawn = tf.floor(tf.randomUniform(shape, 0, from, 'float32', seed));
    return tf.cast(tf.minimum(drawn, from - 1), 'int32'); // float32 may round up to the bound
  });
}

/**
 * Computes some samples, which tells whether the network can be computed at the size of its inputs.
 *
 * @param range of what it is computed on. Default normal.
 * @throws {OptionError} when it cannot, naming the layer: of the size, where the network leaves that free.
 */
export function requireComputable(
  network: Pick<Network, 'model' | 'graph'>,
  range?: InputRange,
): void {
  const { model, graph } = network;
  // Several: on some masks the library computes a single sample alone.
  for (const inputs of drawInputs(network, 3, 1, range)) {
    const failure = findFailure(model, inputs);
    if (!failure) continue;
    const { reason, cause } = failure;
    if (graph.sized) throw refuseSize(graph.sized.inputShapes, reason, cause);
    const problem = `must be a network that TensorFlow.js computes: ${reason}`;
    throw new OptionError({ option: 'model', problem }, { cause });
  }
}

/**
 * Why a network cannot be computed on some inputs, which are borrowed, naming the layer where it is known; null where it can.
 */
export function findFailure(
  model: tf.LayersModel,
  inputs: tf.Tensor | tf.Tensor[],
): { readonly reason: string; readonly cause: unknown } | null {
  let where = '';
  const predict = (): void => void model.predict(inputs);
  try {
    tf.tidy(() => {
      namingFailures(model, ({ path, className }) => (where ||= `${path} (${className}): `), predict); // prettier-ignore
    });
    return null;
  } catch (cause) {
    return { reason: `${where}${cause instanceof Error ? cause.message : String(cause)}`, cause };
  }
}
