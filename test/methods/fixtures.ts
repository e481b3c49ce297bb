import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { RandomStream, seedOf } from '../../random/seeds';
import { ChannelGraph, keepAll } from '../../graph';
import type { KeepSet } from '../../graph';
import { choose, completePolicy, scoreKernels } from '../../methods';
import type {
  Evidence,
  KernelReader,
  Methodology,
  Moment,
  Policy,
  PolicyOptions,
  Scores,
} from '../../methods';

/** A convolution with its BatchNormalization, `conv` and `conv_bn`. */
function convolved(
  x: tf.SymbolicTensor,
  name: string,
  filters: number,
  kernelSize: number | number[] = 1,
): tf.SymbolicTensor {
  const conv = tf.layers.conv2d({ name, filters, kernelSize, padding: 'same' });
  const norm = tf.layers.batchNormalization({ name: `${name}_bn` });
  return norm.apply(conv.apply(x)) as tf.SymbolicTensor;
}

/** The graph of a network that ends in a Dense layer `head` over what `body` makes of its input. */
function graphOf(
  shape: readonly number[],
  units: number,
  body: (input: tf.SymbolicTensor) => tf.SymbolicTensor,
): ChannelGraph {
  const input = tf.input({ shape: [...shape] });
  const x = tf.layers.globalAveragePooling2d({}).apply(body(input));
  const outputs = tf.layers.dense({ name: 'head', units }).apply(x) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs });
  const graph = ChannelGraph.of(model);
  model.dispose();
  return graph;
}

/** The graph of a network whose only prunable kernel is `conv/kernel`, of the given shape. */
export function oneConvGraph([height, width, inputs, filters]: readonly number[]): ChannelGraph {
  return graphOf([height!, width!, inputs!], 2, (input) =>
    convolved(input, 'conv', filters!, [height!, width!]),
  );
}

/** The graph of a chain of 1x1 convolutions `conv0`, `conv1`, ... of the given widths. */
export function chainGraph(widths: readonly number[], inputs = 2): ChannelGraph {
  return graphOf([1, 1, inputs], 2, (input) =>
    widths.reduce((x, filters, index) => convolved(x, `conv${index}`, filters), input),
  );
}

/**
 * A group of two producers: convolutions `a` and `b` with one input channel and `width` filters
 * each, added up. A filter of one weight w scores |w|.
 */
export function pairGraph(width: number): ChannelGraph {
  return graphOf([1, 1, 1], 2, (input) => {
    const branches = ['a', 'b'].map((name) => convolved(input, name, width));
    return tf.layers.add().apply(branches) as tf.SymbolicTensor;
  });
}

/**
 * A small network with all that a choice meets: `conv0` (3x3) and `conv1`, then `a` and `b`, which are
 * added up and so make one group of two producers, and `head`. Widths 8, 6, 10 and 3.
 */
export function residualGraph(): ChannelGraph {
  return graphOf([4, 4, 2], 3, (input) => {
    const x = convolved(convolved(input, 'conv0', 8, 3), 'conv1', 6);
    const branches = ['a', 'b'].map((name) => convolved(x, name, 10));
    return tf.layers.add().apply(branches) as tf.SymbolicTensor;
  });
}

/** Reads weights from tensors that it owns until `dispose`. */
export class KernelShelf {
  private readonly tensors = new Map<string, tf.Tensor>();
  private readonly evidence: ReadonlyMap<string, tf.Tensor>[] = [];

  /** Puts a weight in place of the one of that name. */
  set(name: string, shape: readonly number[], values: ArrayLike<number>): this {
    this.tensors.get(name)?.dispose();
    this.tensors.set(name, tf.tensor(Float32Array.from(values), [...shape]));
    return this;
  }

  readonly read: KernelReader = (name) => {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new RangeError(`the shelf has no ${name}`);
    return tensor;
  };

  /** Gives the chooser what its method would have observed of a network with these weights; see evidenceFor. */
  showTo(chooser: Chooser, graph: ChannelGraph, seed = 1): Chooser {
    chooser.evidence = evidenceFor(chooser.method, graph, this.read, seed);
    if (chooser.evidence) this.evidence.push(chooser.evidence);
    return chooser;
  }

  dispose(): void {
    for (const tensors of [this.tensors, ...this.evidence]) {
      for (const tensor of tensors.values()) tensor.dispose();
    }
    this.tensors.clear();
    this.evidence.length = 0;
  }
}

/** A method with a policy, and what was chosen last, as a run remembers it. */
export class Chooser {
  readonly policy: Policy;
  keep: KeepSet = keepAll;
  held: KeepSet = keepAll;
  /** Borrowed. */
  evidence: Evidence | null = null;

  constructor(
    readonly method: Methodology,
    options: PolicyOptions,
  ) {
    this.policy = completePolicy(options, method);
  }

  score(graph: ChannelGraph, kernel: KernelReader): Scores {
    const { evidence, method, policy } = this;
    return scoreKernels(method, { graph, kernel }, { evidence, counting: policy.counting });
  }

  choose(graph: ChannelGraph, kernel: KernelReader, moment?: Moment): KeepSet {
    const scores = this.score(graph, kernel);
    Object.assign(this, choose(graph, scores, this.policy, moment, this.held));
    return this.keep;
  }
}

/** Random normal values for every weight that the graph knows, kernels and gammas too. */
export function randomShelf(graph: ChannelGraph, seed: number): KernelShelf {
  const shelf = new KernelShelf();
  for (const [name, shape] of graph.weightShapes) {
    shelf.set(name, shape, randomValues(shape, seedOf('shelf', seed, name)));
  }
  return shelf;
}

/**
 * What the method would have observed of a network at work: two batches of random gradients, or of
 * random activations after a ReLU. Null where it observes nothing.
 *
 * @param read the weights, the kernels with their filters along the last axis.
 * @returns tensors that the caller disposes (disposeEvidence).
 */
export function evidenceFor(
  method: Methodology,
  graph: ChannelGraph,
  read: KernelReader,
  seed: number,
): Map<string, tf.Tensor> | null {
  const { observes } = method;
  if (observes === 'nothing') return null;
  const evidence = new Map<string, tf.Tensor>();
  for (const name of graph.kernels) {
    const kernel = read(name);
    const made = tf.tidy(() => {
      const batches = [0, 1].map((batch) => {
        const seen = seenOf(observes, kernel.shape, seedOf('seen', seed, name, batch));
        return method.observe(kernel, seen);
      });
      return gatherBatches(method, batches);
    });
    evidence.set(name, made);
  }
  return evidence;
}

/** The evidence of several batches as one, in the way that the method asks for. */
export function gatherBatches({ gathers }: Methodology, batches: tf.Tensor[]): tf.Tensor {
  return gathers === 'mean' ? tf.mean(tf.stack(batches), 0) : tf.concat(batches, 0);
}

export function disposeEvidence(evidence: ReadonlyMap<string, tf.Tensor> | null): void {
  for (const tensor of evidence?.values() ?? []) tensor.dispose();
}

function seenOf(
  observes: Exclude<Methodology['observes'], 'nothing'>,
  kernel: readonly number[],
  seed: number,
): tf.Tensor {
  if (observes === 'gradients') return tf.tensor(randomValues(kernel, seed), [...kernel]);
  const shape = kernel.length === 2 ? [4, kernel[1]!] : [4, 2, 2, kernel.at(-1)!];
  return tf.relu(tf.tensor(randomValues(shape, seed), shape));
}

function randomValues(shape: readonly number[], seed: number): Float32Array {
  const random = new RandomStream(seed);
  return Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => random.normal());
}

/** Ascending indices that the vector removes. */
export function removedOf(vector: Uint8Array | undefined): number[] {
  expect(vector).toBeDefined();
  return [...vector!.keys()].filter((index) => vector![index] === 0);
}
