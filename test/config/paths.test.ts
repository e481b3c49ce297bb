import { mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mergeSaved } from '../../config/merge-saved';
import { parse } from '../../config/parse';
import type { Run } from '../../config/parse';
import { pickSaved } from '../../config/saved';

function optionsOf(...argv: string[]): Record<string, unknown> {
  const { config } = parse(argv, {}) as Run;
  return { ...config };
}

describe('a path', () => {
  const home = (name: string): string => join(homedir(), name);

  it.each([
    ['~/net/model.json', home('net/model.json')],
    ['file:///net/model.json', '/net/model.json'],
    ['net/model.json', resolve('net/model.json')],
  ])('%s is saved with a run as %s, which leads there from any folder', (given, place) => {
    const saved = pickSaved(optionsOf('train', '--model', given, '--data-dir', given));
    expect(saved).toMatchObject({ model: place, dataDir: place });
  });

  it('is what it was where nothing is saved, and a word is no path', () => {
    expect(optionsOf('prune', '--model', 'net', '--out', 'small')).toMatchObject({
      ...{ model: 'net', out: 'small' },
    });
    expect(optionsOf('train', '--model', 'net', '--teacher', 'dense').teacher).toBe('dense');
  });

  it('in a file of options means what it means on the command line', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'secateur-paths-')), 'options.json');
    writeFileSync(file, JSON.stringify({ model: '~/net', teacher: 'file:///big' }));
    expect(optionsOf('train', '--config', file)).toMatchObject({
      ...{ model: home('net'), teacher: '/big' },
    });
  });

  it('that an earlier version saved as it was given is the same as now', () => {
    const saved = { ...pickSaved(optionsOf('train')), model: 'net/model.json' };
    const call = parse(['train', '--resume', '--model', './net/model.json'], {}) as Run<'train'>;
    expect(mergeSaved(call, saved, 'runs/a').model).toBe('net/model.json');
    const other = parse(['train', '--resume', '--model', 'net2'], {}) as Run<'train'>;
    expect(() => mergeSaved(other, saved, 'runs/a')).toThrow('--model must be what the run');
  });
});
