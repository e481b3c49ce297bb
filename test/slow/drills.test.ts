import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTiny } from '../commands/fixtures/tiny-network';
import { commandLine } from '../trainer/fixtures/command-line';

const parent = mkdtempSync(join(tmpdir(), 'secateur-drills-'));
const model = join(parent, 'net', 'model.json');

beforeAll(() => writeTiny(join(parent, 'net')));

afterAll(() => {
  rmSync(parent, { recursive: true, force: true });
});

describe('several who write one folder at once', () => {
  it.each([
    ['prune', ['--format', 'tfjs,typescript']],
    ['sensitivity', ['--limit-validation', '200', '--rates', '0.2,0.5']],
  ])('one has it, the others are told, nothing is mixed: %s', async (command, more) => {
    const out = join(parent, command);
    const methods = ['fpgm', 'norm-filter', 'norm-filter', 'random-filter'];
    const endings = await Promise.all(
      methods.map((method) =>
        commandLine([
          ...[command, '--model', model, '--out', out, '--method', method],
          ...['--backend', 'cpu', ...more, '--json'],
        ]),
      ),
    );
    const done = endings.filter(({ code }) => code === 0);
    expect(done.length).toBeGreaterThanOrEqual(1);
    for (const { code, stderr } of endings.filter((ending) => ending.code !== 0)) {
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(/is in use by process \d+|a scan of something else/);
      expect(stderr).not.toContain('    at ');
    }
    const written = command === 'prune' ? 'pruning.json' : 'sensitivity.json';
    const facts = readFileSync(join(out, written), 'utf8');
    const told = done.map(({ stdout }) => JSON.parse(stdout) as { method?: string });
    const { method } = JSON.parse(facts) as { method: string };
    expect(told.some((result) => JSON.stringify(result).includes(`"method":"${method}"`))).toBe(
      true,
    );
    expect(readdirSync(parent).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
