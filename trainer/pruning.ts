import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, KeepSet } from '../graph';
import { removedUnits, requireMasks, similarity } from '../graph';
import { clearMasks, maskedWeights, setMasks, weightsByName, zeroMasked } from '../layers';
import type { MaskExtent } from '../layers';
import type { Methodology } from '../methods';
import type { Optimizer } from './optimizer';

/** When a run prunes: epochs are 0-based, an event comes at the end of its epoch. */
export interface PruningTimes {
  /** First epoch that ends with an event. */
  readonly from: number;
  /** Epochs between two events. */
  readonly every: number;
  /** Whether there is one more event before the first epoch, as in the published codes. */
  readonly atStart: boolean;
}

/** What one pruning event did. */
export interface PruningEvent {
  /** Units removed, of how many the method chose among. */
  readonly removed: number;
  readonly units: number;
  /** Share of the removed sets that changed since the last event, in [0, 1] (1 - Jaccard). */
  readonly churn: number;
}

/**
 * Applies a method to the network under training: zeroes what it removes and holds it there (hard)
 * or lets it grow again until the next event (soft).
 */
export class Pruning {
  /** @throws {NotPrunableError} when a layer that would lose units has no masks to hold them with. */
  constructor(
    private readonly model: tf.LayersModel,
    private readonly graph: ChannelGraph,
    private readonly method: Methodology,
    private readonly optimizer: Optimizer,
    readonly times: PruningTimes,
    /** `unit` silences a removed filter with all that belongs to it, `kernel` as the papers do. */
    private readonly extent: MaskExtent,
  ) {
    const weights = weightsByName(model);
    const unit = method.unit(graph, (name) => weights.get(name)!.read());
    requireMasks(model, graph, unit);
  }

  /** Whether epoch `epoch` of `epochs` ends with an event; the last one always does. */
  isDue(epoch: number, epochs: number): boolean {
    const { from, every } = this.times;
    return epoch >= from && ((epoch - from) % every === 0 || epoch === epochs - 1);
  }

  /** What stays now. */
  get keep(): KeepSet {
    return this.method.keep;
  }

  /** True where everything removed is silent already, during training too. */
  get isSilenced(): boolean {
    return this.isHard && this.extent === 'unit';
  }

  /** True while removed units are held at zero. */
  private get isHard(): boolean {
    return this.method.options.regrowth === 'hard';
  }

  /** Chooses anew and zeroes what goes; hard methods also hold it and clear its optimizer slots. */
  event(): PruningEvent {
    const before = this.method.keep;
    const weights = weightsByName(this.model);
    const keep = this.method.choose(this.graph, (name) => weights.get(name)!.read());
    this.zero(keep);
    const units = [...keep.groups.values(), ...keep.weights.values()];
    return {
      removed: removedUnits(keep),
      units: units.reduce((sum, { length }) => sum + length, 0),
      churn: 1 - similarity(before, keep),
    };
  }

  /** Puts the masks of a restored keep set in place. */
  restore(keep: KeepSet): void {
    this.method.keep = keep;
    if (this.isHard) setMasks(this.model, this.graph.layerKeeps(keep), this.extent);
  }

  /** Runs `measure` with everything removed silenced, and lifts the masks again where they were not. */
  async whileMasked<T>(measure: () => Promise<T>): Promise<T> {
    setMasks(this.model, this.graph.layerKeeps(this.keep), 'unit');
    try {
      return await measure();
    } finally {
      if (this.isHard) setMasks(this.model, this.graph.layerKeeps(this.keep), this.extent);
      else clearMasks(this.model);
    }
  }

  private zero(keep: KeepSet): void {
    const keeps = this.graph.layerKeeps(keep);
    // Soft: only the kernels; with gamma and beta at zero a unit gets no gradient and never regrows.
    setMasks(this.model, keeps, this.isHard ? this.extent : 'kernel');
    zeroMasked(this.model);
    if (this.isHard) this.clearSlots();
    else clearMasks(this.model);
  }

  /** A velocity from before the event would move a removed weight off zero. */
  private clearSlots(): void {
    const names = new Map([...weightsByName(this.model)].map(([name, weight]) => [weight, name]));
    for (const { weight, mask } of maskedWeights(this.model)) {
      tf.tidy(() => {
        this.optimizer.mask(names.get(weight)!, mask.read());
      });
    }
  }
}
