import * as tf from '@tensorflow/tfjs';
import { describeEngine, startEngine } from '../backend/engine';
import { ConfigError } from '../config/error';
import type { Run } from '../config/parse';
import type { ConfigOf } from '../config';
import { differences, savedOptions, shapingOptions } from '../config/saved';
import { dataSets, loadDataSet } from '../data';
import type { DataSet, Recipe } from '../data';
import { removedUnits } from '../graph';
import { prunable, weightsByName } from '../layers';
import { comparisonTable, formatBytes } from '../report/table';
import type { JsonObject } from '../files/durable-files';
import { classifier, handOver, sampleImages } from '../trainer/hand-over';
import type { HandedOver } from '../trainer/hand-over';
import { constant, cosine, multiStep } from '../trainer/learning-rate';
import type { LearningRate } from '../trainer/learning-rate';
import { Adam, Sgd } from '../trainer/optimizer';
import type { Optimizer } from '../trainer/optimizer';
import { newestUnfinished, RunDirectory } from '../trainer/run-directory';
import { EXIT_RESUMABLE, StopRequest } from '../trainer/signals';
import { Trainer } from '../trainer/trainer';
import { checkFits, graphOf, methodOf, networkOf } from './network';
import type { Terminal } from './terminal';

type Config = ConfigOf<'train'>;

/** Where runs go that are given no directory. */
const RUNS = 'runs';

/**
 * Trains, prunes meanwhile, hands the smaller network over.
 *
 * @returns the exit code: 0, or 75 after a signal, when the same run resumes.
 */
export async function train(invocation: Run<'train'>, terminal: Terminal): Promise<number> {
  const stop = new StopRequest().listen();
  const { run, config } = await openRun(invocation);
  try {
    const engine = await startEngine(config.backend, { threads: config.threads });
    terminal.progress.note(describeEngine(engine));
    await run.writeConfig(savedOptions(config) as JsonObject);
    await run.writeEnvironment({
      backend: engine.packageName,
      device: engine.device,
      versions: { tfjs: tf.version_core, tensorflow: engine.tensorflowVersion ?? 'none' },
    });
    await run.setStatus('running');
    const code = await trainIn(run, config, stop, terminal);
    await run.setStatus(code === 0 ? 'done' : 'stopped');
    return code;
  } catch (error) {
    await run.setStatus('failed', { reason: String(error) });
    throw error;
  } finally {
    run.release();
    stop[Symbol.dispose]();
  }
}

/** The run's directory and its configuration: its own when it goes on, else what was asked for. */
async function openRun(invocation: Run<'train'>): Promise<{ run: RunDirectory; config: Config }> {
  const { config, sources } = invocation;
  const { method, rate, seed, runDir, resume } = config;
  if (!resume) {
    const label = `${method}_r${rate}_s${seed}`;
    return { run: await RunDirectory.create(runDir, RUNS, { label }), config };
  }
  const folder = runDir ?? (await newestUnfinished(RUNS));
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

async function trainIn(
  run: RunDirectory,
  config: Config,
  stop: StopRequest,
  terminal: Terminal,
): Promise<number> {
  const { recipe } = dataSets[config.dataset];
  const data = await loadDataSet(config.dataset, dataOptions(config, recipe));
  const { height, width, channels } = data.train;
  const inputShape = [height, width, channels];
  const network = await networkOf({ ...config, inputShape, classes: data.classes.length });
  if (config.model !== null) checkFits(network, inputShape, data.classes.length);
  const model = prunable(network.model);
  network.model.dispose();
  const graph = graphOf(model, config);
  const method = methodOf(config);
  announce(model, config, terminal);

  const optimizer = optimizerOf(config, recipe);
  const batchSize = config.batchSize ?? recipe.batchSize;
  const epochs = config.epochs ?? recipe.epochs;
  const trainer = new Trainer({
    model,
    graph,
    method,
    data,
    optimizer,
    run,
    epochs,
    batchSize,
    learningRate: learningRateOf(config, recipe, Math.ceil(data.train.count / batchSize)),
    seed: config.seed,
    augment: config.augment !== 'off',
    labelSmoothing: config.labelSmoothing,
    pruneAt: {
      from: config.pruneFrom,
      every: config.pruneEvery,
      atStart: config.compat === 'paper',
    },
    extent: config.compat === 'paper' ? 'kernel' : 'unit',
    checkpointEvery: config.checkpointEvery,
    keepCheckpoints: config.keepCheckpoints,
    identity: identityOf(config, data),
    progress: terminal.progress,
    stop,
  });
  try {
    if (config.resume) await resume(trainer, terminal);
    if ((await trainer.train()) === 'stopped') {
      terminal.warn(
        `stopped by ${String(stop.requested)} after step ${trainer.steps}; to go on: ` +
          `${terminal.program} --resume --run-dir ${run.path}`,
      );
      return EXIT_RESUMABLE;
    }
    const best = await trainer.restoreBest();
    const result = await handOver({
      model,
      graph,
      keep: trainer.keep,
      folder: run.export,
      facts: {
        method: config.method,
        rate: config.rate,
        seed: config.seed,
        source: network.source,
      },
      samples: () => sampleImages(data.validation, data, config.verifySamples),
      classify: classifier(() => data.test, data, batchSize, terminal.progress),
      progress: terminal.progress,
    });
    report(result, best.epoch, run, config, terminal);
    return 0;
  } finally {
    trainer.dispose();
    optimizer.dispose();
    model.dispose();
  }
}

async function resume(trainer: Trainer, terminal: Terminal): Promise<void> {
  const resumed = await trainer.tryResume();
  terminal.progress.note(
    resumed
      ? `resumed after step ${trainer.steps}`
      : 'no checkpoint yet: starting from the beginning',
  );
}

/** Says what will be removed, and refuses a rate that removes nothing. */
function announce(model: tf.LayersModel, config: Config, terminal: Terminal): void {
  const trial = methodOf(config);
  const graph = graphOf(model, config);
  if (!trial) {
    terminal.progress.note(`no pruning; ${graph.macs()} MACs, ${graph.params()} parameters`);
    return;
  }
  const weights = weightsByName(model);
  const keep = trial.choose(graph, (name) => weights.get(name)!.read());
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
    `${config.method} at rate ${config.rate}: ${share(graph.macs(keep), graph.macs())} % fewer MACs, ` +
      `${share(graph.params(keep), graph.params())} % fewer parameters (planned)`,
  );
}

function dataOptions(config: Config, recipe: Recipe): Parameters<typeof loadDataSet>[1] {
  return {
    folder: config.dataDir ?? undefined,
    download: config.download || undefined,
    seed: config.seed,
    validationFraction: config.validationFraction,
    limitTrain: config.limitTrain ?? recipe.limitTrain,
    limitValidation: recipe.limitValidation,
    limitTest: config.limitTest ?? recipe.limitTest,
  };
}

function optimizerOf(config: Config, recipe: Recipe): Optimizer {
  const weightDecay = config.weightDecay ?? recipe.weightDecay;
  if (config.optimizer === 'adam') return new Adam({ weightDecay });
  const { momentum, nesterov } = config;
  return new Sgd({ momentum, nesterov: nesterov && momentum > 0, weightDecay });
}

/** Adam's usual rate, where the recipe's is SGD's. */
const ADAM_RATE = 1e-3;

/** The papers' 60, 120 and 160 of 200 epochs, as shares of any length. */
const MILESTONES = [0.3, 0.6, 0.8];

/** The papers' factor at each of them. */
const DECAY = 0.2;

function learningRateOf(config: Config, recipe: Recipe, stepsPerEpoch: number): LearningRate {
  const epochs = config.epochs ?? recipe.epochs;
  const usual = config.optimizer === 'adam' ? ADAM_RATE : recipe.learningRate;
  const base = config.learningRate ?? usual;
  const warmup = (config.warmupEpochs ?? 0) * stepsPerEpoch;
  const schedules = {
    constant: () => constant({ base, warmup }),
    cosine: () => cosine({ base, warmup, total: epochs * stepsPerEpoch }),
    'multi-step': () => {
      const at = config.milestones ?? MILESTONES.map((share) => Math.round(share * epochs));
      const milestones = at.map((epoch) => epoch * stepsPerEpoch);
      return multiStep({ base, warmup, milestones, gamma: config.lrDecay ?? DECAY });
    },
  };
  return schedules[config.lrSchedule ?? recipe.schedule]();
}

/** What a checkpoint must share with the run that resumes it. */
function identityOf(config: Config, data: DataSet): JsonObject {
  return { format: 1, config: shapingOptions(config) as JsonObject, data: data.fingerprint };
}

function report(
  { before, after, verification }: HandedOver,
  epoch: number,
  run: RunDirectory,
  config: Config,
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
