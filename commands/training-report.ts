import type { Target } from '../measure/search/target';
import { countTarget, describeAttained, describeTarget, findTarget } from '../jobs';
import type { PreparedTraining, TrainedAndPruned } from '../jobs';
import { comparisonTable, formatBytes } from '../report/table';
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
  progress.note(
    `${method} at rate ${options.rate!}: ${fewer('macs')} % fewer MACs, ` +
      `${fewer('params')} % fewer parameters (planned)`,
  );
}

/** Prints what a training came to: as a table, or as JSON for machines. */
export function printTraining(
  result: TrainedAndPruned,
  prepared: PreparedTraining,
  json: boolean,
  terminal: Terminal,
): void {
  const { before, after, verification, best, run } = result;
  printAttained(
    result,
    prepared,
    json ? terminal.progress.note.bind(terminal.progress) : terminal.print,
  );
  const memory = process.resourceUsage().maxRSS * 1024;
  if (json) {
    const facts = { run, export: result.export, epoch: best.epoch, before, after, verification };
    terminal.printData(JSON.stringify({ ...facts, peakMemoryBytes: memory }, null, 2));
    return;
  }
  terminal.print(comparisonTable(before, after, terminal));
  terminal.print(
    `before: the trained network at full width, removed units silenced; after: the exported one\n` +
      `verified on ${verification.samples} images: largest difference ${verification.maxAbsDiff} of ` +
      `${verification.maxAbsOutput} on ${verification.backend}\n` +
      `best epoch ${best.epoch + 1} by validation; peak memory ${formatBytes(memory)}\n` +
      `exported to ${result.export}`,
  );
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
