/** What pruning without training needs, at one rate or several: scores, a choice, and inputs for the proof. */
import type * as tf from '@tensorflow/tfjs';
import type { DataSet } from '../data';
import { OptionError } from '../errors';
import { readInputText } from '../files';
import type { JsonValue } from '../files';
import type { FormatId } from '../formats';
import { Network, readSchema, removedUnits } from '../graph';
import type { KeepSet } from '../graph';
import { evaluate } from '../measure/accuracy';
import { findDoubt, requireAboveChance } from '../measure/chance';
import type { LossChoice } from '../measure/head';
import { observationBatches, withEvidence } from '../measure/observe/evidence';
import { PrunedCopy } from '../measure/pruned-copy';
import { highestRate } from '../measure/search/max-drop';
import type { JudgedRate } from '../measure/search/max-drop';
import { proposeByRate, scoreKernels } from '../methods';
import type { Evidence, Policy, Scores } from '../methods';
import type { Progress } from '../report/progress';
import { traceNetwork } from './choose-method';
import type { MethodChoice, PruningOptions } from './choose-method';
import { countSparseBytes, findTarget, meetTarget } from './targets';
import type { MetTarget, TargetOptions } from './targets';

/** How a trained network is pruned in one go. */
export interface RemovalOptions extends PruningOptions, TargetOptions {
  /** In place of a rate: the highest that costs at most so many points of accuracy on the validation images. */
  readonly maxDrop?: number | null;
  /** Batches on which BatchNormalization is measured anew. Default 0, with `maxDrop` 10. */
  readonly bnBatches?: number | null;
  /** Batches that a method that observes sees. Default 10. */
  readonly observeBatches?: number;
  /** What the network answers. Default auto: read from how it ends. */
  readonly loss?: LossChoice | undefined;
  /** A hand-edited dependency schema to respect: a file. */
  readonly schemaFile?: string | null;
  readonly format?: readonly FormatId[];
}

/** Images, and how many go into a batch. */
export interface Images {
  readonly data: DataSet;
  readonly batchSize: number;
}

/** A network with its scores, and how they become a choice; all of it is borrowed. */
export interface ScoredNetwork {
  readonly network: Network;
  readonly scores: Scores;
  readonly policy: Policy;
  /** Null where nothing looks at images. */
  readonly images: Images | null;
}

/** Who watches, and who may stop the work. */
export interface Watch {
  /** Where the network came from, for messages. */
  readonly source: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** What stays of a network, and the rate that it took. */
export interface Removed {
  readonly rate: number;
  readonly keep: KeepSet;
  /** What a target attained; null where none was asked for. */
  readonly met: MetTarget | null;
  /** What `maxDrop` found, and the accuracy before; null where it was not asked for. */
  readonly judged: (JudgedRate & { readonly whole: number; readonly images: number }) | null;
}

/** Batches for BatchNormalization where a search judges by accuracy and nothing is said. */
const BN_BATCHES = 10;

/** Training batches on which BatchNormalization is measured anew. */
export function countBnBatches({ bnBatches, maxDrop }: RemovalOptions): number {
  return bnBatches ?? (maxDrop == null ? 0 : BN_BATCHES);
}

/**
 * The network of a model under the options and a schema file.
 *
 * @throws {OptionError} when the file cannot be read or does not fit the network.
 */
export async function traceUnderSchema(
  model: tf.LayersModel,
  options: RemovalOptions,
): Promise<Network> {
  const network = traceNetwork(model, options);
  const { schemaFile = null } = options;
  if (schemaFile === null) return network;
  return new Network(model, await applySchema(network.graph, schemaFile));
}

/** The graph that respects the schema of a file. Throws as `traceUnderSchema`. */
export async function applySchema(
  graph: Network['graph'],
  file: string,
): Promise<Network['graph']> {
  try {
    return readSchema(JSON.parse(await readInputText(file)) as JsonValue, graph);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `${file}: ${reason}`;
    throw new OptionError({ option: 'schemaFile', problem }, { cause: error });
  }
}

/** Scores a network by a method, which is shown the images that it wants to see. */
export async function scoreNetwork(
  network: Network,
  { method, policy }: MethodChoice,
  images: Images | null,
  { seed = 1, observeBatches = 10, loss }: RemovalOptions,
  signal?: AbortSignal,
): Promise<ScoredNetwork> {
  const score = (evidence: Evidence | null): Scores =>
    scoreKernels(method, network, { evidence, counting: policy.counting });
  if (!images) return { network, policy, images, scores: score(null) };
  const order = { seed, epoch: 0, batchSize: images.batchSize };
  const batches = (): ReturnType<typeof observationBatches> =>
    observationBatches(images.data, order, observeBatches, signal);
  const observed = { model: network.model, graph: network.graph, loss };
  return { network, policy, images, scores: await withEvidence(observed, method, batches, score) };
}

/**
 * What stays of the network, at the rate that the options name or that they make to be searched.
 *
 * @throws {OptionError} when nothing would go.
 * @throws {UnreachableTargetError} when a target cannot be reached.
 * @throws {AccuracyDropError} when any removal costs too much accuracy.
 */
export async function chooseRemoval(
  scored: ScoredNetwork,
  options: RemovalOptions,
  watch: Watch,
): Promise<Removed> {
  const asked = findTarget(options);
  if (asked) {
    const isSparse = options.format?.includes('sparse') === true && scored.scores.unit === 'weight';
    const bytesOf = isSparse ? countSparseBytes(scored.network) : undefined;
    const note = watch.progress.note.bind(watch.progress);
    const met = await meetTarget(asked, scored, { bytesOf, note, signal: watch.signal });
    return { rate: met.rate, keep: met.keep, met, judged: null };
  }
  if (options.maxDrop != null) return searchByDrop(scored, options, options.maxDrop, watch);
  const { rate } = scored.policy;
  return { rate, keep: keepAtRate(scored, rate, watch), met: null, judged: null };
}

/**
 * What stays of the network at a rate.
 *
 * @param said which option named the rate, and where the network came from. Default rate, the model's name.
 * @throws {OptionError} when nothing would go.
 */
export function keepAtRate(
  { network, scores, policy }: ScoredNetwork,
  rate: number,
  { source = network.model.name, option = 'rate' } = {},
): KeepSet {
  const keep = proposeByRate(network.graph, scores, policy)(rate);
  if (removedUnits(keep) === 0) throw refuseRate(rate, source, option);
  return keep;
}

/** The refusal of a rate that removes nothing. */
export function refuseRate(rate: number, source: string, option = 'rate'): OptionError {
  const problem = `must remove something from ${source}: nothing would go`;
  return new OptionError({ option, problem, received: rate });
}

async function searchByDrop(
  scored: ScoredNetwork,
  options: RemovalOptions,
  maxDrop: number,
  { progress, signal }: Watch,
): Promise<Removed> {
  const { network, scores, policy } = scored;
  const { data, batchSize } = requireImages(scored, 'maxDrop');
  using copy = createCopy(scored, options, signal);
  const percent = (accuracy: number): string => `${(100 * accuracy).toFixed(2)} %`;
  const whole = await evaluate(network.model, data.validation, data, batchSize, {
    ...{ loss: options.loss, signal },
  });
  const { top1 } = whole;
  requireAboveChance('maxDrop', top1, data.validation);
  const doubt = findDoubt(whole, data.validation);
  if (doubt !== null) progress.note(`warning: ${doubt}`);
  progress.note(`validation, ${data.validation.count} images: ${percent(top1)} before pruning`);
  const macs = network.costs().macs;
  const best = await highestRate({
    propose: proposeByRate(network.graph, scores, policy),
    judge: (keep) => copy.accuracyOf(keep),
    whole: top1,
    maxDrop,
    onCandidate: ({ rate, keep, accuracy, drop }) => {
      const left = ((100 * network.costs(keep).macs) / macs).toFixed(1);
      progress.note(
        `rate ${rate}: ${percent(accuracy)}, ${drop.toFixed(2)} points lost, ${left} % of the MACs`,
      );
    },
  });
  return {
    rate: best.rate,
    keep: best.keep,
    met: null,
    judged: { ...best, whole: top1, images: data.validation.count },
  };
}

/**
 * The network with its BatchNormalization measured anew on what `keep` leaves; null where that is not
 * asked for. The caller owns it.
 */
export async function settleStatistics(
  keep: KeepSet,
  scored: ScoredNetwork,
  options: RemovalOptions,
  signal?: AbortSignal,
): Promise<PrunedCopy | null> {
  if (countBnBatches(options) === 0) return null;
  const copy = createCopy(scored, options, signal);
  try {
    await copy.settle(keep);
    return copy;
  } catch (error) {
    copy[Symbol.dispose]();
    throw error;
  }
}

/** A copy of the network whose BatchNormalization follows what is pruned, as the options say. */
function createCopy(
  scored: ScoredNetwork,
  options: RemovalOptions,
  signal: AbortSignal | undefined,
): PrunedCopy {
  const images = requireImages(scored, options.maxDrop == null ? 'bnBatches' : 'maxDrop');
  const { seed = 1, loss } = options;
  const bnBatches = countBnBatches(options);
  const copy = new PrunedCopy(scored.network, scored.scores.unit, {
    ...{ ...images, seed, bnBatches, loss, signal },
  });
  if (copy.hasStatistics || !options.bnBatches) return copy;
  copy[Symbol.dispose]();
  const problem = 'has no effect on a network without BatchNormalization';
  throw new OptionError({ option: 'bnBatches', problem, received: options.bnBatches });
}

function requireImages({ images }: ScoredNetwork, option: string): Images {
  if (images) return images;
  throw new OptionError({ option, problem: 'needs images to measure on (data)' });
}
