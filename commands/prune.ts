import type { ConfigOf } from '../config';
import type { Run } from '../config/parse';
import { mask } from '../surgery';
import { readModel, requireFree, writeForms } from '../formats';
import { blockLayers } from '../models';
import { keepAll } from '../graph';
import { comparisonTable } from '../report/table';
import { classifier, handOver } from '../jobs/hand-over';
import { startedEngine } from './engine';
import { layerRatesOf } from './layer-rate-file';
import { pruneLevels } from './levels';
import { graphOf, underSchema } from './network';
import { choosable, chosen, nothingGoes, pruningMethod, randomInputs, settledOn } from './one-shot';
import type { Choosable } from './one-shot';
import { imagesOf, needsImages } from './prune-images';
import { asUsage } from './usage';
import type { Terminal } from './terminal';

type Config = ConfigOf<'prune'>;

/** Prunes a trained network in one go, without training, proves and writes it. */
export async function prune(run: Run<'prune'>, terminal: Terminal): Promise<number> {
  const config = { ...run.config, layerRate: await layerRatesOf(run.config) };
  const { model: file, out } = config as { readonly model: string; readonly out: string }; // rules.ts
  const isSingle = config.rates.length === 0;
  if (isSingle) await requireFree(out);
  const pruning = await asUsage(() => pruningMethod(config));
  if (!pruning) throw nothingGoes(config.rate, file, config);
  const isWithImages = needsImages(run, pruning.method);
  await startedEngine(config, terminal);
  const model = await readModel(file, (words) => {
    terminal.progress.note(words);
  });
  try {
    const free = await asUsage(() => graphOf(model, { ...config, regrowth: 'hard' }));
    const graph = await underSchema(free, config.schemaFile);
    const images = isWithImages ? await imagesOf(config, model, terminal) : null;
    const network = await choosable({ model, graph, file, images }, pruning, config);
    await (isSingle ? pruneOnce : pruneLevels)(network, out, config, terminal);
    return 0;
  } finally {
    model.dispose();
  }
}

async function pruneOnce(
  network: Choosable,
  out: string,
  config: Config,
  terminal: Terminal,
): Promise<void> {
  const { model, graph, file, images } = network;
  const { rate, keep, summary } = await chosen(network, config, terminal);
  using settled = await settledOn(keep, network, config);
  const whole = images && mask({ model, graph }, keepAll);
  const { before, after, verification, manifest } = await handOver({
    model: settled?.model ?? model,
    graph,
    keep,
    whole,
    folder: out,
    facts: { ...config, rate, layerRates: config.layerRate, source: file },
    extras: (hard) => writeForms(hard, config.format, { blocksOf: blockLayers }),
    samples: () => randomInputs(model, config.verifySamples, config.seed),
    classify:
      images &&
      classifier(() => images.data.test, images.data, images.batchSize, terminal.progress),
    progress: terminal.progress,
  }).finally(() => whole?.dispose());
  if (config.json) {
    if (summary) terminal.progress.note(summary);
    terminal.print(JSON.stringify(manifest, null, 2));
    return;
  }
  terminal.print(comparisonTable(before, after));
  terminal.print(
    `${summary ? `${summary}\n` : ''}pruned at rate ${rate}${settled ? ', BatchNormalization measured anew' : ''}\n` +
      `verified on ${verification.samples} random inputs: largest difference ` +
      `${verification.maxAbsDiff} of ${verification.maxAbsOutput} on ${verification.backend}\n` +
      `written to ${out}`,
  );
}
