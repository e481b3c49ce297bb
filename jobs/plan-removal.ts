/** What a training would remove of its network as it is, before the first step. */
import type { DataSet } from '../data';
import { OptionError } from '../errors';
import { removedUnits } from '../graph';
import type { KeepSet, Network } from '../graph';
import type { LossChoice } from '../measure/head';
import { observationBatches, withEvidence } from '../measure/observe/evidence';
import { choose, scoreKernels } from '../methods';
import type { Scores } from '../methods';
import { chooseMethod } from './choose-method';
import type { MethodChoice, PruningOptions } from './choose-method';
import { findTarget, HIGHEST_RATE, meetTarget } from './targets';
import type { MetTarget, TargetOptions } from './targets';

/** The options with how a batch of images is made up and weighed. */
type ShownOptions = PruningOptions &
  TargetOptions & {
    readonly loss?: LossChoice | undefined;
    readonly batchSize: number;
    /** By label. */
    readonly weights: readonly number[] | undefined;
  };

/** The rate that a target asks for on the weights as they are; null without a target. */
export async function findRate(
  network: Network,
  data: DataSet,
  options: ShownOptions,
): Promise<MetTarget | null> {
  const asked = findTarget(options);
  const pruning = asked && chooseMethod({ ...options, rate: HIGHEST_RATE });
  if (!pruning) return null;
  const scores = await scoreOnce(network, data, options, pruning);
  return meetTarget(asked, { network, scores, policy: pruning.policy });
}

/**
 * What would stay of the network as it is.
 *
 * @throws {OptionError} when nothing would go.
 */
export async function planRemoval(
  network: Network,
  data: DataSet,
  options: ShownOptions,
  { method, policy }: MethodChoice,
): Promise<KeepSet> {
  const scores = await scoreOnce(network, data, options, { method, policy });
  const { keep } = choose(network.graph, scores, policy);
  if (removedUnits(keep) > 0) return keep;
  const largest = Math.max(0, ...network.graph.prunable.map(({ channels }) => channels));
  throw new OptionError({
    option: 'rate',
    problem: `removes nothing from this network (its largest prunable group has ${largest} channels)`,
    received: policy.rate,
  });
}

/** The scores by what one batch shows: enough for counts. */
function scoreOnce(
  network: Network,
  data: DataSet,
  { seed = 1, batchSize, weights, loss }: ShownOptions,
  { method, policy }: MethodChoice,
): Promise<Scores> {
  return withEvidence(
    { model: network.model, graph: network.graph, loss, classWeights: weights },
    method,
    () => observationBatches(data, { seed, epoch: 0, batchSize }, 1),
    (evidence) => scoreKernels(method, network, { evidence, counting: policy.counting }),
  );
}
