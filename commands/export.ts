import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Run } from '../config/parse';
import { strip } from '../surgery';
import { modelPlace, requireFree, writeForms, writeModel } from '../formats';
import { blockLayers } from '../models';
import { chooseInputShapes, Network } from '../graph';
import { formatMacs } from '../report/table';
import { loadModel } from '../jobs';
import { startNamedEngine } from './engine';
import type { Terminal } from './terminal';

/** Writes a network as a stock model: one from a file, or one that is freshly initialised. */
export async function exportModel({ config }: Run<'export'>, terminal: Terminal): Promise<number> {
  const out = config.out!; // the rules: export needs it
  await requireFree(out);
  await startNamedEngine(config, terminal);
  const note = terminal.progress.note.bind(terminal.progress);
  using loaded = await loadModel({ ...config, note });
  const { source } = loaded;
  const plain = strip(loaded.model); // a masked network in a file is exported as it computes
  const network = Network.of(plain).at(chooseInputShapes(plain, config.inputShape));
  const result = { source, out, ...network.costs() };
  const pruning = config.model === null ? {} : await readPruning(config.model);
  await writeModel(plain, out, {
    ...writeForms(plain, config.format, { blocksOf: blockLayers }),
    ...pruning,
  });
  terminal.print(
    config.json
      ? JSON.stringify(result)
      : `${source} written to ${out}: ${formatMacs(result.macs)}, ${result.params} parameters`,
  );
  plain.dispose();
  return 0;
}

/** The pruning.json beside a model, which goes along with it. */
async function readPruning(model: string): Promise<Record<string, string>> {
  const beside = path.join(path.dirname(await modelPlace(model)), 'pruning.json');
  const text = await fs.readFile(beside, 'utf8').catch(() => null);
  return text === null ? {} : { 'pruning.json': text };
}
