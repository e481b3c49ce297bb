/** What pruning without training needs, at one rate or several: a choice, and inputs for the proof. */
import * as tf from '@tensorflow/tfjs';
import { seedOf } from '../random/seeds';
import type { ConfigOf } from '../config';
import { ConfigError } from '../config/error';
import { countMacs, removedUnits } from '../graph';
import type { ChannelGraph, KeepSet, Unit } from '../graph';
import { weightReader } from '../layers';
import { proposeByRate, scoreKernels } from '../methods';
import type { Evidence, Policy, Scores } from '../methods';
import { observationBatches, withEvidence } from '../measure/observe/evidence';
import { highestRate } from '../measure/search/max-drop';
import type { CountedTarget } from '../measure/search/target';
import { PrunedCopy } from '../measure/pruned-copy';
import { evaluate } from '../measure/accuracy';
import { methodOf } from './network';
import type { MethodChoice } from './network';
import { bnBatchesOf } from './prune-images';
import type { Images } from './prune-images';
import { askedTarget, HIGHEST_RATE, solveTarget, sparseBytes } from './targets';
import type { Terminal } from './terminal';
import { asUsage } from './usage';

type Config = ConfigOf<'prune'>;

/** A trained network, what may go of it, and where it comes from. */
export interface Trained {
  readonly model: tf.LayersModel;
  readonly graph: ChannelGraph;
  readonly file: string;
  /** Null where nothing looks at images. */
  readonly images: Images | null;
}

/** A trained network with its scores, and how they become a choice. */
export interface Choosable extends Trained {
  readonly scores: Scores;
  readonly policy: Policy;
}

/** What stays of a network, and the rate that it took. */
export interface Choice {
  readonly rate: number;
  readonly keep: KeepSet;
  /** How the rate was found, in lines; null where it was given. */
  readonly summary: string | null;
}

/** The method of `prune`, null where it could remove nothing; where a rate is searched its own is not used. */
export function pruningMethod(config: Config): MethodChoice | null {
  const { rates, maxDrop } = config;
  const isSearch = maxDrop !== null || askedTarget(config) !== null;
  const rate = isSearch ? HIGHEST_RATE : (rates[0] ?? config.rate);
  return methodOf({ ...config, rate, regrowth: 'hard' });
}

/** Scores the network by a method, which is shown the images that it wants to see; the network stays the caller's. */
export async function choosable(
  trained: Trained,
  { method, policy }: MethodChoice,
  { seed, observeBatches }: Config,
): Promise<Choosable> {
  const { model, graph, images } = trained;
  const network = { graph, kernel: weightReader(model) };
  const score = (evidence: Evidence | null): Scores =>
    scoreKernels(method, network, { evidence, counting: policy.counting });
  if (!images) return { ...trained, policy, scores: await asUsage(() => score(null)) }; // needsImages
  const order = { seed, epoch: 0, batchSize: images.batchSize };
  const batches = (): ReturnType<typeof observationBatches> =>
    observationBatches(images.data, order, observeBatches);
  const scores = await asUsage(() => withEvidence({ model, graph }, method, batches, score));
  return { ...trained, policy, scores };
}

/**
 * What stays of the network, at the rate that the options name or that they make to be searched.
 *
 * @throws {ConfigError} when nothing would go.
 * @throws {UsageError} when a target cannot be reached, or any removal costs too much accuracy.
 */
export async function chosen(
  network: Choosable,
  config: Config,
  terminal: Terminal,
): Promise<Choice> {
  const asked = askedTarget(config);
  if (asked) return asUsage(() => solveTarget(asked, network, terminal, bytesOf(network, config)));
  if (config.maxDrop !== null) return asUsage(() => searchedByDrop(network, config, terminal));
  return { rate: config.rate, keep: await keepAt(config.rate, network, config), summary: null };
}

/** Single weights save bytes in the compressed file alone, where it is written. */
function bytesOf(
  { model, graph, scores }: Choosable,
  { format }: Config,
): CountedTarget['costOf'] | undefined {
  const isSparse = format.includes('sparse') && scores.unit === 'weight';
  return isSparse ? sparseBytes(model, graph) : undefined;
}

/**
 * What stays of the network at a rate.
 *
 * @throws {ConfigError} when nothing would go.
 */
export async function keepAt(
  rate: number,
  { graph, scores, policy, file }: Choosable,
  config: Pick<Config, 'rates'>,
): Promise<KeepSet> {
  const keep = await asUsage(() => proposeByRate(graph, scores, policy)(rate));
  if (removedUnits(keep) === 0) throw nothingGoes(rate, file, config);
  return keep;
}

/** The refusal of a rate that removes nothing. */
export function nothingGoes(
  rate: number,
  file: string,
  { rates }: Pick<Config, 'rates'>,
): ConfigError {
  return new ConfigError({
    key: rates.length > 0 ? '--rates' : '--rate',
    problem: `must remove something from ${file}: nothing would go`,
    received: rate,
    source: 'command line or default',
  });
}

async function searchedByDrop(
  { model, graph, scores, policy, images }: Choosable,
  config: Config,
  { progress }: Terminal,
): Promise<Choice> {
  const { data, batchSize } = images!; // --max-drop asks for them
  using copy = prunedCopy({ model, graph, images: images! }, scores.unit, config);
  const points = (accuracy: number): string => `${(100 * accuracy).toFixed(2)} %`;
  const whole = (await evaluate(model, data.validation, data, batchSize)).top1;
  progress.note(`validation, ${data.validation.count} images: ${points(whole)} before pruning`);
  const best = await highestRate({
    propose: proposeByRate(graph, scores, policy),
    judge: (keep) => copy.accuracyOf(keep),
    whole,
    maxDrop: config.maxDrop!,
    onCandidate: ({ rate, keep, accuracy, drop }) => {
      const macs = ((100 * countMacs(graph, keep)) / countMacs(graph)).toFixed(1);
      progress.note(
        `rate ${rate}: ${points(accuracy)}, ${drop.toFixed(2)} points lost, ${macs} % of the MACs`,
      );
    },
  });
  const summary =
    `--max-drop ${config.maxDrop!}: rate ${best.rate} loses ${best.drop.toFixed(2)} points of ` +
    `${points(whole)}, measured on ${data.validation.count} validation images`;
  return { ...best, summary };
}

/**
 * The network with its BatchNormalization measured anew on what `keep` leaves; null where that is not
 * asked for. The caller owns it.
 */
export async function settledOn(
  keep: KeepSet,
  network: Choosable,
  config: Config,
): Promise<PrunedCopy | null> {
  if (bnBatchesOf(config) === 0) return null;
  const copy = await asUsage(() => prunedCopy(network, network.scores.unit, config));
  try {
    await copy.settle(keep);
    return copy;
  } catch (error) {
    copy[Symbol.dispose]();
    throw error;
  }
}

/** A copy of the network whose BatchNormalization follows what is pruned, as the options say. */
export function prunedCopy(
  { model, graph, images }: Pick<Trained, 'model' | 'graph' | 'images'>,
  unit: Unit,
  config: Config,
): PrunedCopy {
  const { data, batchSize } = images!; // --bn-batches and --max-drop ask for them
  const { seed } = config;
  const bnBatches = bnBatchesOf(config);
  const copy = new PrunedCopy({ model, graph }, unit, { data, batchSize, seed, bnBatches });
  if (copy.hasStatistics || !config.bnBatches) return copy;
  copy[Symbol.dispose]();
  throw new ConfigError({
    key: '--bn-batches',
    problem: 'has no effect on a network without BatchNormalization',
    received: config.bnBatches,
    source: 'command line, environment or file',
  });
}

/** Standard normal inputs of the model's size, in batches of at most 16. */
export function* randomInputs(
  model: tf.LayersModel,
  count: number,
  seed: number,
): Generator<tf.Tensor> {
  const shape = model.inputs[0]!.shape.slice(1);
  if (model.inputs.length !== 1 || shape.includes(null)) {
    throw new TypeError('the network must have one input of a known size to be verified');
  }
  for (let done = 0; done < count; done += 16) {
    const batch = [Math.min(16, count - done), ...(shape as number[])];
    const input = tf.randomNormal(batch, 0, 1, 'float32', seedOf('verify', seed, done));
    try {
      yield input;
    } finally {
      input.dispose();
    }
  }
}
