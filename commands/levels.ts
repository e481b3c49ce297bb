import type * as tf from '@tensorflow/tfjs';
import type { ConfigOf } from '../config';
import { harden, pruningManifest, verify } from '../surgery';
import { levelPath, modelBytes, requireFree, writeForms, writeLevel } from '../formats';
import type { Verification } from '../surgery';
import type { LevelPlace } from '../formats';
import type { KeepSet } from '../graph';
import { countMacs, countParams } from '../graph';
import { blockLayers } from '../models';
import { formatTable } from '../report/table';
import { keepAt, randomInputs, settledOn } from './one-shot';
import type { Choosable } from './one-shot';
import type { Terminal } from './terminal';
import { asUsage } from './usage';

type Config = ConfigOf<'prune'>;

/** A network that is stored: at one rate, or the whole one at rate 0 to compare with. */
interface StoredLevel {
  readonly rate: number;
  readonly macs: number;
  readonly params: number;
  readonly bytes: number;
}

/** One that was pruned, with its files and its proof. */
interface PrunedLevel extends StoredLevel {
  readonly source: string;
  readonly folder: string;
  readonly verification: Verification;
}

/**
 * Prunes a network at several rates, each from the whole network; each is proven before it is written.
 *
 * A rate that removes nothing, a bad name or a folder in use comes to light before the first is written.
 */
export async function pruneLevels(
  trained: Choosable,
  out: string,
  config: Config,
  terminal: Terminal,
): Promise<void> {
  const { model, graph, file } = trained;
  const network = model.name.replace(/^\W|[^\w.-]/g, '_');
  const planned = [];
  for (const rate of config.rates) {
    const { dataset, subset } = config;
    const place: LevelPlace = { modelPath: out, dataset, subset, network, rate };
    await requireFree((await asUsage(() => levelPath(place))).folder);
    planned.push({ place, keep: await keepAt(rate, trained, config) });
  }
  const levels: PrunedLevel[] = [];
  for (const { place, keep } of planned) {
    terminal.progress.note(`rate ${place.rate}: prune, verify, write`);
    levels.push(await stored(trained, keep, place, config));
  }
  const whole = {
    macs: countMacs(graph),
    params: countParams(graph),
    bytes: await modelBytes(model),
  };
  if (config.json) {
    terminal.print(JSON.stringify({ source: file, whole, levels }, null, 2));
    return;
  }
  terminal.print(tableOf([{ rate: 0, ...whole }, ...levels]));
  const worst = Math.max(...levels.map(({ verification }) => verification.maxAbsDiff));
  terminal.print(
    `each verified on ${config.verifySamples} random inputs: largest difference ${worst}\n` +
      `written: ${levels.map(({ source }) => source).join(', ')}`,
  );
}

async function stored(
  network: Choosable,
  keep: KeepSet,
  place: LevelPlace,
  config: Config,
): Promise<PrunedLevel> {
  const { method, layerRate: layerRates, pattern, seed, verifySamples, format } = config;
  const { graph, file } = network;
  const { rate } = place;
  using settled = await settledOn(keep, network, config);
  const model = settled?.model ?? network.model;
  const hard: tf.LayersModel = harden({ model, graph }, keep);
  try {
    const inputs = randomInputs(model, verifySamples, seed);
    const verification = await verify({ model, graph, keep, hard }, inputs);
    const facts = { method, rate, layerRates, pattern, seed, source: file, verification };
    const manifest = pruningManifest(graph, keep, facts);
    const written = await writeLevel({
      model: hard,
      place,
      source: {
        blocks: blockLayers(hard),
        notes: [`Pruned from ${file}: ${method}, rate ${rate}.`],
      },
      extras: {
        ...writeForms(hard, format, { blocksOf: blockLayers }),
        'pruning.json': `${JSON.stringify(manifest, null, 2)}\n`,
      },
    });
    const [macs, params] = [countMacs(graph, keep), countParams(graph, keep)];
    return { rate, macs, params, bytes: await modelBytes(hard), ...written, verification };
  } finally {
    hard.dispose();
  }
}

function tableOf(levels: readonly StoredLevel[]): string {
  const rows = levels.map(({ rate, ...sizes }) => [
    rate === 0 ? 'whole' : `rate ${rate}`,
    ...[sizes.macs, sizes.params, sizes.bytes].map((size) => size.toLocaleString('en')),
  ]);
  return formatTable(['level', 'MACs', 'parameters', 'bytes'], rows);
}
