import type { ConfigOf } from '../config';
import { readModel, requireFree } from '../export';
import { comparisonTable } from '../report/table';
import { handOver } from '../trainer/hand-over';
import { startedEngine } from './engine';
import { filesOf } from './formats';
import { pruneLevels } from './levels';
import { graphOf, underSchema } from './network';
import { keepAt, randomInputs } from './one-shot';
import type { Trained } from './one-shot';
import { asUsage } from './usage';
import type { Terminal } from './terminal';

type Config = ConfigOf<'prune'>;

/** Prunes a trained network in one go, without training, proves and writes it. */
export async function prune(config: Config, terminal: Terminal): Promise<number> {
  const { model: file, out } = config as { readonly model: string; readonly out: string }; // rules.ts
  const isSingle = config.rates.length === 0;
  if (isSingle) await requireFree(out);
  await startedEngine(config, terminal);
  const model = await readModel(file);
  try {
    const free = await asUsage(() => graphOf(model, { ...config, regrowth: 'hard' }));
    const trained = { model, graph: await underSchema(free, config.schemaFile), file };
    await (isSingle ? pruneOnce : pruneLevels)(trained, out, config, terminal);
    return 0;
  } finally {
    model.dispose();
  }
}

async function pruneOnce(
  { model, graph, file }: Trained,
  out: string,
  config: Config,
  terminal: Terminal,
): Promise<void> {
  const keep = await keepAt(config.rate, { model, graph, file }, config);
  const { before, after, verification, manifest } = await handOver({
    model,
    graph,
    keep,
    folder: out,
    facts: { ...config, layerRates: config.layerRate, source: file },
    extras: (hard) => filesOf(hard, config.format),
    samples: () => randomInputs(model, config.verifySamples, config.seed),
    classify: null,
    progress: terminal.progress,
  });
  if (config.json) {
    terminal.print(JSON.stringify(manifest, null, 2));
    return;
  }
  terminal.print(comparisonTable(before, after));
  terminal.print(
    `verified on ${verification.samples} random inputs: largest difference ` +
      `${verification.maxAbsDiff} of ${verification.maxAbsOutput} on ${verification.backend}\n` +
      `written to ${out}`,
  );
}
