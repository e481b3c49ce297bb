import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import type { ChannelGraph, Channels } from '../../graph';
import type { WatchedCall } from '../../layers';

/** A call that the graph has traced. */
type TracedCall = ChannelGraph['calls'][number];

/**
 * The tensors of a network as the graph names them: an object of `Channels` each. What goes into a nested
 * model has the name that it has outside, since its InputLayers are never called.
 */
export class TracedTensors {
  private readonly calls: ReadonlyMap<string, readonly TracedCall[]>;
  private readonly outside = new Map<Channels, Channels>();
  private readonly input: Channels;

  /** @throws {OptionError} when the network has several inputs. */
  constructor(graph: ChannelGraph) {
    const calls = new Map<string, TracedCall[]>();
    for (const call of graph.calls) {
      if (call.className === 'InputLayer') this.outside.set(call.outputs[0]!, call.inputs[0]!);
      else calls.set(call.path, [...(calls.get(call.path) ?? []), call]);
    }
    this.calls = calls;
    const made = new Set(graph.calls.flatMap(({ outputs }) => outputs));
    const read = new Set(graph.calls.flatMap(({ inputs }) => inputs));
    const inputs = [...read].filter((tensor) => !made.has(tensor));
    if (inputs.length !== 1) {
      const problem = 'must have one input to be observed';
      throw new OptionError({ option: 'network', problem, received: inputs.length });
    }
    this.input = inputs[0]!;
  }

  /** The one name of a tensor that has several. */
  nameOf(tensor: Channels): Channels {
    let name = tensor;
    for (;;) {
      const outer = this.outside.get(name);
      if (outer === undefined) return name;
      name = outer;
    }
  }

  /** Begins to follow a batch through the network. */
  pass(images: tf.Tensor): TracedPass {
    return new TracedPass(this.calls, (tensor) => this.nameOf(tensor), this.input, images);
  }
}

/** Tells, while a network computes, which of the graph's tensors each call makes. */
export class TracedPass {
  private readonly ids = new Map<Channels, number>();
  private readonly done = new Set<TracedCall>();

  constructor(
    private readonly calls: ReadonlyMap<string, readonly TracedCall[]>,
    private readonly nameOf: (tensor: Channels) => Channels,
    input: Channels,
    images: tf.Tensor,
  ) {
    this.ids.set(input, images.id);
  }

  /**
   * The names of a call's outputs; to be asked of every call, in order.
   *
   * @throws {Error} when the graph has no such call: it is of another network.
   */
  outputsOf({ path, inputs, outputs }: WatchedCall): readonly Channels[] {
    const call = this.calls.get(path)?.find((one) => {
      const reads = one.inputs.map((tensor) => this.ids.get(this.nameOf(tensor)));
      return !this.done.has(one) && reads.every((id, index) => id === inputs[index]?.id);
    });
    if (!call) throw new Error(`the graph knows no such call of ${path}`);
    this.done.add(call);
    call.outputs.forEach((tensor, index) => this.ids.set(tensor, outputs[index]!.id));
    return call.outputs;
  }
}
