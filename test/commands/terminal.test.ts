import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { noTerminal, onTerminal, program } from '../pseudo-terminal';
import { commandLine } from '../trainer/fixtures/command-line';
import { scratchFolder } from '../trainer/fixtures/toy-run';

/** Runs a line of bash. */
function bash(line: string) {
  const { stdout, stderr, status } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
  return { stdout, stderr, status };
}

describe('a reader that goes away', () => {
  it.each(['flops', '--help', 'graph'])('ends %s quietly, with 0', (command) => {
    const { stdout, stderr, status } = bash(
      `set -o pipefail; ${program} ${command} --quiet | head -n 1`,
    );
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  it('leaves the exit code of wrong usage as it is', () => {
    expect(bash(`${program} --rat 1 2>&1 | true; echo \${PIPESTATUS[0]}`).stdout).toBe('2\n');
  });
});

describe.skipIf(!existsSync('/dev/full'))('a full disk', () => {
  it.each(['flops', '--help', 'flops --json'])('under the result of %s is 4', (words) => {
    const { stderr, status } = bash(`${program} ${words} > /dev/full`);
    expect(status).toBe(4);
    expect(stderr).toMatch(/^the result could not be written to stdout: ENOSPC: .*\n$/);
  });

  it('under the notes changes nothing', () => {
    const { stdout, status } = bash(`${program} flops 2> /dev/full`);
    expect(status).toBe(0);
    expect(stdout).toContain('| total ');
  });
});

describe.skipIf(noTerminal !== '')(`on a terminal${noTerminal}`, () => {
  it.each([
    ['--help'],
    ['flops'],
    ['graph', '--arch', 'mobilenet_v2'],
    ['--arch', 'resnet21'], // an error with a long list
  ])('%s %s %s fits 60 columns', async (...args) => {
    const { lines, widest } = await onTerminal(args, { columns: 60 });
    expect(widest, lines.join('\n')).toBeLessThanOrEqual(60);
    expect(widest).toBeGreaterThan(45);
  });

  it('graph shows the groups, and the schema where it is asked for or a file takes it', async () => {
    const shown = await onTerminal(['graph'], { columns: 80 });
    expect(shown.lines.join('\n')).toContain('| layer1_0_conv1 ');
    expect(shown.lines.join('\n')).not.toContain('layer1_0_conv1_out');
    const asked = await onTerminal(['graph', '--schema'], { columns: 60 });
    expect(JSON.parse(asked.lines.join('\n'))).toHaveProperty('layer1_0_conv1_out');
  });

  it('takes COLUMNS where the terminal does not say its width', async () => {
    const { widest } = await onTerminal(['flops'], { columns: 0, env: { COLUMNS: '60' } });
    expect(widest).toBeLessThanOrEqual(60);
  });
});

describe('in a pipe', () => {
  it('results are whole, however narrow a terminal COLUMNS speaks of', async () => {
    const cwd = scratchFolder();
    const { stdout } = await commandLine(['flops'], { cwd, env: { COLUMNS: '40' } });
    expect(stdout).toContain(' activation bytes |');
    const { stderr } = await commandLine(['--arch', 'x'], { cwd, env: { COLUMNS: '40' } });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('the help is as wide as COLUMNS says, else 80', async () => {
    const widest = async (env: NodeJS.ProcessEnv): Promise<number> => {
      const { stdout } = await commandLine(['--help'], { env });
      return Math.max(...stdout.split('\n').map((line) => line.length));
    };
    expect(await widest({ COLUMNS: '60' })).toBeLessThanOrEqual(60);
    expect(await widest({ COLUMNS: 'x' })).toBe(80);
  });
});
