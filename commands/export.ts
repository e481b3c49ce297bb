import * as path from 'node:path';
import type { Run } from '../config/parse';
import { readInputText } from '../files';
import { modelPlace, requireFree } from '../formats';
import { chooseInputShapes, Network } from '../graph';
import { formatMacs } from '../report/table';
import { loadModel, writeStock } from '../jobs';
import { startNamedEngine } from './engine';
import type { Terminal } from './terminal';

/** Writes a network as a stock model, proved on its files: one from a file, or one that is freshly initialised. */
export async function exportModel(
  { config, sources }: Run<'export'>,
  terminal: Terminal,
): Promise<number> {
  const { format, json, force } = config;
  const out = config.out!; // the rules: export needs it
  await requireFree(out);
  await startNamedEngine(config, terminal);
  const { progress } = terminal;
  const note = progress.note.bind(progress);
  using loaded = await loadModel({ ...config, note });
  const { source } = loaded;
  const pruning = config.model === null ? null : await readPruning(config.model);
  const place = { read: [config.model], source, force };
  const inputShapes = chooseInputShapes(loaded.model, config.inputShape);
  const costs = Network.of(loaded.model).at(inputShapes).costs(); // before anything is written
  const samples =
    sources.verifySamples === 'default' ? {} : { verifySamples: config.verifySamples };
  const stock = { folder: out, place, format, pruning, inputShapes, progress, ...samples };
  const { model, dropped } = await writeStock(loaded.model, stock);
  const result = { source, out, ...costs };
  for (const { layer, weight, constraint } of dropped) {
    note(
      `the file has no ${constraint} of ${layer}/${weight}: it would change the weights when it is opened`,
    );
  }
  if (json) {
    const facts = { ...result, ...(dropped.length > 0 && { droppedConstraints: dropped }) };
    terminal.printData(JSON.stringify(facts));
  } else {
    const sizes = `${formatMacs(result.macs)}, ${result.params} parameters`;
    terminal.print(`${source} written to ${out}: ${sizes}`);
  }
  model.dispose();
  return 0;
}

/** The pruning.json beside a model, which goes along with it; null where there is none. */
async function readPruning(model: string): Promise<string | null> {
  const beside = path.join(path.dirname(await modelPlace(model)), 'pruning.json');
  return readInputText(beside).catch(() => null);
}
