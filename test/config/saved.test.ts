import { describe, expect, it } from 'vitest';
import { parse } from '../../config/parse';
import { differences, pickSaved } from '../../config/saved';

function config(...argv: string[]): object {
  const invocation = parse(argv, {});
  if (invocation.action !== 'run') throw new Error('printed');
  return invocation.config;
}

/** As a run folder gives it back. */
function reloaded(saved: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(saved)) as Record<string, unknown>;
}

describe('savedOptions', () => {
  it('keeps what describes the run and leaves out what belongs to one call', () => {
    const saved = pickSaved(config('--rate', '0.4', '--run-dir', 'x', '--resume', '--json'));
    expect(saved).toMatchObject({ rate: 0.4, arch: 'resnet20', epochs: null, threads: null });
    for (const key of ['runDir', 'resume', 'json', 'quiet', 'progress', 'config', 'printConfig']) {
      expect(saved).not.toHaveProperty(key);
    }
  });
});

describe('differences', () => {
  const saved = reloaded(
    pickSaved(config('--rate', '0.4', '--milestones', '2,4', '--skip', 'conv1')),
  );

  it('finds none between a run and itself', () => {
    expect(
      differences(
        saved,
        config('--rate', '0.4', '--milestones', '2,4', '--skip', 'conv1', '--resume'),
      ),
    ).toEqual([]);
  });

  it('names the options that shape the run, with both values', () => {
    expect(
      differences(saved, config('--milestones', '2,5', '--skip', 'conv1', '--epochs', '9')),
    ).toEqual([
      { key: 'rate', flag: '--rate', saved: 0.4, current: 0.3 },
      { key: 'epochs', flag: '--epochs', saved: null, current: 9 },
      { key: 'milestones', flag: '--milestones', saved: [2, 4], current: [2, 5] },
    ]);
  });

  it.each([
    '--run-dir x',
    '--resume',
    '--json',
    '--quiet',
    '--no-progress',
    '--checkpoint-every 10',
    '--keep-checkpoints 5',
    '--threads 2',
    '--data-dir elsewhere',
    '--download',
    '--backend wasm',
  ])('lets a resumed run change %s', (given) => {
    expect(differences(pickSaved(config()), config(...given.split(' ')))).toEqual([]);
  });

  it.each([
    '--epochs 5',
    '--seed 2',
    '--dataset cifar10',
    '--batch-size 3',
    '--regrowth soft',
    '--limit-train 9',
    '--no-nesterov',
  ])('does not let it change %s', (given) => {
    expect(differences(pickSaved(config()), config(...given.split(' ')))).toHaveLength(1);
  });

  it('takes an option that the saved run does not know for its default', () => {
    const older = pickSaved(config());
    delete older.merge;
    expect(differences(older, config())).toEqual([]);
    expect(differences(older, config('--merge', 'max')).map(({ key }) => key)).toEqual(['merge']);
  });

  it('names a saved option that no longer exists', () => {
    expect(differences({ ...pickSaved(config()), gone: 1 }, config())).toEqual([
      { key: 'gone', flag: '--gone', saved: 1, current: undefined },
    ]);
    expect(differences({ ...pickSaved(config()), constructor: 1 }, config())).toHaveLength(1);
  });
});
