import * as tf from '@tensorflow/tfjs';
import type { KeepSet, Network } from '../../graph';
import { OptionError } from '../../errors';
import {
  describeKept,
  keepAll,
  keepFromJson,
  keepToJson,
  removedUnits,
  requireMasks,
  similarity,
} from '../../graph';
import { listMaskedWeights, weightsByName, zeroMasked } from '../../layers';
import type { MaskExtent } from '../../layers';
import {
  choose,
  completePolicy,
  proposeByRate,
  requireRising,
  scoreKernels,
  unitOf,
} from '../../methods';
import type {
  Choice,
  Evidence,
  Methodology,
  Policy,
  PolicyOptions,
  RateSchedule,
} from '../../methods';
import { filterNorms } from '../../measure/filter-norms';
import type { Optimizer } from '../step/optimizer';
import type { PruningEvent } from '../../measure/pruning-event';
import type { FinalRate } from '../../measure/search/target';
import type { Timetable } from './timetable';

/** What pruning works on; borrowed. */
export interface PruningParts {
  readonly network: Network;
  readonly method: Methodology;
  /** How the method's scores become a choice. */
  readonly policy: PolicyOptions;
  readonly optimizer: Optimizer;
  readonly timetable: Timetable;
  /** What is removed by now of a final rate. */
  readonly schedule: RateSchedule;
  /** Answers the final rate at each event, where it is not fixed. Default the policy's own. */
  readonly finalRate?: FinalRate | undefined;
  /** `unit` silences a removed filter with all that belongs to it, `kernel` as the papers do. */
  readonly extent: MaskExtent;
}

/** What a checkpoint holds of a run's pruning. */
export interface PruningState {
  readonly keep: ReturnType<typeof keepToJson>;
  /** Not in the checkpoints of versions without gradual regrowth: there it follows from the regrowth. */
  readonly held?: ReturnType<typeof keepToJson> | undefined;
}

/**
 * Applies a method to the network under training: zeroes what it removes, and holds it there (hard),
 * lets it grow again until the next event (soft), or holds a growing part of it (gradual).
 *
 * The last event of the timetable holds all that is removed: nothing is chosen anew after it.
 */
export class Pruning {
  private readonly policy: Policy;
  private network: Network;
  private choice: Choice = { keep: keepAll, held: keepAll };

  /**
   * @throws {NotPrunableError} when a layer that would lose units has no masks to hold them with.
   * @throws {OptionError} when the policy is none, or the schedule does not rise to the final rate at its last event.
   */
  constructor(private readonly parts: PruningParts) {
    const { network, method, policy } = parts;
    this.network = network;
    this.policy = completePolicy(policy, method);
    requireMasks(network, unitOf(method, network));
    requireRising(parts.schedule, this.rates, [...parts.timetable.progresses()]);
  }

  get timetable(): Timetable {
    return this.parts.timetable;
  }

  /** What stays now. */
  get keep(): KeepSet {
    return this.choice.keep;
  }

  /** Of what is removed now, what may no longer return. */
  get held(): KeepSet {
    return this.choice.held;
  }

  /** True where everything removed is silent already, during training too. */
  get isSilenced(): boolean {
    return this.parts.extent === 'unit' && removedUnits(this.held) === removedUnits(this.keep);
  }

  /** Whether the newest event up to the end of `time` removed all that is to go. */
  hasReachedRate(time: number): boolean {
    const progress = this.timetable.newestProgress(time);
    return progress !== null && this.isFinal(progress);
  }

  /**
   * Chooses anew and zeroes what goes; what is held also gets masks, and its optimizer slots are cleared.
   *
   * @param time the epoch or step that ends with the event; -1 before the first.
   * @param evidence what the method has seen of the network, where it observes; borrowed.
   * @throws {OptionError} when the final rate is reached and removes nothing.
   */
  event(time: number, evidence: Evidence | null = null): PruningEvent {
    const { method, schedule, finalRate } = this.parts;
    const { graph, kernel } = this.network;
    const before = this.choice;
    const norms = filterNorms(graph, kernel, before.held);
    const progress = this.timetable.progressAt(time);
    const rateOf = (final: number): number => schedule(final, progress);
    const { policy } = this;
    const scoring = { evidence, counting: policy.counting };
    const scores = scoreKernels(method, this.network, scoring);
    const rate =
      finalRate?.rateFor(proposeByRate(graph, scores, policy, before.held)) ?? policy.rate;
    const choice = choose(graph, scores, policy, { progress, rateOf, rate }, before.held);
    const { keep } = choice;
    const removed = removedUnits(keep);
    if (removed === 0 && this.isFinal(progress)) this.refuse();
    // Nothing is chosen after the last event, so nothing may return.
    this.choice = progress === 1 ? { keep, held: keep } : choice;
    this.apply();
    const units = [...keep.groups.values(), ...keep.weights.values()];
    const all = units.reduce((sum, { length }) => sum + length, 0);
    return {
      removed,
      units: all,
      churn: 1 - similarity(before.keep, keep),
      rate: finalRate ? removed / all : rateOf(rate), // one that is solved says nothing of what is held
      held: removedUnits(this.held),
      kept: describeKept(graph, keep),
      norms,
    };
  }

  /** What a checkpoint holds of it. */
  state(): Record<'keep' | 'held', PruningState['keep']> {
    return { keep: keepToJson(this.keep), held: keepToJson(this.held) };
  }

  /** Goes on from a saved state, and puts its masks in place. */
  restore({ keep: saved, held }: PruningState): void {
    const keep = keepFromJson(saved);
    const unsaved = this.policy.regrowth === 'hard' ? keep : keepAll;
    this.choice = { keep, held: held ? keepFromJson(held) : unsaved };
    this.network.mask(this.held, this.parts.extent);
  }

  /** Goes on with another network, whose masks are those of what is held. */
  rebind(network: Network): void {
    this.network = network;
  }

  /** Runs `measure` with everything removed silenced, and lifts the masks again where they were not. */
  async whileMasked<T>(measure: () => Promise<T>): Promise<T> {
    const { network } = this;
    network.mask(this.keep, 'unit');
    try {
      return await measure();
    } finally {
      network.mask(this.held, this.parts.extent);
    }
  }

  /** Zeroes what is removed; of what may return only the kernels, or it would get no gradient. */
  private apply(): void {
    const { optimizer, extent } = this.parts;
    const [removed, held] = [removedUnits(this.keep), removedUnits(this.held)];
    if (held < removed) {
      this.network.mask(this.keep, 'kernel');
      zeroMasked(this.network.model);
    }
    hold(this.network, this.held, { optimizer, extent });
  }

  /** Whether all rates are what they will be in the end. */
  private isFinal(progress: number): boolean {
    return this.rates.every((rate) => this.parts.schedule(rate, progress) === rate);
  }

  private get rates(): number[] {
    const { rate, layerRates } = this.policy;
    return [rate, ...layerRates.map((rule) => rule.rate)];
  }

  private refuse(): never {
    const { rate, minKeep, roundTo } = this.policy;
    throw new OptionError({
      option: 'rate',
      problem:
        `${rate} is reached by the schedule, although the pruning event removed nothing ` +
        `(rate, layerRates, minKeep ${minKeep}, roundTo ${roundTo})`,
    });
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
  network: Network,
  keep: KeepSet,
  { optimizer, extent = 'unit' }: { optimizer: Optimizer; extent?: MaskExtent },
): void {
  network.mask(keep, extent);
  if (removedUnits(keep) === 0) return;
  const { model } = network;
  zeroMasked(model);
  const names = new Map([...weightsByName(model)].map(([name, weight]) => [weight, name]));
  for (const { weight, mask } of listMaskedWeights(model)) {
    tf.tidy(() => {
      optimizer.mask(names.get(weight)!, mask.read());
    });
  }
}
