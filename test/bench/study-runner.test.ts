import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { studyRuns } from '../../bench/study-cells';
import { StudyRunner } from '../../bench/study-runner';

/**
 * Stands for run.ts: notes what it was given. The dense run waits for a signal and ends with 75 when it
 * begins; sfp30 fails; all others print their result.
 */
const fake = `
const { appendFileSync, mkdirSync } = require('node:fs');
const args = process.argv.slice(2);
const folder = args[args.indexOf('--run-dir') + 1];
appendFileSync(folder + '.given', args.join(' ') + '\\n');
mkdirSync(folder, { recursive: true });
if (folder.includes('dense') && !args.includes('--resume')) {
  process.on('SIGTERM', () => process.exit(75));
  setInterval(() => undefined, 1000);
} else if (folder.includes('sfp30')) process.exit(1);
else console.log(JSON.stringify({ after: { accuracy: 1 } }));
`;

function study(): { folder: string; runner: () => StudyRunner; said: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'secateur-runner-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const program = join(folder, 'fake.cjs');
  writeFileSync(program, fake);
  const said: string[] = [];
  const runner = (): StudyRunner =>
    new StudyRunner({
      ...{ folder, jobs: 2, cwd: folder, program: [program], runs: studyRuns.slice(0, 3) },
      say: (line) => said.push(line),
    });
  return { folder, runner, said };
}

describe('the study', () => {
  it('stops at a signal, goes on with what was begun, and leaves what is done alone', async () => {
    const { folder, runner, said } = study();
    const given = (name: string): string[] =>
      readFileSync(join(folder, `${name}.given`), 'utf8')
        .trimEnd()
        .split('\n');
    const first = runner();
    const ending = first.run();
    while (!existsSync(join(folder, 'fpgm30_s1.json')) || !existsSync(join(folder, 'dense_s1'))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    first.stop('SIGTERM');
    expect(await ending).toBe(75);
    expect(said.at(-1)).toBe('dense_s1: ended with 75, see its .log');
    expect(existsSync(join(folder, 'dense_s1.json'))).toBe(false);

    expect(await runner().run()).toBe(1); // sfp30 fails again, the others are done
    expect(given('dense_s1')).toEqual([
      expect.stringMatching(/^--dataset fashion-mnist .*--method none --rate 0 --seed 1 --run-dir/),
      `--resume --run-dir ${join(folder, 'dense_s1')} --json`,
    ]);
    expect(given('sfp30_s1')).toHaveLength(2);
    expect(given('fpgm30_s1')).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.endsWith('.json'))).toEqual([
      ...['dense_s1.json', 'fpgm30_s1.json'],
    ]);
    expect(JSON.parse(readFileSync(join(folder, 'dense_s1.json'), 'utf8'))).toEqual({
      after: { accuracy: 1 },
    });
  });
});
