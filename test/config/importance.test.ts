import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Run } from '../../config/parse';
import { parse } from '../../config/parse';
import { importances, methods } from '../../methods';

const folder = mkdtempSync(join(tmpdir(), 'importance-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The options of a training with these words on the command line and this file of options. */
function resolved(words: string, file?: object): Run<'train'> {
  const argv = words === '' ? [] : words.split(' ');
  if (file) {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(file));
    argv.push('--config', join(folder, 'config.json'));
  }
  return parse(['train', ...argv], {}) as Run<'train'>;
}

describe('--importance', () => {
  it('has a name for every method', () => {
    const named = Object.values(importances).flatMap((one: { filter?: string; weight?: string }) =>
      [one.filter, one.weight].filter((id) => id !== undefined),
    );
    expect([...new Set(named)].sort()).toEqual(Object.keys(methods).sort());
  });

  it.each([
    ['l1', { method: 'norm-filter', norm: 'l1' }],
    ['l2 --unit filter', { method: 'norm-filter', norm: 'l2' }],
    ['l1 --unit weight', { method: 'norm-weight', norm: 'l2' }], // which it does not read
    ['geometric-median', { method: 'fpgm' }],
    ['random --unit weight', { method: 'random-weight' }],
    ['bn-scale', { method: 'slimming' }],
    ['taylor', { method: 'taylor-filter' }],
    ['taylor --unit weight', { method: 'taylor-weight' }],
    ['entropy', { method: 'entropy-filter', entropyOf: 'weights' }],
    ['entropy --entropy-of activations', { method: 'entropy-filter', entropyOf: 'activations' }],
    ['apoz', { method: 'apoz' }],
    ['lamp', { method: 'lamp' }],
    ['lamp --unit weight', { method: 'lamp' }],
  ])('%s names the method', (words, expected) => {
    const { config, sources } = resolved(`--importance ${words}`);
    expect(config).toMatchObject(expected);
    expect(sources.method).toBe('command line');
  });

  it('goes with what a saved run repeats of it', () => {
    const { config } = resolved('', { importance: 'l1', unit: null, method: 'norm-filter', norm: 'l1' }); // prettier-ignore
    expect(config).toMatchObject({ importance: 'l1', method: 'norm-filter', norm: 'l1' });
    // a saved run of defaults does not stand against it
    const other = resolved('--importance apoz', { importance: null, method: 'fpgm', norm: 'l2' });
    expect(other.config).toMatchObject({ method: 'apoz' });
  });

  it.each([
    [
      '--importance l1 --method fpgm',
      '--method cannot go with --importance l1, which names norm-filter, got "fpgm"',
    ],
    ['--importance l1 --norm l2', '--norm cannot go with --importance l1, which names l1'],
    ['--importance lamp --unit filter', '--unit must be weight with --importance lamp'],
    ['--importance apoz --unit weight', '--unit must be filter with --importance apoz'],
    ['--unit filter', '--unit has no effect without --importance'],
    ['--importance norm', '--importance must be one of l1, l2,'],
    ['--importance taylor --distance l1', '--distance has no effect without --method fpgm'],
    [
      '--importance l1 --observe-batches 3',
      '--observe-batches has no effect with a method that reads neither gradients nor activations',
    ],
    [
      '--importance entropy --observe-batches 3',
      '--observe-batches has no effect with a method that reads neither gradients nor activations',
    ],
    [
      '--importance entropy --entropy-bins 10',
      '--entropy-bins has no effect without --method entropy-filter --entropy-of activations',
    ],
    ['--entropy-of activations', '--entropy-of has no effect without --method entropy-filter'],
    ['--scale-penalty 0.1', '--scale-penalty has no effect without --method slimming'],
    ['--compat paper --distance l1', '--distance must be l2 with --compat paper'],
    ['--compat paper --importance taylor', '--compat cannot go with --method taylor-filter'],
    [
      '--importance lamp --round-to 8',
      '--round-to is about channels, which --method lamp does not',
    ],
  ])('%s is refused', (words, problem) => {
    expect(() => resolved(words)).toThrow(problem);
  });
});
