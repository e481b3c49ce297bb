import * as tf from '@tensorflow/tfjs';
import type { ChannelGraph, KeepSet, Network } from '../../graph';
import { keepAll, projectLayers, removedUnits, requireMasks, similarity } from '../../graph';
import { maskedWeights, setMasks, weightReader, weightsByName, zeroMasked } from '../../layers';
import type { MaskExtent } from '../../layers';
import type { Methodology, RateSchedule } from '../../methods';
import { filterNorms } from '../../measure/filter-norms';
import type { Optimizer } from '../step/optimizer';
import { keptPerLayer } from './pruning-event';
import type { PruningEvent } from './pruning-event';
import type { FinalRate } from '../../measure/search/target';
import type { Timetable } from './timetable';

/** What pruning works on; borrowed. */
export interface PruningParts {
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  readonly method: Methodology;
  readonly optimizer: Optimizer;
  readonly timetable: Timetable;
  /** What is removed by now of a final rate. */
  readonly schedule: RateSchedule;
  /** Answers the final rate at each event, where it is not fixed. Default the method's own. */
  readonly finalRate?: FinalRate | undefined;
  /** `unit` silences a removed filter with all that belongs to it, `kernel` as the papers do. */
  readonly extent: MaskExtent;
}

/** By how much a rising curve may seem to fall in its last digits. */
const ROUNDING = 1e-12;

/**
 * Applies a method to the network under training: zeroes what it removes, and holds it there (hard),
 * lets it grow again until the next event (soft), or holds a growing part of it (gradual).
 *
 * The last event of the timetable holds all that is removed: nothing is chosen anew after it.
 */
export class Pruning {
  /**
   * @throws {NotPrunableError} when a layer that would lose units has no masks to hold them with.
   * @throws {RangeError} when the schedule does not rise to the final rate at its last event.
   */
  constructor(private readonly parts: PruningParts) {
    const { model, graph, method } = parts;
    requireMasks({ model, graph }, method.unit(graph, weightReader(model)));
    this.checkSchedule();
  }

  get timetable(): Timetable {
    return this.parts.timetable;
  }

  /** What stays now. */
  get keep(): KeepSet {
    return this.parts.method.keep;
  }

  /** Of what is removed now, what may no longer return. */
  get held(): KeepSet {
    return this.parts.method.held;
  }

  /** True where everything removed is silent already, during training too. */
  get isSilenced(): boolean {
    return this.parts.extent === 'unit' && removedUnits(this.held) === removedUnits(this.keep);
  }

  /** Whether the newest event up to the end of `unit` removed all that is to go. */
  hasReachedRate(unit: number): boolean {
    const progress = this.timetable.newestProgress(unit);
    return progress !== null && this.isFinal(progress);
  }

  /**
   * Chooses anew and zeroes what goes; what is held also gets masks, and its optimizer slots are cleared.
   *
   * @param unit the epoch or step that ends with the event; -1 before the first.
   * @throws {RangeError} when the final rate is reached and removes nothing.
   */
  event(unit: number): PruningEvent {
    const { model, graph, method, schedule, finalRate } = this.parts;
    const read = weightReader(model);
    const before = method.keep;
    const norms = filterNorms(graph, read, method.held);
    const progress = this.timetable.progressAt(unit);
    const rateOf = (final: number): number => schedule(final, progress);
    const rate = finalRate?.rateFor({ method, graph, kernel: read }) ?? method.options.rate;
    const keep = method.choose(graph, read, { progress, rateOf, rate });
    if (progress === 1) method.held = keep; // nothing is chosen after this, so nothing may return
    const removed = removedUnits(keep);
    if (removed === 0 && this.isFinal(progress)) this.refuse();
    this.apply();
    const units = [...keep.groups.values(), ...keep.weights.values()];
    const all = units.reduce((sum, { length }) => sum + length, 0);
    return {
      removed,
      units: all,
      churn: 1 - similarity(before, keep),
      rate: finalRate ? removed / all : rateOf(rate), // one that is solved says nothing of what is held
      held: removedUnits(method.held),
      kept: keptPerLayer(graph, keep),
      norms,
    };
  }

  /**
   * Puts the masks of a restored choice in place.
   *
   * @param held null in checkpoints of versions that did not save it: what follows from the regrowth.
   */
  restore(keep: KeepSet, held: KeepSet | null): void {
    const { model, graph, method, extent } = this.parts;
    method.keep = keep;
    method.held = held ?? (method.options.regrowth === 'hard' ? keep : keepAll);
    setMasks(model, projectLayers(graph, method.held), extent);
  }

  /** Runs `measure` with everything removed silenced, and lifts the masks again where they were not. */
  async whileMasked<T>(measure: () => Promise<T>): Promise<T> {
    const { model, graph, extent } = this.parts;
    setMasks(model, projectLayers(graph, this.keep), 'unit');
    try {
      return await measure();
    } finally {
      setMasks(model, projectLayers(graph, this.held), extent);
    }
  }

  /** Zeroes what is removed; of what may return only the kernels, or it would get no gradient. */
  private apply(): void {
    const { model, graph, optimizer, extent } = this.parts;
    const [removed, held] = [removedUnits(this.keep), removedUnits(this.held)];
    if (held < removed) {
      setMasks(model, projectLayers(graph, this.keep), 'kernel');
      zeroMasked(model);
    }
    hold({ model, graph }, this.held, { optimizer, extent });
  }

  /** Whether all rates are what they will be in the end. */
  private isFinal(progress: number): boolean {
    return this.rates.every((rate) => this.parts.schedule(rate, progress) === rate);
  }

  private get rates(): number[] {
    const { rate, layerRates } = this.parts.method.options;
    return [rate, ...layerRates.map((rule) => rule.rate)];
  }

  private refuse(): never {
    const { rate, minKeep, roundTo } = this.parts.method.options;
    throw new RangeError(
      `the pruning event removed nothing although the schedule has reached its rate ${rate} ` +
        `(--rate, --layer-rate, --min-keep ${minKeep}, --round-to ${roundTo})`,
    );
  }

  private checkSchedule(): void {
    const { schedule, timetable } = this.parts;
    for (const final of this.rates) {
      let last = 0;
      for (const progress of timetable.progresses()) {
        const rate = schedule(final, progress);
        if (!(rate >= last - ROUNDING && rate <= final)) {
          throw new RangeError(
            `schedule must rise from 0 to the final rate ${final}, got ${rate} after ${last} at ` +
              `progress ${progress}`,
          );
        }
        last = rate;
      }
      if (last === final) continue;
      throw new RangeError(
        `schedule must reach the final rate ${final} at its last event, got ${last}`,
      );
    }
  }
}

/**
 * Sets a network's masks to a keep set, zeroes what they cover and clears its optimizer slots: training
 * goes on with what is left.
 *
 * @param options.optimizer whose slots are cleared: a velocity from before would move a weight off zero.
 * @param options.extent how far the masks reach. Default unit.
 * @throws as `setMasks`.
 */
export function hold(
  { model, graph }: Pick<Network, 'model' | 'graph'>,
  keep: KeepSet,
  { optimizer, extent = 'unit' }: { optimizer: Optimizer; extent?: MaskExtent },
): void {
  setMasks(model, projectLayers(graph, keep), extent);
  if (removedUnits(keep) === 0) return;
  zeroMasked(model);
  const names = new Map([...weightsByName(model)].map(([name, weight]) => [weight, name]));
  for (const { weight, mask } of maskedWeights(model)) {
    tf.tidy(() => {
      optimizer.mask(names.get(weight)!, mask.read());
    });
  }
}
