import type { Target } from '../measure/search/target';
import {
  countTarget,
  describeAttained,
  describeResult,
  describeTarget,
  findTarget,
  measureShare,
} from '../jobs';
import type { PreparedTraining, TrainedAndPruned } from '../jobs';
import { comparisonTable } from '../report/comparison';
import { formatBytes, formatDifference } from '../report/table';
import { spellTarget } from './job-options';
import type { Terminal } from './terminal';

/** Says what will be removed. */
export function announceTraining(
  { network, met, planned, options }: PreparedTraining,
  method: string,
  { progress }: Terminal,
): void {
  if (met) progress.note(describeTarget(nameTarget(met.target), met));
  const before = network.costs();
  if (!planned) {
    progress.note(`no pruning; ${before.macs} MACs, ${before.params} parameters`);
    return;
  }
  const after = network.costs(planned);
  const fewer = (cost: 'macs' | 'params'): string =>
    (100 * (1 - after[cost] / before[cost])).toFixed(1);
  const { layerRates = [], rate } = options;
  const share =
    layerRates.length > 0 ? `rates per layer, ${measureShare(planned)} of all` : `rate ${rate!}`;
  progress.note(
    `${method} at ${share}: ${fewer('macs')} % fewer MACs, ` +
      `${fewer('params')} % fewer parameters (planned)`,
  );
}

/** Prints what a training came to: as a table, or as JSON for machines, which its result.json holds too. */
export function printTraining(
  result: TrainedAndPruned,
  prepared: PreparedTraining,
  json: boolean,
  terminal: Terminal,
): void {
  const note = terminal.progress.note.bind(terminal.progress);
  printAttained(result, prepared, json ? note : terminal.print);
  if (json) {
    terminal.printData(JSON.stringify(describeResult(result, prepared), null, 2));
    return;
  }
  const { verification, best } = result;
  const { maxAbsDiff, maxAbsOutput, samples, backend } = verification;
  const networks = (['dense', 'masked', 'exported'] as const).map((name) => ({
    name,
    measures: result[name],
  }));
  terminal.print(comparisonTable(networks, terminal));
  terminal.print(
    `${explainDense(result, prepared)}\n` +
      `verified: exported = masked on ${samples} images, largest difference ` +
      `${formatDifference(maxAbsDiff)} of ${formatDifference(maxAbsOutput)} on ${backend}\n` +
      `best epoch ${best.epoch + 1} by validation; peak memory ${formatBytes(result.peakMemoryBytes)}\n` +
      `exported to ${result.export}`,
  );
}

/** What the first column shows. */
function explainDense({ dense }: TrainedAndPruned, { options, pruning }: PreparedTraining): string {
  if (!pruning) return 'dense: the trained network; nothing was removed';
  if (options.model != null) return 'dense: the network of --model, before training';
  return dense
    ? 'dense: before anything was removed, the best epoch by validation'
    : 'dense: there was none, for the first pruning came before the first validation';
}

/** Says what the network that is handed over attains of a target that is counted. */
function printAttained(
  { keep }: TrainedAndPruned,
  { options, network }: PreparedTraining,
  say: (text: string) => void,
): void {
  const asked = findTarget(options);
  const target = asked && countTarget(asked, network);
  if (target) say(describeAttained(nameTarget(target), target, keep));
}

/** A target as the user wrote it. */
export function nameTarget({ option, asked }: Target): string {
  return spellTarget(option, asked);
}
