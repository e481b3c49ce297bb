import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invoke } from '../commands/fixtures/invoke';
import { writeTiny } from '../commands/fixtures/tiny-network';
import { CommandLine } from '../trainer/fixtures/command-line';

const folder = mkdtempSync(join(tmpdir(), 'secateur-sensitivity-'));
const file = join(folder, 'net', 'model.json');
const read = (name: string, place: string): string => readFileSync(join(place, name), 'utf8');

beforeAll(() => writeTiny(join(folder, 'net')));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('sensitivity', () => {
  it('stops at a signal with 75, and the same command ends as if it had not', async () => {
    const [whole, cut] = [join(folder, 'whole'), join(folder, 'cut')];
    const rates = Array.from({ length: 6 }, (_, index) => String((index + 1) / 8)).join(',');
    const command = (place: string): string[] => [
      ...['sensitivity', '--model', file, '--limit-validation', '40', '--backend', 'cpu'],
      ...['--method', 'norm-weight', '--rates', rates, '--out', place, '--json'],
    ];
    const log = join(cut, 'sensitivity.jsonl');
    const stopped = new CommandLine(command(cut));
    await stopped.until(() => existsSync(log) && readFileSync(log, 'utf8').split('\n').length > 3);
    stopped.kill('SIGINT');
    expect(await stopped.ending).toMatchObject({ code: 75, stdout: '' });
    expect(stopped.stderr).toContain('stopped by SIGINT; the same command goes on');
    const lines = readFileSync(log, 'utf8').split('\n').length;
    expect(lines).toBeLessThan(1 + 1 + 18 + 1);
    const resumed = await invoke(command(cut));
    expect(resumed.notes).toContain('going on after');
    expect(resumed.stdout).toBe((await invoke(command(whole))).stdout);
    expect(readFileSync(log, 'utf8')).toBe(read('sensitivity.jsonl', whole));
  });
});
