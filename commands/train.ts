import { isDeepStrictEqual } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../backend/engine';
import { options } from '../config';
import type { ConfigOf, Key } from '../config';
import { spellNames } from '../config/failure';
import type { Run } from '../config/parse';
import { resolveTraining } from '../config/resolve';
import { pickSaved, pickShaping } from '../config/saved';
import { StoppedError } from '../errors';
import type { JsonObject } from '../files';
import { RunDirectory } from '../files/run/run-directory';
import { RUNS } from '../files/run/run-status';
import { EXIT_RESUMABLE, listenForStop } from '../files/run/signals';
import { identifyRun, prepareTraining, runTraining } from '../jobs';
import type { PreparedTraining, RunRecord } from '../jobs';
import { describeChance, findChanceLevel } from '../measure/chance';
import { showTraining } from '../report/training';
import type { TrainingEvent, TrainingObserver } from '../trainer';
import { startNamedEngine } from './engine';
import { identifyModules } from './find-modules';
import { toClassWeights, toJobOptions } from './job-options';
import { layerRatesOf } from './layer-rate-file';
import { reopenRun } from './reopen-run';
import type { Terminal } from './terminal';
import { announceTraining, printTraining } from './training-report';

type Config = ConfigOf<'train'>;

/**
 * Trains, prunes meanwhile, hands the smaller network over.
 *
 * @returns the exit code: 0, or 75 after a signal, when the same run resumes.
 */
export async function train(given: Run<'train'>, terminal: Terminal): Promise<number> {
  using stop = listenForStop();
  const { signal } = stop;
  const invocation = await withLayerRates(given);
  const resumed = invocation.config.resume ? await reopenRun(invocation) : null;
  using resumedRun = resumed?.run ?? null;
  const asked = resumed?.config ?? invocation.config;
  const engine = await startNamedEngine(asked, terminal);
  const note = terminal.progress.note.bind(terminal.progress);
  const { resume, json } = asked;
  const classWeights = toClassWeights(asked.classWeights);
  const training = { ...toJobOptions(resolveTraining(asked)), classWeights, note };
  using prepared = await prepareTraining(training, { isResumed: resume });
  announceTraining(prepared, asked.method, terminal);
  const config = { ...asked, rate: prepared.options.rate ?? asked.rate };
  using run = resumedRun ?? (await createRun(config));
  const record = describeRun(prepared, config, engine);
  let steps = 0;
  const count: TrainingObserver = ({ position }) => (steps = position.step);
  const shown = [showTraining(terminal.progress), noteResume(resume, terminal)];
  const observers = [count, ...shown, warnAtChance(prepared, terminal)];
  const { progress } = terminal;
  try {
    const options = { observers, progress, signal, resume };
    printTraining(await runTraining(prepared, run, record, options), prepared, json, terminal);
    return 0;
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    terminal.warn(
      `${error.message} after step ${steps}; to go on:`,
      `${terminal.program} --resume --run-dir ${quote(run.path)}`,
    );
    return EXIT_RESUMABLE;
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

function createRun({ method, rate, seed, runDir }: Config): Promise<RunDirectory> {
  return RunDirectory.create(runDir, RUNS, { label: `${method}_r${rate}_s${seed}` });
}

/** What the folder says of the run: its options as they were given, so that later versions resume it. */
function describeRun(prepared: PreparedTraining, config: Config, engine: Engine): RunRecord {
  // Defaults are left out, so that a later version with more options resumes the run.
  const shaping = Object.entries(pickShaping(config)).filter(
    ([key, value]) => !isDeepStrictEqual(value, options.get(key as Key)?.default),
  );
  return {
    config: pickSaved(config) as JsonObject,
    identity: {
      ...identifyRun(prepared, Object.fromEntries(shaping) as JsonObject),
      ...identifyModules(config.register),
    },
    environment: {
      backend: engine.packageName,
      device: engine.device,
      versions: { tfjs: tf.version_core, tensorflow: engine.tensorflowVersion ?? 'none' },
    },
  };
}

/** Says where a run goes on. */
function noteResume(resume: boolean, { progress }: Terminal): (event: TrainingEvent) => void {
  let isResumed = false;
  return ({ kind, position }) => {
    if (kind === 'resumed') {
      isResumed = true;
      progress.note(`resumed after step ${position.step}`);
    }
    if (kind !== 'started' || !resume || isResumed) return;
    progress.note('no checkpoint yet: starting from the beginning');
  };
}

/** Says where a network that was given does no better than chance after its first epoch; losses are high after so few steps. */
function warnAtChance(
  { data, options: { model } }: PreparedTraining,
  terminal: Terminal,
): TrainingObserver {
  return (event) => {
    if (event.kind !== 'epoch' || event.epoch > 0 || model == null) return;
    const found = findChanceLevel(event.whole.top1, data.validation);
    if (found) terminal.warn(spellNames(`warning: ${describeChance(found)}`));
  };
}

/** A path as a shell takes it. */
function quote(text: string): string {
  return /^[\w./=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
