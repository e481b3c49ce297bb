import { whileHolding } from '../files/run/hold-folder';
import { levelPath, modelBytes, setUsage, writeForms, writeLevel } from '../formats';
import type { LevelFiles, LevelPlace } from '../formats';
import type { KeepSet } from '../graph';
import { disposeWeights } from '../layers';
import { blockLayers } from '../models';
import { drawInputs } from '../measure/sample-inputs';
import { harden } from '../surgery';
import type { Verification } from '../surgery';
import { nameMethod } from './choose-method';
import { keepAtRate, settleStatistics } from './choose-removal';
import type { ScoredNetwork } from './choose-removal';
import { describeUsage } from './describe-usage';
import { describePlace, describePruning, withScored } from './prune-once';
import type { PruneOptions } from './prune-once';
import { requirePlace } from './require-place';
import { writeProven } from './write-proven';

/** Several networks from one. */
export interface LevelsOptions extends Omit<PruneOptions, 'rate'> {
  /** Each in (0, 1). */
  readonly rates: readonly number[];
  /** Folder of all levels. */
  readonly out: string;
  /** How the data set and its subset of classes are called in the paths of the levels. */
  readonly dataset: string;
  /** Default all. */
  readonly subset?: string;
}

/** What a network costs. */
export interface NetworkSize {
  readonly macs: number;
  readonly params: number;
  /** Of the model's own files. */
  readonly bytes: number;
}

/** A network that was pruned, with its files and its proof. */
export interface PrunedLevel extends NetworkSize, LevelFiles {
  readonly rate: number;
  readonly verification: Verification;
}

/** What became of a network at several rates. */
export interface PrunedLevels {
  readonly source: string;
  readonly whole: NetworkSize;
  readonly levels: readonly PrunedLevel[];
}

/**
 * Prunes a network at several rates, each from the whole network; the files of each are proved before they
 * take their place.
 *
 * A rate that removes nothing, a bad name or a folder in use comes to light before the first is written.
 *
 * @throws as `pruneOnce`; levels that were written by then are whole.
 */
export function pruneLevels(options: LevelsOptions): Promise<PrunedLevels> {
  return whileHolding(options.out, () => pruneHeld(options));
}

function pruneHeld(options: LevelsOptions): Promise<PrunedLevels> {
  const { rates, out, dataset, subset = 'all' } = options;
  return withScored(
    options,
    async (scored, { source, progress }) => {
      const { model } = scored.network;
      const network = model.name.replace(/^\W|[^\w.-]/g, '_');
      const planned = [];
      for (const rate of rates) {
        const place: LevelPlace = { modelPath: out, dataset, subset, network, rate };
        await requirePlace(levelPath(place).folder, describePlace(options));
        planned.push({ place, keep: keepAtRate(scored, rate, { source, option: 'rates' }) });
      }
      const whole = { ...scored.network.costs(), bytes: await modelBytes(model) };
      const levels: PrunedLevel[] = [];
      for (const { place, keep } of planned) {
        progress.note(`rate ${place.rate}: prune, verify, write`);
        levels.push(await storeLevel(scored, keep, place, { ...options, source }));
      }
      return { source, whole, levels };
    },
    rates,
  );
}

async function storeLevel(
  scored: ScoredNetwork,
  keep: KeepSet,
  place: LevelPlace,
  options: LevelsOptions & { readonly source: string },
): Promise<PrunedLevel> {
  const { source, seed = 1, verifySamples = 64, format = ['tfjs'], progress, signal } = options;
  const { network, images } = scored;
  const { rate } = place;
  using settled = await settleStatistics(keep, scored, options, signal);
  const pruned = { model: settled?.model ?? network.model, graph: network.graph };
  const hard = harden(pruned, keep);
  try {
    setUsage(hard, describeUsage(network.model, images?.data ?? null)(null));
    const samples = (): ReturnType<typeof drawInputs> => drawInputs(pruned, verifySamples, seed);
    const size = { ...network.costs(keep), bytes: await modelBytes(hard) };
    const facts = describePruning(options, rate, source);
    const { verification, written } = await writeProven(
      { network: pruned, keep, hard, facts, samples, progress, signal },
      (check) =>
        writeLevel({
          model: hard,
          place,
          source: {
            blocks: blockLayers(hard),
            notes: [`Pruned from ${source}: ${nameMethod(options)}, rate ${rate}.`],
          },
          extras: writeForms(hard, format, { blocksOf: blockLayers }),
          check,
        }),
    );
    return { rate, ...size, ...written, verification };
  } finally {
    disposeWeights(hard);
  }
}
