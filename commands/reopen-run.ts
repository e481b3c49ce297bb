import { join } from 'node:path';
import type { ConfigOf } from '../config';
import { ConfigError } from '../config/error';
import { mergeSaved } from '../config/merge-saved';
import type { Run } from '../config/parse';
import { checkSaved } from '../config/settings';
import { findNewestRuns, pickToResume } from '../files/run/newest-runs';
import { RunDirectory } from '../files/run/run-directory';
import { RUNS } from '../files/run/run-status';

/** What a run did whose version knew no such option, where its default is another now. */
const unsaid = { inputScale: 'standard' } as const satisfies Partial<ConfigOf<'train'>>;

/** The directory of the run that goes on, and its configuration: its own and what may be changed. */
export async function reopenRun(
  call: Run<'train'>,
): Promise<{ run: RunDirectory; config: ConfigOf<'train'> }> {
  const run = await RunDirectory.open(call.config.runDir ?? (await chooseRun(call)));
  try {
    const saved = { ...unsaid, ...(await run.readConfig()) };
    checkSaved(saved, join(run.path, 'config.json'));
    return { run, config: mergeSaved(call, saved, run.path) };
  } catch (error) {
    run.release();
    throw error;
  }
}

/** The newest run that has something to go on with. */
async function chooseRun({ config }: Run<'train'>): Promise<string> {
  const newest = await findNewestRuns(RUNS);
  const run = pickToResume(newest, config);
  if (run !== null) return run;
  const { diverged, done } = newest;
  const others = [
    ...(diverged === null ? [] : [`${diverged} diverged, and would again without --on-nan lower`]),
    ...(done === null ? [] : [`${done} is done`]),
  ];
  const ways =
    others.length === 0 ? '' : `; ${others.join('; ')} (--run-dir takes it all the same)`;
  throw new ConfigError({
    key: '--resume',
    problem: `needs an unfinished run under ${RUNS}/, there is none${ways}`,
    source: 'command line',
  });
}
