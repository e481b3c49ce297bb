import type * as tf from '@tensorflow/tfjs';
import { setMasks, weightReader } from '../layers';
import type { MaskExtent } from '../layers';
import { ChannelGraph } from './channel-graph';
import type { GraphOptions } from './channel-graph';
import { countMacs, countParams } from './costs';
import { countAt } from './input-shapes';
import { keepAll } from './keep-set';
import type { KeepSet } from './keep-set';
import { projectLayers } from './projection';

/** What was removed of a network. */
export interface Removal {
  /** Of the network before. */
  readonly graph: ChannelGraph;
  readonly keep: KeepSet;
}

/**
 * A model and what it is to pruning, which travel together.
 *
 * The model is borrowed: whoever made it disposes it.
 */
export class Network {
  private readonly read: (name: string) => tf.Tensor;

  /**
   * @param graph of this model.
   * @param origin the network that this one was cut out of, and what stayed of it; null for one that is whole.
   */
  constructor(
    readonly model: tf.LayersModel,
    readonly graph: ChannelGraph,
    readonly origin: Removal | null = null,
  ) {
    this.read = weightReader(model);
  }

  /** The network of a model, traced. Throws as `ChannelGraph.of`. */
  static of(model: tf.LayersModel, options?: GraphOptions): Network {
    return new Network(model, ChannelGraph.of(model, options));
  }

  /**
   * The current value of a weight, by its name (`conv1/kernel`); the model keeps the tensor.
   *
   * @throws {OptionError} on an unknown name.
   */
  readonly kernel = (name: string): tf.Tensor => this.read(name);

  /**
   * Sets the masks so that only `keep` is left. Throws as `setMasks`.
   *
   * @param extent default unit.
   */
  mask(keep: KeepSet, extent?: MaskExtent): void {
    setMasks(this.model, projectLayers(this.graph, keep), extent);
  }

  /** The same network, counted at these sizes of its inputs. Throws as `countAt`. */
  at(inputShapes: readonly (readonly number[])[]): Network {
    return new Network(this.model, countAt(this.graph, this.model, inputShapes), this.origin);
  }

  /** Multiply-adds and parameters of what `keep` leaves, for one sample. Default all. */
  costs(keep: KeepSet = keepAll): { readonly macs: number; readonly params: number } {
    return { macs: countMacs(this.graph, keep), params: countParams(this.graph, keep) };
  }
}
