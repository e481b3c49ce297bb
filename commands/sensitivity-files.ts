import { join } from 'node:path';
import type { ConfigOf } from '../config';
import { nodeFiles, replaceFile } from '../files';
import {
  sensitivityCsv,
  sensitivityPlot,
  sensitivityTable,
  tolerableRates,
} from '../report/sensitivity';
import type { Sensitivity } from '../report/sensitivity';
import { RATES_FORMAT } from './layer-rate-file';
import type { Terminal } from './terminal';

/**
 * Writes a finished scan as sensitivity.csv, .json and .svg, under a tolerance also the rates.json for
 * `--layer-rate-file`, and prints it.
 *
 * @throws {DiskError} when the disk is full or failing.
 */
export async function writeSensitivity(
  found: Sensitivity,
  { model, dataset, method, seed, json, tolerance }: ConfigOf<'sensitivity'>,
  out: string,
  terminal: Terminal,
): Promise<void> {
  const facts = { model, dataset, method, seed };
  const text = jsonText({ format: 'secateur-sensitivity/1', ...facts, ...found });
  const files: Record<string, string> = {
    'sensitivity.csv': sensitivityCsv(found),
    'sensitivity.json': text,
    'sensitivity.svg': await sensitivityPlot(found),
  };
  if (tolerance !== null) {
    const rates = tolerableRates(found, tolerance);
    files['rates.json'] = jsonText({ format: RATES_FORMAT, tolerance, ...facts, rates });
  }
  for (const [name, content] of Object.entries(files)) {
    await replaceFile(join(out, name), Buffer.from(content), nodeFiles);
  }
  if (json) terminal.printData(text.trimEnd());
  else
    terminal.print(
      `${sensitivityTable(found, terminal.columns)}\nwritten to ${out}: ${Object.keys(files).join(', ')}`,
    );
}

function jsonText(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}
