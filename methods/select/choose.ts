import { OptionError } from '../../errors';
import { checkKeep, keepAll, projectCalls, union } from '../../graph';
import type { ChannelGraph, KeepSet } from '../../graph';
import type { Methodology } from '../methodology';
import type { Evidence } from '../scoring';
import { chooseFilters } from './choose-filters';
import { chooseWeights } from './choose-weights';
import { LayerRates } from './layer-rates';
import { completePolicy } from './policy';
import type { Policy, PolicyOptions } from './policy';
import { scoreKernels } from './scores';
import type { Scorable, Scores } from './scores';

/** When a choice is made: how far the schedule is, and what it makes of a final rate by then. */
export interface Moment {
  /** In [0, 1]; 1 from the end of the schedule on. */
  readonly progress: number;
  /** What is removed at this moment of what shall be removed in the end. */
  readonly rateOf: (finalRate: number) => number;
  /** Final rate of all that no layer rate names. Default the policy's. */
  readonly rate?: number;
}

/** The end of every schedule: all of the rate. */
export const finalMoment: Moment = { progress: 1, rateOf: (rate) => rate };

/** What a choice leaves. */
export interface Choice {
  readonly keep: KeepSet;
  /** What may no longer return: all of `keep` where regrowth is hard, nothing of it where it is soft. */
  readonly held: KeepSet;
}

/**
 * Chooses what stays of a network: a function of its arguments, nothing is remembered.
 *
 * @param graph of the network that was scored.
 * @param moment default the end of the schedule.
 * @param held of the choice before, whose removed units go first. Default none.
 * @throws {OptionError} when nothing can be removed, the rate cannot be reached, or the layer rates do not fit the
 *   network.
 * @throws {NotPrunableError} when the choice would leave a layer without channels; it names the layer.
 */
export function choose(
  graph: ChannelGraph,
  scores: Scores,
  policy: Policy,
  moment: Moment = finalMoment,
  held: KeepSet = keepAll,
): Choice {
  const keep = keepAt(graph, scores, policy, moment, held);
  switch (policy.regrowth) {
    case 'hard':
      return { keep, held: keep };
    case 'soft':
      return { keep, held: keepAll };
    case 'gradual': {
      const rateOf = (rate: number): number => moment.rateOf(rate) * moment.progress;
      return {
        keep,
        held: union(keep, keepAt(graph, scores, policy, { ...moment, rateOf }, held)),
      };
    }
  }
}

/** What stays at a final rate of all that no layer rate names; throws as `choose`. */
export type Propose = (rate: number) => KeepSet;

/** Answers what `choose` keeps at other rates, for who searches among them: the network is scored once. */
export function proposeByRate(
  graph: ChannelGraph,
  scores: Scores,
  policy: Policy,
  held: KeepSet = keepAll,
): Propose {
  return (rate) => keepAt(graph, scores, policy, { ...finalMoment, rate }, held);
}

/**
 * Makes one choice: scores a network by a method and keeps what the policy says.
 *
 * @param evidence what a method that observes has seen of the network (`gatherEvidence`); borrowed.
 * @throws as `completePolicy`, `scoreKernels` and `choose`.
 */
export function chooseUnits(
  network: Scorable,
  method: Methodology,
  options: PolicyOptions,
  evidence: Evidence | null = null,
): KeepSet {
  const policy = completePolicy(options, method);
  const scores = scoreKernels(method, network, { evidence, counting: policy.counting });
  return choose(network.graph, scores, policy).keep;
}

function keepAt(
  graph: ChannelGraph,
  scores: Scores,
  policy: Policy,
  { rateOf, rate = policy.rate }: Pick<Moment, 'rateOf' | 'rate'>,
  held: KeepSet,
): KeepSet {
  const { unit } = scores;
  if (unit === 'filter') requireFilters(graph, policy);
  // What may no longer return is gone: it counts first, before the scores rank the rest.
  checkKeep(graph, held);
  const rates = new LayerRates(graph, { ...policy, rate }, unit, rateOf);
  const chooseIn = unit === 'filter' ? chooseFilters : chooseWeights;
  const keep = chooseIn(graph, scores, policy, { rates, held });
  projectCalls(graph, keep); // what export would refuse is refused here
  return keep;
}

function requireFilters(graph: ChannelGraph, { pattern }: Policy): void {
  if (graph.prunable.length === 0) {
    const why = graph.groups.map(({ id, frozen }) => `${id}: ${frozen ?? ''}`).join('; ');
    const problem = `has no prunable channel group (${why})`;
    throw new OptionError({ option: 'network', problem });
  }
  if (pattern.kind === 'none') return;
  const problem = 'is of single weights, this method removes filters';
  throw new OptionError({ option: 'pattern', problem });
}
