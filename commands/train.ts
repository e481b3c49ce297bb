import { isDeepStrictEqual } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { ConfigError } from '../config/error';
import { StoppedError } from '../errors';
import type { Run } from '../config/parse';
import { options } from '../config';
import type { ConfigOf, Key } from '../config';
import { resolveTraining } from '../config/resolve';
import type { TrainingConfig } from '../config/resolve';
import { differences, savedOptions, shapingOptions } from '../config/saved';
import { batchCount } from '../data';
import type { DataSet } from '../data';
import { requireWritable, writeForms } from '../formats';
import { countMacs, countParams, Network, removedUnits } from '../graph';
import type { ChannelGraph, KeepSet } from '../graph';
import { BatchStatistics, prunable, weightReader } from '../layers';
import { chooseUnits, scoreKernels } from '../methods';
import { blockLayers } from '../models';
import { showTraining } from '../report/training';
import { comparisonTable, formatBytes } from '../report/table';
import type { JsonObject } from '../files';
import { observationBatches, withEvidence } from '../measure/observe/evidence';
import { reestimate, sampleBatches } from '../measure/batch-statistics';
import { classifier, handOver, sampleImages } from '../jobs/hand-over';
import type { HandedOver } from '../jobs/hand-over';
import { constant, cosine, multiStep } from '../trainer/step/learning-rate';
import type { LearningRate } from '../trainer/step/learning-rate';
import { Adam, Sgd } from '../trainer/step/optimizer';
import type { Optimizer } from '../trainer/step/optimizer';
import { newestUnfinished } from '../files/run/newest-unfinished';
import { RunDirectory } from '../files/run/run-directory';
import { EXIT_RESUMABLE, listenForStop } from '../files/run/signals';
import { TargetedRate } from '../measure/search/target';
import type { FinalRate } from '../measure/search/target';
import { Trainer } from '../trainer/trainer';
import { dataOf } from './data';
import { startedEngine } from './engine';
import { layerRatesOf } from './layer-rate-file';
import { checkFits, graphOf, methodOf, networkOf } from './network';
import type { MethodChoice } from './network';
import { askedTarget, attainedText, countedTarget, HIGHEST_RATE, solveTarget } from './targets';
import { pruningTimes, rateSchedule, requireEvents } from './pruning-times';
import { teacherOf } from './teacher';
import type { Teacher } from './teacher';
import type { Terminal } from './terminal';
import { asUsage } from './usage';

type Config = ConfigOf<'train'>;

/** One that leaves nothing to the recipe. */
type Resolved = TrainingConfig;

/** Where runs go that are given no directory. */
const RUNS = 'runs';

/**
 * Trains, prunes meanwhile, hands the smaller network over.
 *
 * What is wrong with a request comes to light before a new run leaves a trace.
 *
 * @returns the exit code: 0, or 75 after a signal, when the same run resumes.
 */
export async function train(given: Run<'train'>, terminal: Terminal): Promise<number> {
  using stop = listenForStop();
  const invocation = await withLayerRates(given);
  const resumed = invocation.config.resume ? await reopened(invocation) : null;
  using resumedRun = resumed?.run ?? null;
  const config = resumed?.config ?? invocation.config;
  const engine = await startedEngine(config, terminal);
  using parts = await prepared(config, terminal);
  using run = resumedRun ?? (await newRun(parts.config));
  try {
    await run.writeConfig(savedOptions(parts.given) as JsonObject);
    await run.writeEnvironment({
      backend: engine.packageName,
      device: engine.device,
      versions: { tfjs: tf.version_core, tensorflow: engine.tensorflowVersion ?? 'none' },
    });
    await run.setStatus('running');
    const code = await trainIn(run, parts, stop.signal, terminal);
    await run.setStatus(code === 0 ? 'done' : 'stopped');
    return code;
  } catch (error) {
    // The disk that may have failed takes this too, or the first error is what counts.
    await run.setStatus('failed', { reason: String(error) }).catch(() => undefined);
    throw error;
  }
}

/** The rules of a --layer-rate-file become the run's own, so that it resumes without the file. */
async function withLayerRates({ config, sources, ...run }: Run<'train'>): Promise<Run<'train'>> {
  if (config.layerRateFile === null) return { ...run, config, sources };
  const layerRate = await layerRatesOf(config);
  return {
    ...run,
    config: { ...config, layerRate },
    sources: { ...sources, layerRate: sources.layerRateFile },
  };
}

function newRun({ method, rate, seed, runDir }: Resolved): Promise<RunDirectory> {
  return RunDirectory.create(runDir, RUNS, { label: `${method}_r${rate}_s${seed}` });
}

/** The directory of the run that goes on, and its configuration: its own and what may be changed. */
async function reopened({
  config,
  sources,
}: Run<'train'>): Promise<{ run: RunDirectory; config: Config }> {
  const folder = config.runDir ?? (await newestUnfinished(RUNS));
  if (folder === null) {
    throw new ConfigError({
      key: '--resume',
      problem: `needs an unfinished run under ${RUNS}/, there is none`,
      source: 'command line',
    });
  }
  const run = await RunDirectory.open(folder);
  try {
    return { run, config: resumedConfig(config, sources, await run.readConfig(), run.path) };
  } catch (error) {
    run.release();
    throw error;
  }
}

/** What the run began with, and what this call names; they must agree on all that shapes the run. */
function resumedConfig(
  config: Config,
  sources: Readonly<Record<string, string>>,
  saved: JsonObject,
  folder: string,
): Config {
  const kept = Object.entries(saved).filter(([key]) => sources[key] === 'default');
  const merged: Config = { ...config, ...Object.fromEntries(kept) };
  const [first] = differences(saved, merged);
  if (!first) return merged;
  throw new ConfigError({
    key: first.flag,
    problem: `must be what the run ${folder} began with, ${JSON.stringify(first.saved)}`,
    received: first.current,
    source: sources[first.key] ?? 'default',
  });
}

/** What a run is made of, as its options say. */
interface Parts extends Disposable {
  /** The options as they are saved. */
  readonly given: Config;
  readonly config: Resolved;
  readonly data: DataSet;
  readonly model: tf.LayersModel;
  /** Where the network came from. */
  readonly source: string;
  readonly graph: ChannelGraph;
  /** Null trains without pruning. */
  readonly pruning: MethodChoice | null;
  readonly optimizer: Optimizer;
  readonly teacher: Teacher | null;
}

async function prepared(asked: Config, terminal: Terminal): Promise<Parts> {
  const resolved = resolveTraining(asked);
  requireTimes(resolved);
  const data = await dataOf(resolved);
  requireEvents(resolved, data);
  requireValidation(resolved, data);
  const { height, width, channels } = data.train;
  const inputShape = [height, width, channels];
  const network = await networkOf(
    { ...resolved, inputShape, classes: data.classes.length },
    terminal.progress,
  );
  if (resolved.model !== null) checkFits(network, inputShape, data.classes.length);
  requireWritable(network.model, resolved.format, { blocksOf: blockLayers });
  const teacher = await teacherOf(resolved, network, inputShape, data.classes.length);
  const model = prunable(network.model);
  if (teacher?.model !== network.model) network.model.dispose();
  requireStatistics(model, resolved);
  const graph = await asUsage(() => graphOf(model, resolved));
  const rate = await targetedRate({ model, graph, config: resolved, data }, terminal);
  const given = { ...asked, rate };
  const config = { ...resolved, rate };
  const pruning = await asUsage(() => methodOf(config));
  const optimizer = optimizerOf(config);
  await announce({ model, graph, config, data }, terminal);
  const dispose = (): void => {
    optimizer.dispose();
    model.dispose();
    teacher?.model.dispose();
  };
  const { source } = network;
  const parts = { given, config, data, model, source, graph, pruning, optimizer, teacher };
  return { ...parts, [Symbol.dispose]: dispose };
}

/** What the rules of the options cannot know: the number of epochs may be the recipe's. */
function requireTimes({ epochs, warmupEpochs }: Resolved): void {
  if (warmupEpochs <= epochs) return;
  throw new ConfigError({
    key: '--warmup-epochs',
    problem: `must be at most the ${epochs} epochs, or the learning rate is never reached`,
    received: warmupEpochs,
    source: 'command line, environment or file',
  });
}

/** The best epoch is chosen on images that are neither learnt from nor tested on. */
function requireValidation({ validationFraction }: Resolved, data: DataSet): void {
  if (data.validation.count > 0) return;
  throw new ConfigError({
    key: '--validation-fraction',
    problem: 'must hold images out, by which the best epoch is chosen',
    received: validationFraction,
    source: 'command line, environment or file',
  });
}

async function trainIn(
  run: RunDirectory,
  parts: Parts,
  signal: AbortSignal,
  terminal: Terminal,
): Promise<number> {
  const trainer = await asUsage(() => trainerOf(run, parts, signal, terminal));
  try {
    if (parts.config.resume) await resume(trainer, terminal);
    await trainer.train();
    const best = await trainer.restoreBest();
    await remeasureStatistics(parts, trainer.keep, signal);
    const result = await handOverOf(run, parts, trainer.keep, signal, terminal);
    sayAttained(parts, trainer.keep, terminal);
    report(result, best.epoch, run, parts.config, terminal);
    return 0;
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    terminal.warn(
      `${error.message} after step ${trainer.steps}; to go on: ` +
        `${terminal.program} --resume --run-dir ${quoted(run.path)}`,
    );
    return EXIT_RESUMABLE;
  } finally {
    trainer.dispose();
  }
}

/** Says what the network that is handed over attains of a target that is counted. */
function sayAttained({ config, model, graph }: Parts, keep: KeepSet, terminal: Terminal): void {
  const asked = askedTarget(config);
  const target = asked && countedTarget(asked, model, graph);
  if (!target) return;
  const say = config.json ? terminal.progress.note.bind(terminal.progress) : terminal.print;
  say(attainedText(target, keep));
}

/** A path as a shell takes it. */
function quoted(text: string): string {
  return /^[\w./=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function trainerOf(
  run: RunDirectory,
  { given, config, data, model, graph, pruning, optimizer, teacher }: Parts,
  signal: AbortSignal,
  terminal: Terminal,
): Trainer {
  const { epochs, batchSize } = config;
  const isPaper = config.compat === 'paper';
  return new Trainer({
    network: new Network(model, graph),
    method: pruning?.method ?? null,
    policy: pruning?.policy ?? null,
    data,
    optimizer,
    run,
    epochs,
    batchSize,
    learningRate: learningRateOf(config, batchCount(data.train.count, batchSize)),
    seed: config.seed,
    augment: config.augment !== 'off',
    labelSmoothing: config.labelSmoothing,
    terms: teacher ? [teacher.term] : [],
    pruneAt: pruningTimes(config),
    schedule: rateSchedule(config),
    observeBatches: config.observeBatches,
    finalRate: finalRateOf(config, model, graph),
    extent: isPaper ? 'kernel' : 'unit',
    checkpointEvery: config.checkpointEvery,
    keepCheckpoints: config.keepCheckpoints,
    identity: identityOf(given, data, teacher),
    observers: [showTraining(terminal.progress)],
    signal,
  });
}

/** What BatchNormalization expects, measured on what the masks leave: soft pruning never trained that. */
async function remeasureStatistics(
  { config, data, model, graph }: Parts,
  keep: KeepSet,
  signal: AbortSignal,
): Promise<void> {
  const { seed, bnBatches, batchSize } = config;
  if (bnBatches === null || bnBatches === 0) return;
  const batches = sampleBatches(data, { seed, batchSize, batches: bnBatches });
  await reestimate({ model, graph }, keep, batches, signal);
}

/** @throws {ConfigError} when there are no statistics that --bn-batches could measure. */
function requireStatistics(model: tf.LayersModel, { bnBatches }: Resolved): void {
  if (bnBatches === null || bnBatches === 0 || new BatchStatistics(model).count > 0) return;
  throw new ConfigError({
    key: '--bn-batches',
    problem: 'has no effect: the network has no BatchNormalization',
    received: bnBatches,
    source: 'command line, environment or file',
  });
}

function handOverOf(
  run: RunDirectory,
  { config, data, model, source, graph }: Parts,
  keep: KeepSet,
  signal: AbortSignal,
  { progress }: Terminal,
): Promise<HandedOver> {
  const { method, rate, pattern, seed, batchSize, verifySamples } = config;
  const attained = finalRateOf(config, model, graph) ? removedShare(keep) : rate;
  return handOver({
    model,
    graph,
    keep,
    folder: run.export,
    facts: { method, rate: attained, layerRates: config.layerRate, pattern, seed, source },
    extras: (hard) => writeForms(hard, config.format, { blocksOf: blockLayers }),
    samples: () => sampleImages(data.validation, data, verifySamples),
    classify: classifier(() => data.test, data, batchSize, progress, signal),
    progress,
    signal,
  });
}

async function resume(trainer: Trainer, terminal: Terminal): Promise<void> {
  const resumed = await trainer.tryResume();
  terminal.progress.note(
    resumed
      ? `resumed after step ${trainer.steps}`
      : 'no checkpoint yet: starting from the beginning',
  );
}

/**
 * The rate that a target asks for, on the network as training finds it, else that of the options; a
 * resumed run has that of its beginning.
 *
 * @throws {UsageError} with the attainable range, when the target is outside.
 */
async function targetedRate(
  { model, graph, config, data }: Pick<Parts, 'model' | 'graph' | 'config' | 'data'>,
  terminal: Terminal,
): Promise<number> {
  const asked = askedTarget(config);
  if (!asked || config.resume) return config.rate;
  const { method, policy } = (await asUsage(() => methodOf({ ...config, rate: HIGHEST_RATE })))!;
  const { seed, batchSize } = config;
  const batches = (): ReturnType<typeof observationBatches> =>
    observationBatches(data, { seed, epoch: 0, batchSize }, 1); // enough for counts
  const network = { graph, kernel: weightReader(model) };
  const scores = await asUsage(() =>
    withEvidence({ model, graph }, method, batches, (evidence) =>
      scoreKernels(method, network, { evidence, counting: policy.counting }),
    ),
  );
  const on = { model, graph, scores, policy };
  const { rate, summary } = await asUsage(() => solveTarget(asked, on, terminal));
  terminal.progress.note(summary);
  return rate;
}

/** Who solves the target anew at each event, where scores decide how much each layer loses. */
function finalRateOf(
  config: Resolved,
  model: tf.LayersModel,
  graph: ChannelGraph,
): FinalRate | undefined {
  const { scope, merge } = config;
  const asked = askedTarget(config);
  if (!asked || (scope === 'uniform' && merge !== 'and' && merge !== 'or')) return undefined;
  const target = countedTarget(asked, model, graph);
  return target ? new TargetedRate(target) : undefined;
}

/** Fraction of the units that a keep set removes, to 1e-6. */
function removedShare(keep: KeepSet): number {
  const units = [...keep.groups.values(), ...keep.weights.values()];
  const all = units.reduce((sum, { length }) => sum + length, 0);
  return Number((removedUnits(keep) / Math.max(1, all)).toFixed(6));
}

/** Says what will be removed, and refuses a rate that removes nothing. */
async function announce(
  { model, graph, config, data }: Pick<Parts, 'model' | 'graph' | 'config' | 'data'>,
  terminal: Terminal,
): Promise<void> {
  const trial = methodOf(config);
  if (!trial) {
    terminal.progress.note(
      `no pruning; ${countMacs(graph)} MACs, ${countParams(graph)} parameters`,
    );
    return;
  }
  const { seed, batchSize } = config;
  const keep = await asUsage(() =>
    withEvidence(
      { model, graph },
      trial.method,
      () => observationBatches(data, { seed, epoch: 0, batchSize }, 1), // enough for counts
      (evidence) =>
        chooseUnits({ graph, kernel: weightReader(model) }, trial.method, trial.policy, evidence),
    ),
  );
  if (removedUnits(keep) === 0) {
    throw new ConfigError({
      key: '--rate',
      problem: `removes nothing from this network (its largest group has ${Math.max(
        ...graph.prunable.map(({ channels }) => channels),
      )} channels)`,
      received: config.rate,
      source: 'command line or default',
    });
  }
  const share = (after: number, before: number): string => (100 * (1 - after / before)).toFixed(1);
  terminal.progress.note(
    `${config.method} at rate ${config.rate}: ${share(countMacs(graph, keep), countMacs(graph))} % fewer MACs, ` +
      `${share(countParams(graph, keep), countParams(graph))} % fewer parameters (planned)`,
  );
}

function optimizerOf({ optimizer, weightDecay, momentum, nesterov }: Resolved): Optimizer {
  if (optimizer === 'adam') return new Adam({ weightDecay });
  return new Sgd({ momentum, nesterov: nesterov && momentum > 0, weightDecay });
}

function learningRateOf(config: Resolved, stepsPerEpoch: number): LearningRate {
  const { learningRate: base, lrSchedule, lrDecay: gamma } = config;
  const warmup = config.warmupEpochs * stepsPerEpoch;
  const schedules = {
    constant: () => constant({ base, warmup }),
    cosine: () => cosine({ base, warmup, total: config.epochs * stepsPerEpoch }),
    'multi-step': () => {
      const milestones = config.milestones.map((epoch) => epoch * stepsPerEpoch);
      return multiStep({ base, warmup, milestones, gamma });
    },
  };
  return schedules[lrSchedule]();
}

/** What a checkpoint must share with the run that resumes it. */
function identityOf(config: Config, data: DataSet, teacher: Teacher | null): JsonObject {
  // Defaults are left out, so that a later version with more options resumes the run.
  const asked = Object.entries(shapingOptions(config)).filter(
    ([key, value]) => !isDeepStrictEqual(value, options.get(key as Key)?.default),
  );
  return {
    format: 1,
    config: Object.fromEntries(asked) as JsonObject,
    data: data.fingerprint,
    ...(teacher ? { teacher: teacher.sha256 } : {}),
  };
}

function report(
  { before, after, verification }: HandedOver,
  epoch: number,
  run: RunDirectory,
  config: Resolved,
  terminal: Terminal,
): void {
  const memory = process.resourceUsage().maxRSS * 1024;
  if (config.json) {
    const result = { run: run.path, export: run.export, epoch, before, after, verification };
    terminal.print(JSON.stringify({ ...result, peakMemoryBytes: memory }, null, 2));
    return;
  }
  terminal.print(comparisonTable(before, after));
  terminal.print(
    `before: the trained network at full width, removed units silenced; after: the exported one\n` +
      `verified on ${verification.samples} images: largest difference ${verification.maxAbsDiff} of ` +
      `${verification.maxAbsOutput} on ${verification.backend}\n` +
      `best epoch ${epoch + 1} by validation; peak memory ${formatBytes(memory)}\n` +
      `exported to ${run.export}`,
  );
}
