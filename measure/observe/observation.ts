import * as tf from '@tensorflow/tfjs';
import { takingGradients } from '../../backend/missing-gradient';
import { namingMemory } from '../../backend/out-of-memory';
import type { Batch, LabelledBatch } from '../../data';
import { OptionError } from '../../errors';
import type { Channels, Network } from '../../graph';
import { findOutputsBehind } from '../../graph';
import { watchingCalls, weightsByName } from '../../layers';
import type { WatchedCall } from '../../layers';
import { filterAxes, filtersLast } from '../../methods';
import type { Evidence, Methodology } from '../../methods';
import { Gathered } from './gathered';
import { readHead } from '../head';
import type { LossChoice } from '../head';
import { logitsOf, meanCrossEntropy } from '../logits';
import { TracedTensors } from './traced-pass';

/** The network that is observed; borrowed. */
export type Observed = Pick<Network, 'model' | 'graph'> & {
  /** What it answers. Default auto. */
  readonly loss?: LossChoice | undefined;
  /** What a sample of each class counts in the loss, [classes]. Default all the same. */
  readonly classWeights?: readonly number[] | undefined;
};

/** What was gathered for a method, until it is disposed. */
export interface GatheredEvidence extends Disposable {
  /** By kernel name; null for a method that observes nothing. */
  readonly evidence: Evidence | null;
}

/**
 * Lets a method see the network at work: the gradients of the loss by the kernels, or what the next
 * layers read of their filters. The layers are as in inference, and nothing of the network changes.
 *
 * Source of what is read: docs of `Methodology.observe`. The loss is the batch's mean cross entropy,
 * weighed by class where the training weighs it; a layer that is called several times counts with the mean over its calls.
 *
 * @param batches asked for only where the method observes; each borrowed until the next one is asked for.
 * @returns what the method's `observe` made of all batches; the caller disposes it.
 * @throws {OptionError} when there is no batch, or the network has several inputs.
 * @throws {MissingGradientError} when the method sees gradients and TensorFlow.js has none.
 */
export async function gatherEvidence(
  network: Observed,
  method: Methodology,
  batches: AsyncIterable<LabelledBatch> | Iterable<LabelledBatch>,
): Promise<GatheredEvidence> {
  if (method.observes === 'nothing') return ownEvidence(null);
  using gathered = new Gathered(method.gathers);
  const kernels = new ObservedKernels(network, method, gathered);
  let count = 0;
  for await (const batch of batches) {
    const attempt = { work: `observing ${network.model.name}`, batchSize: batch.images.shape[0] };
    namingMemory(attempt, () => {
      if (method.observes === 'gradients') kernels.observeGradients(batch);
      else kernels.observeActivations(batch);
    });
    count++;
  }
  if (count === 0) {
    throw new OptionError({ option: 'batches', allowed: 'at least one', received: 0 });
  }
  return ownEvidence(gathered.take());
}

function ownEvidence(evidence: Evidence | null): GatheredEvidence {
  return {
    evidence,
    [Symbol.dispose]: () => {
      for (const tensor of evidence?.values() ?? []) tensor.dispose();
    },
  };
}

/** The first `count` batches of a feed, each freed when the next one is asked for. */
export async function* firstBatches(
  batches: AsyncIterable<Batch>,
  count: number,
): AsyncGenerator<LabelledBatch, void> {
  let taken = 0;
  for await (const batch of batches) {
    try {
      yield batch;
    } finally {
      batch.dispose();
    }
    if (++taken >= count) return;
  }
}

/** The kernels of a network, each with its filters along the last axis when it is shown to the method. */
class ObservedKernels {
  private readonly axes: ReadonlyMap<string, number>;
  private readonly kernels: ReadonlyMap<string, tf.Tensor>;
  private readonly tensors: TracedTensors;
  /** By the tensor that the kernel's readers see. */
  private readonly readers = new Map<Channels, string[]>();

  private readonly model: tf.LayersModel;
  private readonly loss: LossChoice | undefined;
  private readonly classWeights: readonly number[] | undefined;

  constructor(
    { model, graph, loss, classWeights }: Observed,
    private readonly method: Methodology,
    private readonly gathered: Gathered,
  ) {
    this.model = model;
    this.loss = loss;
    this.classWeights = classWeights;
    const weights = weightsByName(model);
    this.axes = filterAxes(graph);
    this.kernels = new Map(graph.kernels.map((name) => [name, weights.get(name)!.read()]));
    this.tensors = new TracedTensors(graph);
    for (const name of graph.kernels) {
      for (const output of findOutputsBehind(graph, name)) {
        const tensor = this.tensors.nameOf(output);
        this.readers.set(tensor, [...(this.readers.get(tensor) ?? []), name]);
      }
    }
  }

  observeGradients({ images, labels }: LabelledBatch): void {
    tf.tidy(() => {
      const head = readHead(this.model, this.loss);
      const { classWeights } = this;
      const loss = (): tf.Scalar =>
        meanCrossEntropy(logitsOf(this.model, images, false, head), labels, head, { classWeights });
      // Not variableGrads, which leaves out what a network does not train.
      const gradients = takingGradients(() => tf.grads(loss)([...this.kernels.values()]));
      [...this.kernels.keys()].forEach((name, index) => {
        this.observe(name, filtersLast(gradients[index]!, this.axes.get(name)!));
      });
    });
  }

  observeActivations({ images }: LabelledBatch): void {
    const pass = this.tensors.pass(images);
    const onCall = (call: WatchedCall): void => {
      for (const [index, tensor] of pass.outputsOf(call).entries()) {
        const names = this.readers.get(tensor) ?? [];
        for (const name of names) this.observe(name, call.outputs[index]!);
      }
    };
    tf.tidy(() => {
      watchingCalls(this.model, onCall, () => void this.model.apply(images, { training: false }));
    });
  }

  private observe(name: string, seen: tf.Tensor): void {
    const kernel = this.kernels.get(name)!;
    const result = tf.tidy(() =>
      this.method.observe(filtersLast(kernel, this.axes.get(name)!), seen),
    );
    this.gathered.add(name, result);
  }
}
