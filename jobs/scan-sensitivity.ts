import * as tf from '@tensorflow/tfjs';
import type { Asked, DataSet, ImageCounts } from '../data';
import { OptionError } from '../errors';
import { readInput, sha256 } from '../files';
import type { JsonObject } from '../files';
import { modelPlace } from '../formats';
import { requireMasks } from '../graph';
import type { Network } from '../graph';
import { disposeWeights, prunable, requireFiniteWeights, weightsHash, zeroMasked } from '../layers';
import { evaluate } from '../measure/accuracy';
import { findDoubt, requireAboveChance } from '../measure/chance';
import { scanGroups } from '../measure/search/sensitivity';
import { SensitivityLog } from '../measure/search/sensitivity-log';
import { proposeByRate, unitOf } from '../methods';
import { createProgress } from '../report/progress';
import type { Progress } from '../report/progress';
import type { Quality, Sensitivity } from '../report/sensitivity';
import { chooseMethod, describeOptions, noteFrozen } from './choose-method';
import type { MethodChoice } from './choose-method';
import { scoreNetwork, traceUnderSchema } from './choose-removal';
import type { RemovalOptions } from './choose-removal';
import { describeFed, feedImages } from './feed-images';
import type { FeedOptions } from './feed-images';
import { loadImages, requireValidation } from './load-images';
import type { ImageOptions } from './load-images';
import { loadModel, requireFit } from './load-model';

/** Which network is scanned, at which rates, on which images. */
export interface ScanOptions
  extends
    Omit<RemovalOptions, 'rate' | 'maxDrop' | 'bnBatches' | 'format'>,
    Omit<ImageOptions, keyof ImageCounts>,
    Pick<FeedOptions, 'inputScale'>,
    Asked<ImageCounts> {
  /** A model, which is borrowed and stays as it is, or the path of a model.json. */
  readonly model: tf.LayersModel | string;
  /** Each in (0, 1), ascending. Default 0.1 to 0.9. */
  readonly rates?: readonly number[];
  /** Folder that keeps each measurement in sensitivity.jsonl: the same call goes on in it. */
  readonly out: string;
  /** What else decides the measurements; a scan of other options is not gone on with. Default the options. */
  readonly identity?: JsonObject;
  /** Shows how far the work is. Default nobody. */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

const USUAL_RATES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/**
 * Measures the accuracy of a trained network on its validation images with one group pruned at a time, at each rate.
 *
 * @throws {OptionError} when an option does not fit the network or the images, or the network does no better on them
 *   than chance.
 * @throws {OtherScanError} when the folder holds a scan of something else.
 * @throws {StoppedError} once the signal has been aborted; what was measured is in the folder.
 */
export async function scanSensitivity(options: ScanOptions): Promise<Sensitivity> {
  const { out, schemaFile = null, rates = USUAL_RATES, signal } = options;
  const { progress = createProgress({ quiet: true }) } = options;
  const given = await loadImages(options);
  requireValidation(given, 'on which the network is measured');
  const { model, file } = await loadMaskable(options, given, progress);
  try {
    const data = feedImages(model, given, { ...options, note: progress.note.bind(progress) });
    const scale = describeFed(data, given);
    const scanned = await traceMaskable(model, options, progress);
    const measure = createMeasure(options, data);
    const whole = await measure(model);
    requireAboveChance('model', whole.accuracy, data.validation); // before there is a file
    const doubt = findDoubt({ top1: whole.accuracy, loss: whole.loss }, data.validation);
    if (doubt !== null) progress.note(`warning: ${doubt}`);
    const identity: JsonObject = {
      network: sha256(file, weightsHash(model)),
      options:
        options.identity ?? describeOptions(options, ['model', 'rates', 'out', 'inputScale']),
      schema: schemaFile === null ? null : sha256(await readInput(schemaFile)),
      data: { images: data.validation.count, sha256: data.fingerprint },
      ...(scale ? { inputScale: { ...scale } } : {}), // scans of the first version know none
    };
    const log = await SensitivityLog.open(out, identity);
    try {
      if (log.size > 0) progress.note(`going on after ${log.size} measurements in ${out}`);
      const measured = { data, whole, measure };
      return await scan(scanned, log, measured, { ...options, rates, progress, signal });
    } finally {
      await log.close();
    }
  } finally {
    disposeWeights(model);
  }
}

/** The images, and what is measured on them. */
interface Measurement {
  readonly data: DataSet;
  readonly whole: Quality;
  readonly measure: (model: tf.LayersModel) => Promise<Quality>;
}

/** Measures a network on the validation images. */
function createMeasure(options: ScanOptions, data: DataSet): Measurement['measure'] {
  const { loss: head, signal } = options;
  const batchSize = requireBatchSize(options, data);
  return async (model) => {
    const found = await evaluate(model, data.validation, data, batchSize, { loss: head, signal });
    return { loss: found.loss, accuracy: found.top1 };
  };
}

/** A network and how its groups are scored. */
interface Scanned {
  readonly network: Network;
  readonly choice: MethodChoice;
}

/** @throws {NotPrunableError} when a layer that is to fall silent has no masks. */
async function traceMaskable(
  model: tf.LayersModel,
  options: ScanOptions,
  progress: Progress,
): Promise<Scanned> {
  const { rates = USUAL_RATES } = options;
  const network = await traceUnderSchema(model, options);
  noteFrozen(network, progress.note.bind(progress));
  // Each group loses the rate, whatever else a policy could say.
  const choice = chooseMethod({ ...options, rate: Math.max(...rates), regrowth: 'hard' });
  if (!choice) {
    throw new OptionError({ option: 'method', problem: 'must remove something at some rate' });
  }
  requireMasks(network, unitOf(choice.method, network));
  return { network, choice };
}

async function scan(
  { network, choice }: Scanned,
  log: SensitivityLog,
  { data, whole, measure }: Measurement,
  options: ScanOptions & { readonly rates: readonly number[]; readonly progress: Progress },
): Promise<Sensitivity> {
  const { rates, progress, signal } = options;
  const batchSize = requireBatchSize(options, data);
  const { scores, policy } = await scoreNetwork(
    network,
    choice,
    { data, batchSize },
    options,
    signal,
  );
  return scanGroups({
    ...{ network, rates, log, progress, whole, measure },
    keepAt: proposeByRate(network.graph, scores, policy),
    images: data.validation.count,
  });
}

function requireBatchSize({ batchSize }: ScanOptions, { name, recipe }: DataSet): number {
  const size = batchSize ?? recipe?.batchSize;
  if (size !== undefined) return size;
  throw new OptionError({ option: 'batchSize', problem: `must be given: ${name} has no recipe` });
}

/**
 * The network with masks of its own, which are full; masks that it came with are in its weights. The caller owns it.
 */
async function loadMaskable(
  { model: given, loss }: ScanOptions,
  data: DataSet,
  progress: Progress,
): Promise<{ model: tf.LayersModel; file: string | Uint8Array }> {
  using loaded = await loadModel({ model: given, note: progress.note.bind(progress) });
  requireFiniteWeights(loaded.model, loaded.source);
  requireFit(loaded, data.validation, data.classes.length, { loss });
  if (given instanceof tf.LayersModel) {
    return { model: prunable(given), file: JSON.stringify(given.toJSON(null, false)) };
  }
  zeroMasked(loaded.model);
  return {
    model: prunable(loaded.model),
    file: await readInput(await modelPlace(given), Infinity),
  };
}
