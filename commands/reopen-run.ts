import type { ConfigOf } from '../config';
import { ConfigError } from '../config/error';
import type { Run } from '../config/parse';
import { differences } from '../config/saved';
import type { JsonObject } from '../files';
import { newestUnfinished } from '../files/run/newest-unfinished';
import { RunDirectory } from '../files/run/run-directory';
import { RUNS } from '../jobs';

/** The directory of the run that goes on, and its configuration: its own and what may be changed. */
export async function reopenRun({
  config,
  sources,
}: Run<'train'>): Promise<{ run: RunDirectory; config: ConfigOf<'train'> }> {
  const folder = config.runDir ?? (await newestUnfinished(RUNS));
  if (folder === null) {
    throw new ConfigError({
      key: '--resume',
      problem: `needs an unfinished run under ${RUNS}/, there is none`,
      source: 'command line',
    });
  }
  const run = await RunDirectory.open(folder);
  try {
    return { run, config: mergeSaved(config, sources, await run.readConfig(), run.path) };
  } catch (error) {
    run.release();
    throw error;
  }
}

/** What the run began with, and what this call names; they must agree on all that shapes the run. */
function mergeSaved(
  config: ConfigOf<'train'>,
  sources: Readonly<Record<string, string>>,
  saved: JsonObject,
  folder: string,
): ConfigOf<'train'> {
  const kept = Object.entries(saved).filter(([key]) => sources[key] === 'default');
  const merged: ConfigOf<'train'> = { ...config, ...Object.fromEntries(kept) };
  const [first] = differences(saved, merged);
  if (!first) return merged;
  throw new ConfigError({
    key: first.flag,
    problem: `must be what the run ${folder} began with, ${JSON.stringify(first.saved)}`,
    received: first.current,
    source: sources[first.key] ?? 'default',
  });
}
