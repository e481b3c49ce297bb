import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { RandomStream } from '../../backend/random';
import { ChannelGraph } from '../../graph';
import type { KernelReader } from '../../methods';

/** The graph of a network whose only prunable kernel is `conv/kernel`, of the given shape. */
export function oneConvGraph([height, width, inputs, filters]: readonly number[]): ChannelGraph {
  const input = tf.input({ shape: [height!, width!, inputs!] });
  let x = tf.layers
    .conv2d({ name: 'conv', filters: filters!, kernelSize: [height!, width!], padding: 'same' })
    .apply(input) as tf.SymbolicTensor;
  x = tf.layers.globalAveragePooling2d({}).apply(x) as tf.SymbolicTensor;
  const outputs = tf.layers.dense({ name: 'head', units: 2 }).apply(x) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs });
  const graph = ChannelGraph.of(model);
  model.dispose();
  return graph;
}

/** The graph of a chain of 1x1 convolutions `conv0`, `conv1`, ... of the given widths. */
export function chainGraph(widths: readonly number[], inputs = 2): ChannelGraph {
  const input = tf.input({ shape: [1, 1, inputs] });
  let x: tf.SymbolicTensor = input;
  widths.forEach((filters, index) => {
    x = tf.layers
      .conv2d({ name: `conv${index}`, filters, kernelSize: 1 })
      .apply(x) as tf.SymbolicTensor;
  });
  x = tf.layers.flatten().apply(x) as tf.SymbolicTensor;
  const outputs = tf.layers.dense({ name: 'head', units: 2 }).apply(x) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs });
  const graph = ChannelGraph.of(model);
  model.dispose();
  return graph;
}

/**
 * A group of two producers: convolutions `a` and `b` with one input channel and `width` filters
 * each, added up. A filter of one weight w scores |w|.
 */
export function pairGraph(width: number): ChannelGraph {
  const input = tf.input({ shape: [1, 1, 1] });
  const branches = ['a', 'b'].map(
    (name) =>
      tf.layers.conv2d({ name, filters: width, kernelSize: 1 }).apply(input) as tf.SymbolicTensor,
  );
  let x = tf.layers.add().apply(branches) as tf.SymbolicTensor;
  x = tf.layers.flatten().apply(x) as tf.SymbolicTensor;
  const outputs = tf.layers.dense({ name: 'head', units: 2 }).apply(x) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs });
  const graph = ChannelGraph.of(model);
  model.dispose();
  return graph;
}

/** Reads kernels from tensors that it owns until `dispose`. */
export class KernelShelf {
  private readonly tensors = new Map<string, tf.Tensor>();

  /** Puts a kernel in place of the one of that name. */
  set(name: string, shape: readonly number[], values: ArrayLike<number>): this {
    this.tensors.get(name)?.dispose();
    this.tensors.set(name, tf.tensor(Float32Array.from(values), [...shape]));
    return this;
  }

  readonly read: KernelReader = (name) => this.tensors.get(name)!;

  dispose(): void {
    for (const tensor of this.tensors.values()) tensor.dispose();
    this.tensors.clear();
  }
}

/** Random kernels of normal weights for every kernel that the graph names. */
export function randomShelf(graph: ChannelGraph, seed: number): KernelShelf {
  const random = new RandomStream(seed);
  const shelf = new KernelShelf();
  for (const name of graph.kernels) {
    const shape = kernelShape(graph, name);
    const size = shape.reduce((product, length) => product * length, 1);
    shelf.set(
      name,
      shape,
      Array.from({ length: size }, () => random.normal()),
    );
  }
  return shelf;
}

/** The kernel's shape, from the call that uses it. */
export function kernelShape(graph: ChannelGraph, name: string): number[] {
  const call = graph.calls.find(({ path }) => `${path}/kernel` === name)!;
  const [inputs, outputs] = [call.inputShapes[0]!.at(-1)!, call.outputShapes[0]!.at(-1)!];
  return [...((call.config.kernelSize as number[] | undefined) ?? []), inputs, outputs];
}

/** Ascending indices that the vector removes. */
export function removedOf(vector: Uint8Array | undefined): number[] {
  expect(vector).toBeDefined();
  return [...vector!.keys()].filter((index) => vector![index] === 0);
}
