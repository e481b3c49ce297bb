import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { Run } from '../config/parse';
import { strip } from '../surgery';
import { modelPlace, requireFree, writeForms, writeModel } from '../formats';
import { blockLayers } from '../models';
import { ChannelGraph, countMacs, countParams } from '../graph';
import { formatMacs } from '../report/table';
import { startedEngine } from './engine';
import { networkOf } from './network';
import type { Terminal } from './terminal';

/** Writes a network as a stock model: one from a file, or one that is freshly initialised. */
export async function exportModel({ config }: Run<'export'>, terminal: Terminal): Promise<number> {
  const out = config.out!; // rules.ts: export needs it
  await requireFree(out);
  await startedEngine(config, terminal);
  const { model, source } = await networkOf(config, terminal.progress);
  const plain = strip(model); // a masked network in a file is exported as it computes
  const graph = ChannelGraph.of(plain);
  const pruning = config.model === null ? {} : await pruningOf(config.model);
  await writeModel(plain, out, {
    ...writeForms(plain, config.format, { blocksOf: blockLayers }),
    ...pruning,
  });
  const result = { source, out, macs: countMacs(graph), params: countParams(graph) };
  terminal.print(
    config.json
      ? JSON.stringify(result)
      : `${source} written to ${out}: ${formatMacs(result.macs)}, ${result.params} parameters`,
  );
  model.dispose();
  plain.dispose();
  return 0;
}

/** The pruning.json beside a model, which goes along with it. */
async function pruningOf(model: string): Promise<Record<string, string>> {
  const beside = path.join(path.dirname(await modelPlace(model)), 'pruning.json');
  const text = await fs.readFile(beside, 'utf8').catch(() => null);
  return text === null ? {} : { 'pruning.json': text };
}
