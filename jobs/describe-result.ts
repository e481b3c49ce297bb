import type { JsonObject } from '../files';
import { removedUnits } from '../graph';
import type { KeepSet } from '../graph';
import { nameMethod, USUAL_RATE } from './choose-method';
import type { PreparedTraining } from './prepare-training';
import type { TrainedAndPruned } from './train-and-prune';

/** The format of a result.json. */
export const RESULT_FORMAT = 'secateur-result/1';

/** What a training came to, as its result.json holds it; times are of this machine, seconds of the last call. */
export function describeResult(
  result: TrainedAndPruned,
  { options, source }: PreparedTraining,
): JsonObject {
  const { run, best, dense, masked, exported, verification, seconds, peakMemoryBytes } = result;
  const facts = {
    format: RESULT_FORMAT,
    ...{ run, export: result.export, source },
    ...{ method: nameMethod(options), rate: options.rate ?? USUAL_RATE },
    ...{ share: measureShare(result.keep), epoch: best.epoch },
    ...{ dense, masked, exported, verification },
    ...{ seeds: { training: options.seed ?? 1 }, seconds: { total: seconds }, peakMemoryBytes },
  };
  return JSON.parse(JSON.stringify(facts)) as JsonObject; // a record of plain values
}

/** Fraction of the units that a keep set removes, to 1e-6. */
export function measureShare(keep: KeepSet): number {
  const units = [...keep.groups.values(), ...keep.weights.values()];
  const all = units.reduce((sum, { length }) => sum + length, 0);
  return Number((removedUnits(keep) / Math.max(1, all)).toFixed(6));
}
