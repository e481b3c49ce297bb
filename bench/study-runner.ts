import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { ensureFolder, replaceFile } from '../files';
import { resumeArguments, studyRuns, trainArguments } from './study-cells';
import type { StudyRun } from './study-cells';
import { resultFile } from './study-results';

/** The exit code of a run that a signal stopped and --resume continues; the study's own likewise. */
export const EXIT_RESUMABLE = 75;

export interface RunnerOptions {
  /** Where the runs lie; made where it is missing. */
  readonly folder: string;
  /** Runs at a time. */
  readonly jobs: number;
  /** What Node is given to train, before the options of the run. */
  readonly program: readonly string[];
  /** In which the program runs. */
  readonly cwd: string;
  /** Default all of the study. */
  readonly runs?: readonly StudyRun[];
  /** Told when a run begins and ends. */
  readonly say: (line: string) => void;
}

/** The runs that are still to do, several at a time, each a process of its own. */
export class StudyRunner {
  private readonly children = new Set<ChildProcess>();
  private readonly waiting: StudyRun[];
  private stopped = false;
  private failed = false;

  constructor(private readonly options: RunnerOptions) {
    const { folder, runs = studyRuns } = options;
    this.waiting = runs.filter((run) => !fs.existsSync(resultFile(folder, run)));
  }

  /**
   * Trains what is missing. A run that fails does not keep the others from theirs.
   *
   * @returns the exit code: 0, 1 when a run failed, 75 when the study was stopped.
   */
  async run(): Promise<number> {
    const { folder, jobs } = this.options;
    await ensureFolder(folder);
    await Promise.all(Array.from({ length: jobs }, () => this.work()));
    if (this.stopped) return EXIT_RESUMABLE;
    return this.failed ? 1 : 0;
  }

  /** Begins no further run and passes the signal on to those under way, which save. */
  stop(signal: NodeJS.Signals): void {
    this.stopped = true;
    for (const child of this.children) child.kill(signal);
  }

  private async work(): Promise<void> {
    for (let next = this.next(); next; next = this.next()) await this.train(next);
  }

  private next(): StudyRun | undefined {
    return this.stopped ? undefined : this.waiting.shift();
  }

  private async train(run: StudyRun): Promise<void> {
    const { folder, say } = this.options;
    const begun = fs.existsSync(path.join(folder, run.name));
    say(`${run.name}: ${begun ? 'goes on' : 'begins'}`);
    const given = (begun ? resumeArguments : trainArguments)(run, folder);
    const { code, stdout } = await this.process(given, path.join(folder, `${run.name}.log`));
    if (code === 0) await replaceFile(resultFile(folder, run), Buffer.from(stdout));
    this.failed ||= code !== 0 && code !== EXIT_RESUMABLE;
    say(`${run.name}: ${code === 0 ? 'done' : `ended with ${String(code)}, see its .log`}`);
  }

  private async process(
    given: readonly string[],
    logFile: string,
  ): Promise<{ readonly code: number | null; readonly stdout: string }> {
    const { program, cwd } = this.options;
    const log = fs.openSync(logFile, 'a');
    try {
      const child = spawn(process.execPath, [...program, ...given], {
        cwd,
        stdio: ['ignore', 'pipe', log],
      });
      this.children.add(child);
      let stdout = '';
      child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number | null];
      this.children.delete(child);
      return { code, stdout };
    } finally {
      fs.closeSync(log);
    }
  }
}
