import * as tf from '@tensorflow/tfjs';
import { OptionError, StoppedError } from '../errors';
import type { JsonObject } from '../files';
import { RunDirectory } from '../files/run/run-directory';
import type { EnvironmentFacts } from '../files/run/environment-facts';
import { RUNS } from '../files/run/run-status';
import { writeForms } from '../formats';
import { keepAll } from '../graph';
import type { KeepSet, Network } from '../graph';
import { disposeWeights } from '../layers';
import { reestimate, sampleBatches } from '../measure/batch-statistics';
import { TargetedRate } from '../measure/search/target';
import type { FinalRate } from '../measure/search/target';
import { blockLayers } from '../models';
import { createProgress } from '../report/progress';
import type { Progress } from '../report/progress';
import { mask } from '../surgery';
import { DivergedError, Trainer } from '../trainer';
import type { Best, TrainingObserver } from '../trainer';
import { describeLayerRate, describeOptions, nameMethod, USUAL_RATE } from './choose-method';
import { describeResult, measureShare } from './describe-result';
import { describeUsage } from './describe-usage';
import { createClassifier, handOver, sampleImages } from './hand-over';
import type { HandedOver } from './hand-over';
import { loadModel } from './load-model';
import { pickGiven } from './pick-given';
import { prepareTraining } from './prepare-training';
import type { PreparedTraining, TrainingOptions } from './prepare-training';
import { choosePruningTimes, chooseSchedule } from './pruning-times';
import { requireNotRead } from './require-place';
import { countTarget, findTarget } from './targets';

/** A training with its folder. */
export interface TrainAndPruneOptions extends TrainingOptions, RunOptions {
  /** Folder of the run. Default a dated one under runs/. */
  readonly runDir?: string | null;
  /** Goes on with the run in `runDir`. Default false. */
  readonly resume?: boolean;
}

/** Who watches a run, and who may stop it. */
export interface RunOptions {
  /** Told of all that happens. Default none. */
  readonly observers?: readonly TrainingObserver[] | undefined;
  /** Shows how far the verification and the last measurements are. Default nobody. */
  readonly progress?: Progress | undefined;
  /** Once it is aborted the run saves itself and ends. */
  readonly signal?: AbortSignal | undefined;
}

/** What a run came to. */
export interface TrainedAndPruned extends HandedOver {
  /** Folder of the run, and that of the small network in it. */
  readonly run: string;
  readonly export: string;
  readonly best: Best;
  /** What stayed of the network. */
  readonly keep: KeepSet;
  /** That this call took; a run that was stopped took those of the calls before as well. */
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

/**
 * Trains a network, prunes it meanwhile, proves that the small network computes the same, and writes it.
 *
 * The engine is the one in use (`startEngine`). What is wrong with the options comes to light before a folder is made.
 *
 * @throws {OptionError} naming the option.
 * @throws {StoppedError} once the signal has been aborted; the run is saved, and `resume` goes on with it.
 * @throws {DivergedError} when a loss or a weight is no longer finite.
 * @throws {VerificationError} when the two networks part; nothing is exported then.
 */
export async function trainAndPrune(options: TrainAndPruneOptions): Promise<TrainedAndPruned> {
  const { resume = false, runDir = null, observers, progress, signal, ...training } = options;
  using resumed = resume ? await RunDirectory.open(requireFolder(runDir)) : null;
  using prepared = await prepareTraining(training, { isResumed: resume });
  const { seed = 1, note } = training;
  if (prepared.imbalance) note?.(prepared.imbalance.problem);
  const label = `${nameMethod(training)}_r${prepared.options.rate ?? 0}_s${seed}`;
  using run = resumed ?? (await RunDirectory.create(runDir, RUNS, { label }));
  const config = describeOptions(prepared.options);
  const identity = identifyRun(
    prepared,
    describeOptions(prepared.options, listUnshaping(training)),
  );
  const record = { config, identity, environment: { backend: tf.getBackend() } };
  return await runTraining(prepared, run, record, { resume, observers, progress, signal });
}

/** Options that a resumed run may change; a model that is given is known by its hash. */
function listUnshaping({ model }: TrainingOptions): string[] {
  const ofCheckpoints = ['checkpointEvery', 'keepCheckpoints', 'onNan'];
  const resolved = ['inputScale']; // how images are fed in fact counts
  const all = ['format', 'verifySamples', 'note', ...ofCheckpoints, ...resolved];
  return typeof model === 'object' ? [...all, 'model'] : all;
}

/** What a run folder says of itself. */
export interface RunRecord {
  /** Its options, as config.json holds them. */
  readonly config: JsonObject;
  /** What a resumed run must share with this one. */
  readonly identity: JsonObject;
  readonly environment: EnvironmentFacts;
}

/**
 * Trains what was prepared in a folder, or goes on there, and hands the small network over; its status says how it ended.
 *
 * @param prepared borrowed. @param run borrowed. Throws as `trainAndPrune`.
 */
export async function runTraining(
  prepared: PreparedTraining,
  run: RunDirectory,
  { config, identity, environment }: RunRecord,
  options: RunOptions & { readonly resume: boolean },
): Promise<TrainedAndPruned> {
  const started = performance.now();
  const { model, teacher, note } = prepared.options;
  await requireNotRead(run.export, [model, teacher]);
  await run.keepIdentity(identity); // before a status is written: another run must not fail this one
  try {
    await run.writeConfig(config); // from here on there is something to go on with
    const changed = await run.writeEnvironment(environment);
    if (changed.length > 0)
      note?.(`the run goes on, but may end in other bits: ${changed.join('; ')}`);
    await run.setStatus('running');
    const trained = await trainIn(run, prepared, identity, options);
    const seconds = Number(((performance.now() - started) / 1000).toFixed(3));
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    const result = { ...trained, seconds, peakMemoryBytes };
    await run.writeResult(describeResult(result, prepared));
    await run.setStatus('done');
    return result;
  } catch (error) {
    // The disk that may have failed takes this too, or the first error is what counts.
    await recordEnd(run, error).catch(() => undefined);
    throw error;
  }
}

async function recordEnd(run: RunDirectory, error: unknown): Promise<void> {
  if (error instanceof StoppedError) return run.setStatus('stopped');
  const details = { reason: String(error), diverged: error instanceof DivergedError };
  return run.setStatus('failed', details);
}

async function trainIn(
  run: RunDirectory,
  prepared: PreparedTraining,
  identity: JsonObject,
  options: RunOptions & { readonly resume: boolean },
): Promise<Omit<TrainedAndPruned, 'seconds' | 'peakMemoryBytes'>> {
  const { progress = createProgress({ quiet: true }), signal } = options;
  const trainer = createTrainer(run, prepared, identity, options);
  try {
    if (options.resume) await trainer.tryResume();
    await trainer.train();
    using dense = await findDense(trainer, prepared);
    const best = await trainer.restoreBest();
    const { keep } = trainer;
    await measureStatistics(prepared, keep, signal);
    const watch = { progress, signal };
    const handedOver = await handOverBest(run, prepared, { keep, dense: dense.model }, watch);
    return { ...handedOver, run: run.path, export: run.export, best, keep };
  } finally {
    trainer.dispose();
  }
}

/** The network before anything was removed: that of `model`, else the best one then; null where there is none. */
async function findDense(
  trainer: Trainer,
  { options, network, pruning }: PreparedTraining,
): Promise<Disposable & { readonly model: tf.LayersModel | null }> {
  const { model: given } = options;
  if (given != null && pruning) return loadModel({ model: given });
  if (pruning && !(await trainer.restoreDense()))
    return { model: null, [Symbol.dispose]: () => undefined };
  if (!pruning) await trainer.restoreBest(); // of which nothing is ever removed
  const model = mask(network, keepAll);
  return {
    model,
    [Symbol.dispose]: () => {
      disposeWeights(model);
    },
  };
}

function createTrainer(
  run: RunDirectory,
  prepared: PreparedTraining,
  identity: JsonObject,
  { observers = [], signal }: RunOptions,
): Trainer {
  const { options, data, classWeights, batchSize, epochs, learningRate, network } = prepared;
  const { pruning, optimizer, teacher } = prepared;
  const { seed = 1, augment, compat } = options;
  const isPaper = compat === 'paper';
  return new Trainer({
    ...{ network, data, classWeights, optimizer, run, epochs, batchSize, learningRate, seed },
    ...{ identity, observers, signal },
    ...pickGiven(options, ['labelSmoothing', 'observeBatches', 'loss', 'onNan']),
    ...pickGiven(options, ['checkpointEvery', 'keepCheckpoints']),
    method: pruning?.method ?? null,
    policy: pruning?.policy ?? null,
    augment: augment !== 'off',
    keepDense: pruning !== null && options.model == null,
    terms: teacher ? [teacher.term] : [],
    pruneAt: choosePruningTimes(options, isPaper),
    schedule: chooseSchedule(options),
    finalRate: chooseFinalRate(options, network),
    extent: isPaper ? 'kernel' : 'unit',
  });
}

/** Who solves the target anew at each event, where scores decide how much each layer loses. */
function chooseFinalRate(options: TrainingOptions, network: Network): FinalRate | undefined {
  const { scope = 'uniform', merge = 'mean' } = options;
  const asked = findTarget(options);
  if (!asked || (scope === 'uniform' && merge !== 'and' && merge !== 'or')) return undefined;
  const target = countTarget(asked, network);
  return target ? new TargetedRate(target) : undefined;
}

/** What BatchNormalization expects, measured on what the masks leave: soft pruning never trained that. */
async function measureStatistics(
  { options, data, batchSize, network }: PreparedTraining,
  keep: KeepSet,
  signal?: AbortSignal,
): Promise<void> {
  const { seed = 1, bnBatches } = options;
  if (!bnBatches) return;
  await reestimate(
    network,
    keep,
    sampleBatches(data, { seed, batchSize, batches: bnBatches }),
    signal,
  );
}

function handOverBest(
  run: RunDirectory,
  { options, data, batchSize, network, source }: PreparedTraining,
  { keep, dense }: { readonly keep: KeepSet; readonly dense: tf.LayersModel | null },
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal | undefined },
): Promise<HandedOver> {
  const { rate = USUAL_RATE, layerRates = [], pattern, seed = 1 } = options;
  const { format = ['tfjs'], verifySamples = 64, loss } = options;
  const isShared = chooseFinalRate(options, network) !== undefined || layerRates.length > 0;
  const attained = isShared ? measureShare(keep) : rate;
  return handOver({
    ...{ network, keep, dense, progress, signal, folder: run.export },
    facts: {
      ...{ method: nameMethod(options), rate: attained, seed, source },
      ...(pattern !== undefined && { pattern }),
      layerRates: layerRates.map(describeLayerRate),
    },
    usage: describeUsage(network.model, data),
    extras: (hard) => writeForms(hard, format, { blocksOf: blockLayers }),
    samples: () => sampleImages(data.validation, data, verifySamples),
    classify: createClassifier(() => data.test, data, batchSize, progress, { loss, signal }),
  });
}

function requireFolder(runDir: string | null): string {
  if (runDir !== null) return runDir;
  throw new OptionError({ option: 'runDir', problem: 'must name the run to go on with' });
}

/** What a run that goes on must share with this one. */
export function identifyRun(
  { data, sha256, scale, teacher }: PreparedTraining,
  config: JsonObject,
): JsonObject {
  return {
    format: 1,
    config,
    data: data.fingerprint,
    ...(sha256 !== null && { model: sha256 }),
    ...(scale ? { inputScale: { ...scale } } : {}), // runs of the first version know none
    ...(teacher ? { teacher: teacher.sha256 } : {}),
    ...(teacher?.scale ? { teacherScale: { ...teacher.scale } } : {}),
  };
}
