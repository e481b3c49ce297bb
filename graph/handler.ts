import type * as tf from '@tensorflow/tfjs';
import { RegistrationError } from '../errors';
import { stockClassName } from '../layers';
import type { Channels } from './channels';
import type { Tracer } from './tracer';

/** One call of a layer: its tensors with their channels. */
export interface LayerCall {
  /** The layer's path: the names of the models around it and its own, joined by '/'. */
  readonly path: string;
  readonly layer: tf.layers.Layer;
  readonly className: string;
  /** The layer's own config. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: readonly Channels[];
  readonly inputShapes: readonly tf.Shape[];
  readonly outputShapes: readonly tf.Shape[];
}

/** A traced call with what a removal leaves of it. */
export interface Remainder {
  readonly call: LayerCall;
  /** Per input and output, per channel of its last axis: whether it stays. */
  readonly inputs: readonly (readonly boolean[])[];
  readonly outputs: readonly (readonly boolean[])[];
  /** Shapes with the last axis counted anew; batch size null. */
  readonly inputShapes: readonly tf.Shape[];
  readonly outputShapes: readonly tf.Shape[];
}

/** What is known of one layer class: how channels pass through it, and how it is rewritten without some. */
export interface LayerHandler {
  /**
   * Follows the channels through one call: registers the layer's weights with the tracer, couples or
   * closes classes, and answers the channels of each output.
   */
  trace(call: LayerCall, tracer: Tracer): Channels[];
  /** Changes the layer's config (a copy) to what is left; not needed where the config names no width. */
  rewrite?(config: Record<string, unknown>, left: Remainder): void;
  /**
   * Whether an output value is made of several positions of its channel, as in pooling; not needed where
   * each is made of its own position alone.
   */
  mixesPositions?(call: LayerCall): boolean;
  /** Multiply-adds of one call for one sample; not needed where there are none. */
  macs?(left: Remainder): number;
}

const handlers = new Map<string, LayerHandler>();

/** Takes the handler of a stock class in. */
export function addLayerHandler(className: string, handler: LayerHandler): void {
  handlers.set(className, handler);
}

/**
 * Teaches the graph one layer class, by its class name; serves tracing, counting and export at once.
 *
 * @throws {RegistrationError} when the class has a handler already, or this is none.
 */
export function registerLayerHandler(className: string, handler: LayerHandler): void {
  const what = `the handler of the layer class ${className}`;
  if (handlers.has(className)) throw new RegistrationError(what, 'the class has one already');
  const given = handler as Partial<LayerHandler> | null | undefined;
  if (typeof className !== 'string' || className === '' || typeof given?.trace !== 'function') {
    throw new RegistrationError(what, 'it must come with a class name and a function trace');
  }
  addLayerHandler(className, handler);
}

/** The classes that have a handler. */
export function handledClasses(): readonly string[] {
  return [...handlers.keys()];
}

/** The handler of a class (a prunable layer has its stock twin's), undefined where none is known. */
export function layerHandler(className: string): LayerHandler | undefined {
  return handlers.get(stockClassName(className));
}
