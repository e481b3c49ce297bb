import type * as tf from '@tensorflow/tfjs';
import type { Asked, ImageCounts } from '../data';
import { OptionError } from '../errors';
import { whileHolding } from '../files/run/hold-folder';
import { writeForms } from '../formats';
import { chooseInputShapes, describeSizes, keepAll, Network } from '../graph';
import { disposeWeights, requireFiniteWeights } from '../layers';
import { findDoubt } from '../measure/chance';
import { drawInputs, requireComputable } from '../measure/sample-inputs';
import type { Methodology } from '../methods';
import { blockLayers } from '../models';
import { createProgress } from '../report/progress';
import type { Progress } from '../report/progress';
import { mask } from '../surgery';
import {
  chooseMethod,
  describeLayerRate,
  nameMethod,
  noteFrozen,
  USUAL_RATE,
} from './choose-method';
import type { MethodChoice } from './choose-method';
import {
  chooseRemoval,
  countBnBatches,
  refuseRate,
  scoreNetwork,
  settleStatistics,
  traceUnderSchema,
} from './choose-removal';
import type { Images, RemovalOptions, Removed, ScoredNetwork, Watch } from './choose-removal';
import { describeUsage } from './describe-usage';
import { feedImages } from './feed-images';
import type { FeedOptions } from './feed-images';
import { measureShare } from './describe-result';
import { createClassifier, handOver } from './hand-over';
import type { HandedOver } from './hand-over';
import { loadImages } from './load-images';
import type { ImageOptions } from './load-images';
import { isClassifier, loadModel, requireFit, requireImageInput } from './load-model';
import type { LoadedModel } from './load-model';
import { requirePlace } from './require-place';
import type { PlaceOptions } from './require-place';
import { findTarget, HIGHEST_RATE } from './targets';

/** What is pruned without training, and by what. */
export interface PruneOptions
  extends
    RemovalOptions,
    Partial<Omit<ImageOptions, keyof ImageCounts>>,
    Asked<ImageCounts>,
    Pick<FeedOptions, 'inputScale'> {
  /** A model, which is borrowed and stays as it is, or the path of a model.json. */
  readonly model: tf.LayersModel | string;
  /** Images, where a method, `maxDrop` or `bnBatches` looks at some, or to measure the small network on. */
  readonly data?: ImageOptions['data'];
  /**
   * The size of a network that leaves its own free, for counting, for the proof and for the time of a pass: see
   * `chooseInputShapes`. Default that of the images, else 64.
   */
  readonly inputShape?: readonly number[] | null | undefined;
  /** Inputs of the proof. Default 64. */
  readonly verifySamples?: number;
  /** Whether an export of another network may be replaced; the network itself never is. Default false. */
  readonly force?: boolean;
  /** Shows how far the work is. Default nobody. */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What pruning in one go came to. */
export interface PrunedOnce extends HandedOver, Removed {
  /** Fraction of the units that went: the rate, unless layers have rates of their own. */
  readonly share: number;
  /** Whether BatchNormalization was measured anew. */
  readonly isSettled: boolean;
  /** Why the figures of the network before it was pruned are in doubt; null where they are not, or there are none. */
  readonly doubt: string | null;
}

/**
 * Prunes a trained network in one go, proves that the small network computes the same, and writes it.
 *
 * @param options.out folder of the small network: new, empty or an earlier export of the same one.
 * @throws {OptionError} naming the option, when nothing would go or an option does not fit the network.
 * @throws {ModelFileError} when the file cannot be read. @throws {FolderInUseError} when the folder holds other things, an
 *   export of another network, or the network that is pruned.
 * @throws {RunInUseError} while somebody else writes the folder.
 * @throws {VerificationError} when the two networks part; nothing is written then.
 * @throws {StoppedError} once the signal has been aborted.
 */
export function pruneOnce(options: PruneOptions & { readonly out: string }): Promise<PrunedOnce> {
  return whileHolding(options.out, () => pruneHeld(options));
}

async function pruneHeld(options: PruneOptions & { readonly out: string }): Promise<PrunedOnce> {
  const { out, verifySamples = 64, seed = 1 } = options;
  await requirePlace(out, describePlace(options));
  return withScored(options, async (scored, watch) => {
    const { network, images } = scored;
    const removed = await chooseRemoval(scored, options, watch);
    const { rate, keep } = removed;
    const share = (options.layerRates ?? []).length > 0 ? measureShare(keep) : rate;
    using settled = await settleStatistics(keep, scored, options, watch.signal);
    const dense = mask(network, keepAll);
    const handedOver = await handOver({
      ...{ progress: watch.progress, signal: watch.signal, keep, dense, folder: out },
      network: settled ? new Network(settled.model, network.graph) : network,
      facts: describePruning(options, share, watch.source),
      usage: describeUsage(network.model, images?.data ?? null),
      extras: (hard) => writeForms(hard, options.format ?? ['tfjs'], { blocksOf: blockLayers }),
      samples: () => drawInputs(network, verifySamples, seed),
      classify: images && classifyBy(network.model, images, options, watch),
    }).finally(() => {
      disposeWeights(dense);
    });
    const doubt = images && doubtDense(handedOver, images);
    return { ...handedOver, ...removed, share, isSettled: settled !== null, doubt };
  });
}

function doubtDense({ dense }: HandedOver, { data }: Images): string | null {
  const { accuracy = null, loss = null } = dense ?? {};
  return accuracy === null || loss === null ? null : findDoubt({ top1: accuracy, loss }, data.test);
}

/** What is read and written, for the check of a folder. */
export function describePlace({ model, force }: PruneOptions): PlaceOptions {
  return { read: [model], source: typeof model === 'string' ? model : model.name, force };
}

/** What pruning.json says of how a network was pruned. */
export function describePruning(
  options: RemovalOptions,
  rate: number,
  source: string,
): Parameters<typeof handOver>[0]['facts'] {
  const { layerRates = [], pattern, seed = 1 } = options;
  return {
    ...{ method: nameMethod(options), rate, seed, source },
    ...(pattern !== undefined && { pattern }),
    layerRates: layerRates.map(describeLayerRate),
  };
}

/** Null for a network that answers something else than classes. */
function classifyBy(
  model: tf.LayersModel,
  { data, batchSize }: Images,
  { loss }: RemovalOptions,
  { progress, signal }: Watch,
): ReturnType<typeof createClassifier> | null {
  if (!isClassifier(model)) {
    progress.note('accuracy is not measured: the network has no single output of classes');
    return null;
  }
  return createClassifier(() => data.test, data, batchSize, progress, { loss, signal });
}

/**
 * Runs `act` with the network loaded and scored, all of which is freed after it.
 *
 * @param rates that will be asked for, where there are several. Default that of the options.
 * @throws {OptionError} when nothing could go.
 */
export async function withScored<T>(
  options: PruneOptions,
  act: (scored: ScoredNetwork, watch: Watch) => Promise<T>,
  rates: readonly number[] = [options.rate ?? USUAL_RATE],
): Promise<T> {
  const { progress = createProgress({ quiet: true }), signal } = options;
  const choice = chooseForSearch(options, rates);
  const note = progress.note.bind(progress);
  using loaded = await loadModel({ model: options.model, note });
  requireFiniteWeights(loaded.model, loaded.source);
  const traced = await traceUnderSchema(loaded.model, options);
  noteFrozen(traced, note);
  if (options.inputShape) chooseInputShapes(loaded.model, options.inputShape); // before images are read
  const images = await loadImagesFor(options, choice.method, loaded, progress);
  const network = sizeNetwork(traced, options.inputShape ?? sizeOf(images), progress);
  const scored = await scoreNetwork(network, choice, images, options, signal);
  return await act(scored, { progress, signal, source: loaded.source });
}

/** The network counted, proven and timed at a size; what leaves it free says at which. */
function sizeNetwork(
  network: Network,
  size: readonly number[] | null,
  progress: Progress,
): Network {
  const sized = network.at(chooseInputShapes(network.model, size));
  const { inputShapes } = sized.graph.sized ?? {};
  requireComputable(sized);
  if (!inputShapes) return sized;
  progress.note(
    `the network leaves its size free: counted, proven and timed at ${describeSizes(inputShapes)}`,
  );
  return sized;
}

function sizeOf(images: Images | null): readonly number[] | null {
  if (!images) return null;
  const { height, width, channels } = images.data.train;
  return [height, width, channels];
}

/** The method; where a rate is searched for, under a policy that allows the highest. */
function chooseForSearch(options: PruneOptions, rates: readonly number[]): MethodChoice {
  const isSearch = options.maxDrop != null || findTarget(options) !== null;
  const rate = isSearch ? HIGHEST_RATE : Math.min(...rates); // the policy must allow them all
  const choice = chooseMethod({ ...options, rate, regrowth: 'hard' });
  if (choice) return choice;
  const { model } = options;
  throw refuseRate(rates[0]!, typeof model === 'string' ? model : model.name);
}

async function loadImagesFor(
  options: PruneOptions,
  { observes }: Methodology,
  loaded: LoadedModel,
  progress: Progress,
): Promise<Images | null> {
  const { data: chosen, batchSize, ...others } = options;
  if (chosen === undefined) {
    requireNoImages(options, observes !== 'nothing');
    return null;
  }
  const given = await loadImages({ ...others, data: chosen });
  const note = progress.note.bind(progress);
  const needsClasses = options.maxDrop != null || observes === 'gradients';
  if (needsClasses || isClassifier(loaded.model)) {
    requireFit(loaded, given.train, given.classes.length, { loss: options.loss });
  } else requireImageInput(loaded, given.train);
  const data = feedImages(loaded.model, given, { ...options, note });
  progress.note(
    `images of ${data.name}: ${data.train.count} training, ${data.validation.count} validation`,
  );
  const size = batchSize ?? data.recipe?.batchSize;
  if (size !== undefined) return { data, batchSize: size };
  throw new OptionError({
    option: 'batchSize',
    problem: `must be given: ${data.name} has no recipe`,
  });
}

function requireNoImages(options: PruneOptions, isObserving: boolean): void {
  const asks = [
    ...(isObserving ? ['method'] : []),
    ...(options.maxDrop != null ? ['maxDrop'] : []),
    ...(countBnBatches(options) > 0 ? ['bnBatches'] : []),
  ];
  const [option] = asks;
  if (option === undefined) return;
  throw new OptionError({ option, problem: 'needs images to look at (data)' });
}
