import type { ConfigOf } from '../config';
import { spellNames } from '../config/failure';
import type { Run } from '../config/parse';
import { resolveImages } from '../config/resolve';
import { listenForStop } from '../files/run/signals';
import { describeTarget, pruneLevels, pruneOnce } from '../jobs';
import type { PrunedLevels, PrunedOnce, PruneOptions } from '../jobs';
import { comparisonTable } from '../report/comparison';
import { formatDifference, formatTable } from '../report/table';
import { startNamedEngine } from './engine';
import { toJobOptions } from './job-options';
import { layerRatesOf } from './layer-rate-file';
import { needsImages } from './prune-images';
import type { Terminal } from './terminal';
import { nameTarget } from './training-report';

/** Prunes a trained network in one go, without training, proves and writes it. */
export async function prune(run: Run<'prune'>, terminal: Terminal): Promise<number> {
  using stop = listenForStop();
  const config = { ...run.config, layerRate: await layerRatesOf(run.config) };
  const isWithImages = needsImages(run);
  await startNamedEngine(config, terminal);
  const { data, ...others } = toJobOptions(resolveImages(config));
  const options: PruneOptions & { readonly out: string } = {
    ...others,
    ...(isWithImages && { data }),
    ...{ model: config.model!, out: config.out! }, // the rules: prune needs them
    ...{ progress: terminal.progress, signal: stop.signal },
  };
  if (config.rates.length === 0) printOnce(await pruneOnce(options), config, terminal);
  else {
    const { rates, dataset, subset } = config;
    printLevels(await pruneLevels({ ...options, rates, dataset, subset }), config, terminal);
  }
  return 0;
}

function printOnce(result: PrunedOnce, config: ConfigOf<'prune'>, terminal: Terminal): void {
  const { dense, exported, verification, manifest, isSettled, doubt } = result;
  if (doubt !== null) terminal.warn(spellNames(`warning: ${doubt}`));
  const summary = summarize(result, config);
  if (config.json) {
    if (summary) terminal.progress.note(summary);
    terminal.printData(JSON.stringify(manifest, null, 2));
    return;
  }
  const networks = [
    { name: 'dense', measures: dense },
    { name: 'exported', measures: exported },
  ];
  terminal.print(comparisonTable(networks, terminal));
  terminal.print(
    `${summary ? `${summary}\n` : ''}pruned at rate ${result.share}${isSettled ? ', BatchNormalization measured anew' : ''}\n` +
      `verified on ${verification.samples} random inputs: largest difference ` +
      `${formatDifference(verification.maxAbsDiff)} of ${formatDifference(verification.maxAbsOutput)} on ${verification.backend}\n` +
      `written to ${config.out!}`,
  );
}

/** How the rate was found, in lines; null where it was given. */
function summarize({ met, judged }: PrunedOnce, { maxDrop }: ConfigOf<'prune'>): string | null {
  if (met) return describeTarget(nameTarget(met.target), met);
  if (!judged) return null;
  const { rate, drop, whole, images } = judged;
  return (
    `--max-drop ${maxDrop!}: rate ${rate} loses ${drop.toFixed(2)} points of ` +
    `${(100 * whole).toFixed(2)} %, measured on ${images} validation images`
  );
}

function printLevels(
  result: PrunedLevels,
  { json, verifySamples }: ConfigOf<'prune'>,
  terminal: Terminal,
): void {
  if (json) {
    terminal.printData(JSON.stringify(result, null, 2));
    return;
  }
  const { whole, levels } = result;
  const rows = [{ rate: 0, ...whole }, ...levels].map(({ rate, macs, params, bytes }) => [
    rate === 0 ? 'whole' : `rate ${rate}`,
    ...[macs, params, bytes].map((size) => size.toLocaleString('en')),
  ]);
  const { columns } = terminal;
  terminal.print(formatTable(['level', 'MACs', 'parameters', 'bytes'], rows, { columns }));
  const worst = Math.max(...levels.map(({ verification }) => verification.maxAbsDiff));
  terminal.print(
    `each verified on ${verifySamples} random inputs: largest difference ${formatDifference(worst)}\n` +
      `written: ${levels.map(({ source }) => source).join(', ')}`,
  );
}
