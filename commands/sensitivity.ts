import type { Run } from '../config/parse';
import { resolveImages } from '../config/resolve';
import { pickShaping } from '../config/saved';
import { StoppedError } from '../errors';
import type { JsonObject } from '../files';
import { EXIT_RESUMABLE, listenForStop } from '../files/run/signals';
import { scanSensitivity } from '../jobs';
import { startNamedEngine } from './engine';
import { identifyModules } from './find-modules';
import { toJobOptions } from './job-options';
import { writeSensitivity } from './sensitivity-files';
import type { Terminal } from './terminal';

/**
 * Scans the accuracy of a trained network with one group pruned at a time, and writes what it found:
 * sensitivity.jsonl as it goes, then sensitivity.csv, .json and .svg, and rates.json under a tolerance.
 *
 * @returns the exit code: 0, or 75 after a signal, when the same command goes on.
 */
export async function sensitivity(
  { config }: Run<'sensitivity'>,
  terminal: Terminal,
): Promise<number> {
  using stop = listenForStop();
  await startNamedEngine(config, terminal);
  const { rates, ...options } = toJobOptions({ ...resolveImages(config), layerRate: [] });
  const [model, out] = [config.model!, config.out!]; // the rules: sensitivity needs them
  const { progress } = terminal;
  try {
    const found = await scanSensitivity({
      ...{ ...options, model, out, progress, signal: stop.signal },
      ...(rates.length > 0 && { rates }),
      identity: identify(config),
    });
    await writeSensitivity(found, config, out, terminal);
    return 0;
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    terminal.warn(`${error.message}; the same command goes on`);
    return EXIT_RESUMABLE;
  }
}

/** Options that scans of the first version do not know, at the values that change nothing for them. */
const laterDefaults: Readonly<Record<string, unknown>> = { loss: 'auto', pruneFrozen: false };

/** The options that decide every measurement; the rates do not, and the network counts, not its place. */
function identify(config: Run<'sensitivity'>['config']): JsonObject {
  const elsewhere = ['model', 'rates', 'schemaFile']; // whose content counts, or each by itself
  const shaping = Object.entries(pickShaping(config)).filter(
    ([key, value]) => !elsewhere.includes(key) && laterDefaults[key] !== value,
  );
  return { ...(Object.fromEntries(shaping) as JsonObject), ...identifyModules(config.register) };
}
