import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type * as tf from '@tensorflow/tfjs';
import { options } from '../config';
import type { ConfigOf } from '../config';
import type { Run } from '../config/parse';
import { ConfigError } from '../config/error';
import { resolveImages } from '../config/resolve';
import { StoppedError } from '../errors';
import { shapingOptions } from '../config/saved';
import type { DataSet } from '../data';
import { readModel } from '../formats';
import type { JsonObject } from '../files';
import { prunable, zeroMasked } from '../layers';
import { proposeByRate } from '../methods';
import type { Progress } from '../report/progress';
import type { Sensitivity } from '../report/sensitivity';
import { weightsHash } from '../trainer/step/distillation';
import { scanSensitivity } from '../measure/search/sensitivity';
import { SensitivityLog } from '../measure/search/sensitivity-log';
import { EXIT_RESUMABLE, listenForStop } from '../files/run/signals';
import { evaluate } from '../measure/accuracy';
import { dataOf } from './data';
import { startedEngine } from './engine';
import { checkFits, graphOf, methodOf, underSchema } from './network';
import { choosable } from './one-shot';
import { writeSensitivity } from './sensitivity-files';
import type { Terminal } from './terminal';
import { asUsage } from './usage';

type Config = ConfigOf<'sensitivity'>;

/**
 * Scans the accuracy of a trained network with one group pruned at a time, and writes what it found:
 * sensitivity.jsonl as it goes, then sensitivity.csv, .json and .svg, and rates.json under a tolerance.
 *
 * @returns the exit code: 0, or 75 after a signal, when the same command goes on.
 */
export async function sensitivity(
  { config }: Run<'sensitivity'>,
  terminal: Terminal,
): Promise<number> {
  const { model: file, out } = config as { readonly model: string; readonly out: string }; // rules.ts
  using stop = listenForStop();
  await startedEngine(config, terminal);
  const data = await imagesOf(config);
  const model = await maskable(file, terminal.progress);
  try {
    const { height, width, channels } = data.validation;
    checkFits({ model, source: file }, [height, width, channels], data.classes.length);
    const log = await SensitivityLog.open(out, await identityOf({ model, file, data }, config));
    try {
      if (log.size > 0) terminal.progress.note(`going on after ${log.size} measurements in ${out}`);
      const found = await scanned(
        { model, file, data, signal: stop.signal },
        log,
        config,
        terminal,
      );
      await writeSensitivity(found, config, out, terminal);
    } finally {
      await log.close();
    }
    return 0;
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    terminal.warn(`${error.message}; the same command goes on`);
    return EXIT_RESUMABLE;
  } finally {
    model.dispose();
  }
}

/** A network with masks, the file that it is from and the images that it is measured on. */
interface Scanned {
  readonly model: tf.LayersModel;
  readonly file: string;
  readonly data: DataSet;
}

async function imagesOf(config: Config): Promise<DataSet> {
  const data = await dataOf(resolveImages(config));
  if (data.validation.count > 0) return data;
  throw new ConfigError({
    key: '--validation-fraction',
    problem: 'must hold images out, on which the network is measured',
    received: config.validationFraction,
    source: 'command line, environment or file',
  });
}

/** The network with masks of its own, which are full; masks that it came with are in its weights. */
async function maskable(file: string, progress: Pick<Progress, 'note'>): Promise<tf.LayersModel> {
  const read = await readModel(file, (words) => {
    progress.note(words);
  });
  try {
    zeroMasked(read);
    return prunable(read);
  } finally {
    read.dispose();
  }
}

/** What decides every measurement; the rates do not, since each is measured by itself. */
async function identityOf(
  { model, file, data }: Scanned,
  { schemaFile, ...config }: Config,
): Promise<JsonObject> {
  const shaping = Object.entries(shapingOptions(config)).filter(
    ([key]) => !['model', 'rates'].includes(key), // the network counts, not its place
  );
  return {
    network: sha256([await readFile(file), weightsHash(model)]),
    options: Object.fromEntries(shaping) as JsonObject,
    schema: schemaFile === null ? null : sha256([await readFile(schemaFile)]),
    data: { images: data.validation.count, sha256: data.fingerprint },
  };
}

function sha256(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

async function scanned(
  { model, file, data, signal }: Scanned & { readonly signal: AbortSignal },
  log: SensitivityLog,
  config: Config,
  { progress }: Terminal,
): Promise<Sensitivity> {
  const choice = choiceOf(config);
  const { rates, schemaFile } = choice;
  const graph = await underSchema(await asUsage(() => graphOf(model, choice)), schemaFile);
  const pruning = (await asUsage(() => methodOf(choice)))!; // not `none`
  const { batchSize } = resolveImages(config);
  const images = { data, batchSize };
  const { scores, policy } = await choosable({ model, graph, file, images }, pruning, choice);
  const keepAt = proposeByRate(graph, scores, policy);
  return await asUsage(() =>
    scanSensitivity({
      ...{ model, graph, rates, keepAt, log, progress },
      images: data.validation.count,
      measure: async (masked) => {
        const found = await evaluate(masked, data.validation, data, batchSize, { signal });
        return { loss: found.loss, accuracy: found.top1 };
      },
    }),
  );
}

const USUAL_RATES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/** The options of pruning that a scan takes, the others at their defaults: each group loses the rate. */
function choiceOf(config: Config): ConfigOf<'prune'> & { readonly regrowth: 'hard' } {
  const usual = [...options].filter(([, option]) => option.commands.includes('prune'));
  const defaults = Object.fromEntries(usual.map(([key, option]) => [key, option.default]));
  const rates = config.rates.length > 0 ? config.rates : USUAL_RATES;
  return {
    ...(defaults as unknown as ConfigOf<'prune'>), // every option of prune, each in its format
    ...config,
    ...{ rates, rate: Math.max(...rates), regrowth: 'hard' },
  };
}
