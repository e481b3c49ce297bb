/**
 * The comparison of docs/results.md: ResNet-20 on Fashion-MNIST, every cell of study-cells.ts with every seed.
 *
 *     npm run study -- [--dir runs/study] [--jobs 2] [--report-only] [--out docs/results.md]
 *
 * A run whose .json is there is done; one with a folder alone is resumed. Ctrl-C saves what is under way and
 * ends with 75; the same command goes on. What is finished is reported, also where runs are missing.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { replaceFile } from '../files';
import { studyRuns } from './study-cells';
import { studyPlot, studyText, withStudy } from './study-report';
import { readResults } from './study-results';
import { StudyRunner } from './study-runner';

const root = path.join(__dirname, '..');

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string', default: 'runs/study' },
      jobs: { type: 'string', default: '2' },
      'report-only': { type: 'boolean', default: false },
      out: { type: 'string', default: path.join(root, 'docs', 'results.md') },
    },
  });
  const folder = path.resolve(values.dir);
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw new RangeError(`--jobs must be a whole number from 1, got ${values.jobs}`);
  }
  const code = values['report-only'] ? 0 : await trained(folder, jobs);
  await report(folder, path.resolve(values.out));
  return code;
}

async function trained(folder: string, jobs: number): Promise<number> {
  const runner = new StudyRunner({
    ...{ folder, jobs, say, cwd: root },
    program: ['-r', 'ts-node/register/transpile-only', 'run.ts'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      runner.stop(signal);
    });
  }
  return runner.run();
}

/** Writes the table into the document and the plot beside it. */
async function report(folder: string, out: string): Promise<void> {
  const { results, missing } = readResults(folder);
  const document = withStudy(fs.readFileSync(out, 'utf8'), studyText(results, missing));
  await replaceFile(out, Buffer.from(document));
  const plot = await studyPlot(results);
  if (plot !== null) await replaceFile(out.replace(/\.md$/, '.svg'), Buffer.from(plot));
  say(`${studyRuns.length - missing.length} of ${studyRuns.length} runs in ${out}`);
  if (missing.length > 0) say(`missing: ${missing.join(', ')}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
