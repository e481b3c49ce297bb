import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { sumWithoutBlocks } from '../backend/cpu-sums';
import { ChannelGraph, findClass, NotPrunableError } from '../graph';
import type { GraphOptions } from '../graph';
import { layerOf, modelOf, stockConfigOf, weightsByName } from '../layers';
import { disposeWeights } from '../layers/build-model';
import { insertSelections } from './channel-selection';
import { harden, mask } from './harden';
import { planPruning } from './pruning-plan';
import type { PruningPlan, Removal } from './pruning-plan';
import { readersOf } from './readers';
import type { Reader } from './readers';
import { assignWeights, hostWeight, silenceAlong, sliceAlong } from '../layers/host-weights';
import type { HostWeight } from '../layers/host-weights';

/**
 * One channel that goes: a weight's name (`layer1_1_conv1/kernel`), an index, and on which side.
 *
 * `output`, the default, removes what the weight produces (or lets pass: a gamma, a depthwise kernel),
 * together with every channel coupled to it, for all readers. `input` makes this one weight stop
 * reading the channel, as an index along its input axis (behind Flatten: one row); others may go on
 * reading it.
 */
export type PrunedChannel = readonly [weight: string, channel: number, side?: 'output' | 'input'];

/**
 * Removes any channels of any weights, on either side, exactly.
 *
 * Where readers of one tensor drop different channels, the channels are reordered so that each finds
 * what it reads side by side and takes it by a slice (Cropping2D with channelsFirst cuts the last axis
 * of an NHWC tensor); where no order serves all, or the tensor has no such axis, the rest gather by a
 * constant Dense layer. Producers lose what no reader reads. Source: the pruning export of UPSCALE,
 * Wan et al., ICML 2023, whose calls these are; here `prune` returns a new model.
 *
 * The model stays the caller's and is never changed; the manager holds no tensor.
 */
export class PruningManager {
  private readonly graph: ChannelGraph;
  private readonly readers: Map<string, Reader>;
  private plan: PruningPlan | null = null;

  constructor(
    private readonly model: tf.LayersModel,
    options: GraphOptions = {},
  ) {
    if (options.residual === 'stream') {
      throw new OptionError({
        option: 'residual',
        allowed: 'coupled or inner for a PruningManager',
        received: 'stream',
      });
    }
    this.graph = ChannelGraph.of(model, options);
    this.readers = readersOf(this.graph);
  }

  /**
   * Plans the removal of these channels; replaces an earlier plan.
   *
   * @throws {OptionError} on an unknown weight, an index out of range, a side that the weight does not
   *   have, a group that would lose all channels.
   * @throws {NotPrunableError} naming the layer that makes an exact removal impossible.
   */
  compute({ pruned }: { readonly pruned: readonly PrunedChannel[] }): this {
    this.plan = null;
    this.plan = planPruning(this.graph, this.readers, this.removal(pruned));
    return this;
  }

  /**
   * A stock model of full width in which exactly the given channels are silent for exactly the readers
   * that lose them; the caller owns it.
   *
   * Channels stand in the order that `prune` gives them (the model's own where none was needed), so
   * that both add up in the same order and agree bit for bit on the `cpu` backend.
   */
  getMockModel(): tf.LayersModel {
    const { silent } = this.planned();
    return this.fromReordered((wide) => mask({ model: wide, graph: this.graph }, silent));
  }

  /** The smaller stock model that computes what the mock model computes; the caller owns it. */
  prune(): tf.LayersModel {
    const { keep, selections } = this.planned();
    return this.fromReordered((wide) => {
      const hard = harden({ model: wide, graph: this.graph }, keep);
      if (selections.length === 0) return hard;
      const narrow = insertSelections(hard, selections);
      disposeWeights(hard);
      return narrow;
    });
  }

  private planned(): PruningPlan {
    if (!this.plan) throw new Error('compute({ pruned }) must be called first');
    return this.plan;
  }

  private removal(pruned: readonly PrunedChannel[]): Removal {
    const names = weightsByName(this.model);
    const classes = new Set<number>();
    const unread = new Map<string, Set<number>>();
    for (const [weight, channel, side = 'output'] of pruned) {
      if (!names.has(weight)) throw weightError(`must be one of the model, got ${weight}`);
      if (side === 'output') {
        classes.add(this.producedClass(weight, channel));
        continue;
      }
      const { path } = this.readerOf(weight, channel);
      unread.set(path, (unread.get(path) ?? new Set()).add(channel));
    }
    return { classes, unread };
  }

  private producedClass(weight: string, channel: number): number {
    const slices = this.graph.slices.filter((slice) => slice.weight === weight);
    const own = slices.find(({ role }) => role !== 'consumer');
    if (!own) {
      if (slices.length > 0) {
        throw weightError(`${weight} produces no channels, it reads some: say 'input'`);
      }
      throw notFollowed(weight);
    }
    requireIndex(weight, channel, own.classes.length);
    return findClass(this.graph, own.classes[channel]!);
  }

  private readerOf(weight: string, channel: number): Reader {
    const layer = layerOf(weight);
    const reader = this.readers.get(layer);
    const own = reader?.weights.find((reading) => reading.weight === weight);
    if (!reader || !own) {
      const slice = this.graph.slices.find((candidate) => candidate.weight === weight);
      if (slice && slice.role !== 'consumer') {
        throw weightError(`${weight} has no input side of its own: say 'output'`);
      }
      throw notFollowed(weight);
    }
    if (own.factor !== 1) {
      throw weightError(
        `${weight} reads what the layer makes of its input: name ${layer}/depthwise_kernel`,
      );
    }
    requireIndex(weight, channel, reader.classes.length);
    return reader;
  }

  /** Makes a model from a copy of full width with the plan's order, in which readers skip their channels. */
  private fromReordered(make: (wide: tf.LayersModel) => tf.LayersModel): tf.LayersModel {
    sumWithoutBlocks();
    const { reordered, unread } = this.planned();
    const weights = new Map<string, HostWeight>();
    for (const [name, variable] of weightsByName(this.model)) {
      let weight = hostWeight(variable);
      for (const [axis, from] of reordered.get(name) ?? []) weight = sliceAlong(weight, axis, from);
      weights.set(name, weight);
    }
    for (const [reader, skipped] of unread) {
      for (const { weight, axis, factor } of reader.weights) {
        const length = reader.classes.length * factor;
        const stays = Array.from({ length }, (_, at) => !skipped.has(Math.floor(at / factor)));
        weights.set(weight, silenceAlong(weights.get(weight)!, axis, stays));
      }
    }
    const wide = modelOf(stockConfigOf(this.model), this.model);
    try {
      assignWeights(wide, weights);
      return make(wide);
    } finally {
      disposeWeights(wide);
    }
  }
}

function notFollowed(weight: string): NotPrunableError {
  const layer = layerOf(weight);
  return new NotPrunableError(layer, `the channels of ${weight} cannot be followed`);
}

function weightError(problem: string): OptionError {
  return new OptionError({ option: 'weight', problem });
}

function requireIndex(weight: string, channel: number, count: number): void {
  if (Number.isInteger(channel) && channel >= 0 && channel < count) return;
  throw new OptionError({
    option: 'channel',
    problem: `of ${weight} must be a whole number in [0, ${count})`,
    received: channel,
  });
}
