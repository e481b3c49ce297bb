/** How large the inputs of a network are, where the network itself leaves that free. */
import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import type { ChannelGraph } from './channel-graph';
import { traceModel } from './trace-model';
import type { TracedCall } from './trace-model';
import { Tracer } from './tracer';

/** How long an axis is that a network leaves free and nobody names. */
export const FREE_LENGTH = 64;

/**
 * The shape of each input of a model, without the batch.
 *
 * `size` is that of the first input with as many axes: of those that leave one free, else of all. Further inputs
 * with as many axes take from it what they leave free. What is free then is `FREE_LENGTH` long.
 *
 * @param size height, width and channels, or as many lengths as an input has axes. Default none.
 * @throws {OptionError} when the model has no such input, or fixes another size.
 */
export function chooseInputShapes(
  model: tf.LayersModel,
  size: readonly number[] | null = null,
): number[][] {
  const shapes = model.inputs.map(({ shape }) => shape.slice(1));
  if (size) requireInput(model, shapes, size);
  return shapes.map((shape) => {
    const named = size?.length === shape.length ? size : [];
    return shape.map((length, axis) => length ?? named[axis] ?? FREE_LENGTH);
  });
}

/** Whether a model leaves the length of some axis open, the batch aside. */
function isFree({ inputs }: tf.LayersModel): boolean {
  return inputs.some(({ shape }) => shape.slice(1).includes(null));
}

function requireInput(
  { inputNames }: tf.LayersModel,
  shapes: readonly tf.Shape[],
  size: readonly number[],
): void {
  const alike = shapes.filter(({ length }) => length === size.length);
  const shape = alike.find((one) => one.includes(null)) ?? alike[0] ?? shapes[0]!;
  const isFitting = shape.every((length, axis) => (length ?? size[axis]) === size[axis]);
  if (shape.length === size.length && isFitting) return;
  throw new OptionError({
    option: 'inputShape',
    problem: `must fit the input ${inputNames[shapes.indexOf(shape)]!} of the network, ${describeShape(shape)}`,
    received: size.join(),
  });
}

/** A shape as a person reads it: `? x ? x 3`. */
export function describeShape(shape: tf.Shape): string {
  return shape.map((length) => length ?? '?').join(' x ');
}

/** Shapes of inputs as a person reads them: `64 x 64 x 3 and 20`. */
export function describeSizes(inputShapes: readonly (readonly number[])[]): string {
  return inputShapes.map((shape) => shape.join(' x ')).join(' and ');
}

/**
 * The graph that counts costs at these sizes of the inputs; of a model that leaves nothing free, the graph itself.
 *
 * @param model of the graph. @param inputShapes as `chooseInputShapes` answers.
 * @throws {OptionError} when the network cannot be computed at that size.
 */
export function countAt(
  graph: ChannelGraph,
  model: tf.LayersModel,
  inputShapes: readonly (readonly number[])[],
): ChannelGraph {
  if (!isFree(model)) return graph;
  const shapes = inputShapes.map((shape, index) => [model.inputs[index]!.shape[0]!, ...shape]);
  const { calls } = refusing(inputShapes, () =>
    traceModel(model, new Tracer(model, graph.residual), shapes),
  );
  for (const call of calls) requirePositive(call, inputShapes);
  const sized = graph.calls.map((call, index) => {
    const { inputShapes: read, outputShapes } = calls[index]!;
    return { ...call, inputShapes: read, outputShapes };
  });
  return { ...graph, sized: { inputShapes, calls: sized } };
}

function refusing<T>(inputShapes: readonly (readonly number[])[], act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw refuseSize(inputShapes, error instanceof Error ? error.message : String(error), error);
  }
}

function requirePositive(
  { path, outputShapes }: TracedCall,
  inputShapes: readonly (readonly number[])[],
): void {
  const isEmpty = outputShapes.some((shape) =>
    shape.some((length) => length !== null && length < 1),
  );
  if (isEmpty) throw refuseSize(inputShapes, `${path} would have nothing left`);
}

/** The refusal of a size at which a network cannot be computed. */
export function refuseSize(
  inputShapes: readonly (readonly number[])[],
  reason: string,
  cause?: unknown,
): OptionError {
  const problem = `must be a size that the network can be computed at: ${reason}`;
  const received = describeSizes(inputShapes);
  return new OptionError({ option: 'inputShape', problem, received }, { cause });
}
