import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { resumeArguments, studyRuns, trainArguments } from '../../bench/study-cells';
import { studyPlot, studyText, verdict, withStudy } from '../../bench/study-report';
import { deviationOf, meanOf, readResults } from '../../bench/study-results';
import { parse } from '../../config/parse';
import { elementsOf } from '../report/fixtures/xml';

/** A folder with a result of each run named, and events of this churn. */
function results(accuracies: Readonly<Record<string, number>>, churn: readonly number[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'secateur-study-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [name, accuracy] of Object.entries(accuracies)) {
    const after = { accuracy, macs: 20_000_000, params: 150_000, bytes: 600_000 };
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ after }));
    mkdirSync(join(folder, name, 'export'), { recursive: true });
    writeFileSync(join(folder, name, 'export', 'model.json'), '{}');
    const event = { removed: 115, units: 400 };
    const isDense = name.startsWith('dense');
    const rows = churn.map((value) => (isDense ? {} : { ...event, churn: value }));
    const lines = rows.map((row, step) => `${JSON.stringify({ step, ...row })}\n`);
    writeFileSync(join(folder, name, 'metrics.jsonl'), lines.join(''));
  }
  return folder;
}

const full = {
  ...{ dense_s1: 0.91, dense_s2: 0.92, dense_s3: 0.93 },
  ...{ fpgm30_s1: 0.9, fpgm30_s2: 0.91, fpgm30_s3: 0.92 },
  ...{ random30_s1: 0.8, random30_s2: 0.81, random30_s3: 0.82 },
  ...{ 'l1-30_s1': 0.5, sfp30_s1: 0.7, sfp30_s2: 0.72, sfp30_s3: 0.74 },
};

describe('the report of the study', () => {
  it('sums up what is there and names what is missing', () => {
    const { results: found, missing } = readResults(results(full, [1, 0.5, 0.1]));
    const text = studyText(found, missing);
    const row = (cell: string): string[] =>
      text
        .split('\n')
        .find((line) => line.startsWith(`| \`${cell}\``))!
        .split('|')
        .slice(2, -1)
        .map((each) => each.trim());
    // means of 91, 92, 93 and 90, 91, 92, deviation 1; churn: the mean of 0.5 and 0.1
    const sizes = ['20.00 M', '150.0 k', '600.0 kB'];
    expect(row('dense').slice(0, 7)).toEqual(['3', '92.00 ± 1.00', '', '0', ...sizes]);
    expect(row('fpgm30').slice(0, 7)).toEqual([
      ...['3', '91.00 ± 1.00', '-1.00', '115 of 400 filters', ...sizes],
    ]);
    expect(row('fpgm30').at(-1)).toBe('30.0 %');
    expect(row('l1-30').slice(0, 3)).toEqual(['1', '50.00', '-42.00']);
    expect(text).not.toContain('| `weights90`');
    expect(missing).toContain('weights90_s2');
    expect(text).toContain('Not finished, and left out above: fpgm40_s1, weights90_s1, l1-30_s2');
    expect(text).toContain('- `fpgm30`: beats random (+10.00 points, standard error 0.82).');
    expect(text).toContain('- `sfp30`: loses to random (-9.00 points, standard error 1.29).');
    expect(text).toContain('- `l1-30`: no verdict');
  });

  it('works before the first run is finished', async () => {
    const { results: found, missing } = readResults(results({}, []));
    expect(missing).toHaveLength(21);
    expect(studyText(found, missing)).toContain('Not finished');
    expect(await studyPlot(found)).toBeNull();
  });

  it('plots every run', async () => {
    const { results: found } = readResults(results(full, []));
    const elements = elementsOf((await studyPlot(found))!);
    const points = elements.filter(({ attributes }) =>
      attributes.includes('roledescription="point"'),
    );
    expect(points).toHaveLength(13 + 5); // runs, and a mean for each cell
  });

  it('puts its text between the markers and leaves the rest', () => {
    const document = 'a\n<!-- study: begin -->\nold\n<!-- study: end -->\nb\n';
    const written = withStudy(document, 'new');
    expect(written).toBe('a\n<!-- study: begin -->\nnew\n<!-- study: end -->\nb\n');
    expect(withStudy(written, 'new')).toBe(written);
    expect(() => withStudy('nothing', 'new')).toThrow('must hold the lines');
  });
});

describe('the figures', () => {
  it('are the mean and the sample deviation', () => {
    expect(meanOf([1, 2, 6])).toBe(3);
    expect(deviationOf([1, 2, 6])).toBeCloseTo(Math.sqrt(7), 12); // (4 + 1 + 9) / 2
    expect([meanOf([]), deviationOf([1])]).toEqual([null, null]);
  });

  it('call two means different beyond two standard errors alone', () => {
    // both deviations are 1: the error is sqrt(2/3) = 0.816, two of them 1.633
    expect(verdict([91, 92, 93], [89.4, 90.4, 91.4])).toContain('does not beat random');
    expect(verdict([91, 92, 93], [89.3, 90.3, 91.3])).toContain('beats random (+1.70');
    expect(verdict([89.3, 90.3, 91.3], [91, 92, 93])).toContain('loses to random (-1.70');
    expect(verdict([90], [89, 90, 91])).toContain('no verdict');
  });
});

describe('the runs', () => {
  it('come seed by seed, each with options that train understands', () => {
    expect(studyRuns).toHaveLength(7 * 3);
    expect(studyRuns.slice(0, 8).map(({ name }) => name)).toEqual([
      ...['dense_s1', 'sfp30_s1', 'fpgm30_s1', 'random30_s1', 'l1-30_s1', 'fpgm40_s1'],
      ...['weights90_s1', 'dense_s2'],
    ]);
    for (const run of studyRuns) {
      expect(parse(trainArguments(run, 'a folder'), {})).toMatchObject({
        command: 'train',
        config: { seed: run.seed, runDir: `a folder/${run.name}`, resume: false, json: true },
      });
      expect(parse(resumeArguments(run, 'runs'), {})).toMatchObject({
        config: { runDir: `runs/${run.name}`, resume: true, json: true },
      });
    }
  });
});
