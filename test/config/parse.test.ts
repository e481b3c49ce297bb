import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import type { Command, ConfigOf } from '../../config';
import { commandNames, commands, ids, options, schema } from '../../config';
import { ConfigError } from '../../config/error';
import type { Run } from '../../config/parse';
import { parse } from '../../config/parse';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'secateur-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(content: string): string {
  const path = join(folder, `${Math.trunc(performance.now() * 1000)}.json`);
  writeFileSync(path, content);
  return path;
}

function run<C extends Command>(
  command: C,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Run<C> {
  const invocation = parse([command, ...argv], env);
  expect(invocation).toMatchObject({ action: 'run', command });
  return invocation as unknown as Run<C>; // the line above has looked
}

function train(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Run<'train'> {
  return run('train', argv, env);
}

/** The message with which the input is refused. */
function refusal(argv: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  try {
    parse(argv, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).exitCode).toBe(2);
    return (error as ConfigError).message;
  }
  throw new Error(`accepted ${JSON.stringify(argv)}`);
}

describe('the command line', () => {
  it('trains when no command is named', () => {
    expect(parse(['--method', 'fpgm', '--rate', '0.3'], {})).toMatchObject({
      action: 'run',
      command: 'train',
      config: { method: 'fpgm', rate: 0.3, arch: 'resnet20', dataset: 'mnist', epochs: null },
    });
  });

  it('has a default that changes nothing for everything', () => {
    const { config, sources } = train([]);
    expect(config).toMatchObject({ skip: [], norm: 'l2', momentum: 0.9, resume: false, seed: 1 });
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
  });

  it('reads each kind of value, with a space and with =', () => {
    const argv = [
      '--rate=0.5',
      '--epochs',
      '12',
      '--milestones',
      '4,8',
      '--skip',
      'conv*,fc',
      '--no-nesterov',
    ];
    expect(train([...argv, '--run-dir', '1.10', '--resume']).config).toMatchObject({
      rate: 0.5,
      epochs: 12,
      milestones: [4, 8],
      skip: ['conv*', 'fc'],
      nesterov: false,
      runDir: '1.10',
      resume: true,
    });
  });

  it('reads a negative number as a value', () => {
    expect(train(['--seed', '-7']).config.seed).toBe(-7);
    expect(train(['--seed=-7']).config.seed).toBe(-7);
  });

  it('takes the command wherever it stands', () => {
    expect(parse(['--arch', 'resnet56', 'flops'], {})).toMatchObject({ command: 'flops' });
  });

  it.each([
    // unknown
    ['--raet 0.3', '--raet is not an option of train (command line); did you mean --rate?'],
    ['--raet=0.3', '--raet is not an option of train (command line); did you mean --rate?'],
    ['-rate 0.3', '-rate is not an option of train (command line); did you mean --rate?'],
    [
      '--batch_size 4',
      '--batch_size is not an option of train (command line); did you mean --batch-size?',
    ],
    [
      '--learningRate 4',
      '--learningRate is not an option of train (command line); did you mean --learning-rate?',
    ],
    ['--colour', '--colour is not an option of train (command line)'],
    ['--no-rate', '--no-rate is not an option of train (command line); did you mean --norm-rate?'],
    ['--__proto__=1', '--__proto__ is not an option of train (command line)'],
    ['--constructor', '--constructor is not an option of train (command line)'],
    ['-x', '-x is not an option of train (command line)'],
    // of another command
    [
      'evaluate --prune-every 2',
      '--prune-every is not an option of evaluate, but of train (command line)',
    ],
    [
      '--out x',
      '--out is not an option of train, but of prune, export, sensitivity (command line)',
    ],
    // repeated
    ['--rate 0.3 --rate 0.9', '--rate is given twice (command line)'],
    ['--rate 0.3 --rate=0.3', '--rate is given twice (command line)'],
    ['--resume --no-resume', '--no-resume is given twice (command line)'],
    // values
    ['--rate abc', '--rate must be a number in [0, 1), got "abc" (command line)'],
    ['--rate 1', '--rate must be a number in [0, 1), got "1" (command line)'],
    ['--rate -0.1', '--rate must be a number in [0, 1), got "-0.1" (command line)'],
    ['--rate -.1', '--rate must be a number in [0, 1), got "-.1" (command line)'],
    ['--rate=-1', '--rate must be a number in [0, 1), got "-1" (command line)'],
    ['--rate 0.3x', '--rate must be a number in [0, 1), got "0.3x" (command line)'],
    ['--rate 0,3', '--rate must be a number in [0, 1), got "0,3" (command line)'],
    ['--rate=', '--rate must be a number in [0, 1), got "" (command line)'],
    ['--rate', '--rate needs a value, a number in [0, 1) (command line)'],
    ['--rate --resume', '--rate needs a value, a number in [0, 1), got "--resume" (command line)'],
    ['--epochs 3.7', '--epochs must be a whole number, 1 or more, got "3.7" (command line)'],
    ['--epochs 0', '--epochs must be a whole number, 1 or more, got "0" (command line)'],
    ['--epochs -3', '--epochs must be a whole number, 1 or more, got "-3" (command line)'],
    [
      '--method fpmg',
      `--method must be one of ${ids.method.join(', ')}, got "fpmg" (command line); did you mean fpgm?`,
    ],
    [
      '--milestones 20,10',
      '--milestones must be whole numbers, 1 or more and ascending, separated by commas, got "20,10" (command line)',
    ],
    ['--run-dir=', '--run-dir must be the path of a folder, got "" (command line)'],
    // switches
    [
      '--resume=0',
      '--resume takes no value: --resume or --no-resume, got "0" (command line); did you mean --no-resume?',
    ],
    ['--resume=', '--resume takes no value: --resume or --no-resume, got "" (command line)'],
    [
      '--resume=true',
      '--resume takes no value: --resume or --no-resume, got "true" (command line)',
    ],
    [
      '--resume no',
      '--resume takes no value: --resume or --no-resume, got "no" (command line); did you mean --no-resume?',
    ],
    [
      '--no-resume=1',
      '--no-resume takes no value: --no-resume or --resume, got "1" (command line)',
    ],
    ['--version=1', '--version takes no value, got "1" (command line)'],
    // words that belong to nothing
    [
      'rate 0.3',
      `"rate" is not a command; there are ${commandNames.join(', ')} (command line); did you mean --rate?`,
    ],
    [
      'evalute --model x',
      `"evalute" is not a command; there are ${commandNames.join(', ')} (command line); did you mean evaluate?`,
    ],
    ['train garbage', '"garbage" is one argument too many after train (command line)'],
    ['flops prune', '"prune" is one argument too many after flops (command line)'],
    [
      '--rate 0.3 0.4',
      `"0.4" is not a command; there are ${commandNames.join(', ')} (command line)`,
    ],
    [
      '-- --rate 0.3',
      `"--rate" is not a command; there are ${commandNames.join(', ')} (command line); did you mean --rate?`,
    ],
  ])('refuses %s', (line, message) => {
    expect(refusal(line.split(' '))).toBe(message);
  });

  it('refuses an empty argument', () => {
    expect(refusal([''])).toMatch('"" is not a command');
  });

  it('either understands a command line or says why not, whatever is on it', () => {
    const word = fc.oneof(
      fc.constantFrom(
        ...commandNames,
        ...[...options.values()].map(({ arg }) => `--${arg}`),
        '-h',
        '--',
        '-',
        '0.3',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), (argv) => {
        try {
          parse(argv, {});
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
        expect('polluted' in {}).toBe(false);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('the environment', () => {
  it('sets options and is named as their source', () => {
    const env = { SECATEUR_RATE: '0.4', SECATEUR_NESTEROV: '0', PATH: '/bin', RATE: '9' };
    const { config, sources } = train([], env);
    expect(config).toMatchObject({ rate: 0.4, nesterov: false });
    expect(sources.rate).toBe('environment variable SECATEUR_RATE');
    expect(sources.epochs).toBe('default');
  });

  it.each([
    [
      { SECATEUR_RAET: '0.3' },
      'SECATEUR_RAET is set, but there is no such option (environment variable SECATEUR_RAET); did you mean SECATEUR_RATE?',
    ],
    [
      { SECATEUR_RATE: '' },
      'SECATEUR_RATE must be a number in [0, 1), got "" (environment variable SECATEUR_RATE)',
    ],
    [
      { SECATEUR_RESUME: 'no' },
      'SECATEUR_RESUME must be true or false, got "no" (environment variable SECATEUR_RESUME)',
    ],
    [
      { SECATEUR___PROTO__: '1' },
      'SECATEUR___PROTO__ is set, but there is no such option (environment variable SECATEUR___PROTO__)',
    ],
  ])('is read as strictly as the command line: %j', (env, message) => {
    expect(refusal([], env)).toBe(message);
  });

  it('may hold options of other commands and variables of the set-up', () => {
    const env = { SECATEUR_RATE: '0.3', SECATEUR_NATIVE: 'off' };
    expect(parse(['doctor'], env)).toMatchObject({ command: 'doctor' });
  });
});

describe('a config file', () => {
  it('sets options and is named as their source', () => {
    const path = file('{ "rate": 0.25, "milestones": [2, 4], "epochs": null, "skip": ["conv1"] }');
    const { config, sources } = train(['--config', path]);
    expect(config).toMatchObject({ rate: 0.25, milestones: [2, 4], epochs: null, skip: ['conv1'] });
    expect(sources.rate).toBe(`file ${path}`);
  });

  it.each([
    ['{ "raet": 0.3 }', '"raet" is not the name of an option (file F); did you mean rate?'],
    [
      '{ "learning-rate": 1 }',
      '"learning-rate" is not the name of an option (file F); did you mean learningRate?',
    ],
    ['{ "__proto__": { "polluted": 1 } }', '"__proto__" is not the name of an option (file F)'],
    [
      '{ "constructor": { "prototype": { "polluted": 1 } } }',
      '"constructor" is not the name of an option (file F)',
    ],
    ['{ "rate": "0.3" }', 'rate must be a number in [0, 1), got "0.3" (file F)'],
    ['{ "rate": null }', 'rate must be a number in [0, 1), got null (file F)'],
    ['{ "rate": { "a": 1 } }', 'rate must be a number in [0, 1), got {"a":1} (file F)'],
    ['{ "nesterov": 0 }', 'nesterov must be true or false, got 0 (file F)'],
    [
      '{ "skip": "conv1" }',
      'skip must be patterns of layer names, separated by commas, got "conv1" (file F)',
    ],
    ['{ "split": "trian" }', 'split must be one of validation, test, got "trian" (file F)'],
    [
      '{ "resume": true }',
      'resume belongs on the command line or in the environment, not in a file (file F)',
    ],
    ['[1]', '--config must hold one JSON object of options (file F)'],
    ['null', '--config must hold one JSON object of options (file F)'],
  ])('is refused when it holds %s', (content, message) => {
    const path = file(content);
    expect(refusal(['--config', path]).replace(path, 'F')).toBe(message);
    expect('polluted' in {}).toBe(false);
  });

  it('is refused when it is not JSON, a folder, nowhere or huge', () => {
    const huge = file(' '.repeat(1_000_001));
    expect(refusal(['--config', huge])).toBe(
      `--config must name a file of at most 1000000 bytes (file ${huge})`,
    );
    expect(refusal(['--config', file('{ rate: 0.3 }')])).toMatch(
      /^--config must hold JSON: .*\(file .*\)$/,
    );
    expect(refusal(['--config', folder])).toBe(`--config must name a file (file ${folder})`);
    expect(refusal(['--config', '/nowhere.json'])).toBe(
      '--config names a file that does not exist (file /nowhere.json)',
    );
  });

  it('may hold options of other commands, whose values must be right all the same', () => {
    const path = file('{ "rate": 0.3, "dataset": "cifar10" }');
    const { config } = run('evaluate', ['--model', 'm.json', '--config', path]);
    expect(config.dataset).toBe('cifar10');
    expect('rate' in config).toBe(false);
    expect(refusal(['evaluate', '--model', 'm', '--config', file('{ "rate": 2 }')])).toMatch(
      'rate must be',
    );
  });
});

describe('the sources', () => {
  it('win in the order default < file < environment < command line', () => {
    const path = file('{ "rate": 0.1, "epochs": 1, "seed": 5 }');
    const env = { SECATEUR_RATE: '0.2', SECATEUR_EPOCHS: '2', SECATEUR_CONFIG: path };
    const { config, sources } = train(['--rate', '0.6'], env);
    expect([config.rate, config.epochs, config.seed, config.batchSize]).toEqual([0.6, 2, 5, null]);
    expect([sources.rate, sources.epochs, sources.seed, sources.batchSize]).toEqual([
      'command line',
      'environment variable SECATEUR_EPOCHS',
      `file ${path}`,
      'default',
    ]);
  });

  it('leave the defaults of the next call as they are', () => {
    const first = train([]);
    (first.config.skip as string[]).push('conv1');
    expect(train([]).config.skip).toEqual([]);
  });
});

describe('options that go together', () => {
  it.each<readonly [string, string]>([
    ['prune --model m.json', '--out is needed by prune: the path of a folder (command line)'],
    ['prune --out x', '--model is needed by prune: the path of a model.json (command line)'],
    ['evaluate', '--model is needed by evaluate: the path of a model.json (command line)'],
    ['export --arch resnet20', '--out is needed by export: the path of a folder (command line)'],
    ['prune --model m --out x --method none', '--method none would prune nothing (command line)'],
    [
      '--model m --arch resnet20',
      '--arch describes a network to build and cannot go with --model, which names one, got "resnet20" (command line)',
    ],
    ['--method none --rate 0.3', '--rate has no effect with --method none, got 0.3 (command line)'],
    [
      '--method norm-filter --norm-rate 0.1',
      '--norm-rate has no effect without --method fpgm, got 0.1 (command line)',
    ],
    [
      '--rate 0.3 --norm-rate 0.4',
      '--norm-rate must be at most --rate, of which it is a part, got 0.4 (command line)',
    ],
    ['--norm l1', '--norm has no effect without --method norm-filter, got "l1" (command line)'],
    [
      'prune --model m --out x --method norm-weight --norm l2',
      '--norm has no effect without --method norm-filter, got "l2" (command line)',
    ],
    ...(['--merge max', '--round-to 8', '--min-keep 2'] as const).map((option) => {
      const [name, value] = option.split(' ') as [string, string];
      const received = name === '--merge' ? JSON.stringify(value) : value;
      return [
        `--method norm-weight ${option}`,
        `${name} is about channels, which --method norm-weight does not remove, got ${received} (command line)`,
      ] as const;
    }),
    [
      '--method norm-weight --compat paper',
      '--compat cannot go with --method norm-weight: the published codes are those of fpgm and norm-filter, got "paper" (command line)',
    ],
    [
      '--compat paper --scope global',
      '--scope must be uniform with --compat paper: the published codes rank layer by layer, got "global" (command line)',
    ],
    ...(['coupled', 'inner', 'stream'] as const).map(
      (residual) =>
        [
          `prune --model m --out x --compat paper --residual ${residual}`,
          `--residual has no effect with --compat paper, which is the mode stream, got "${residual}" (command line)`,
        ] as const,
    ),
    ...(
      [
        ['norm', 'l1', '"l1"'],
        ['regrowth', 'soft', '"soft"'],
        ['scope', 'global', '"global"'],
        ['merge', 'mean', '"mean"'],
        ['residual', 'inner', '"inner"'],
        ['round-to', '8', '8'],
        ['min-keep', '2', '2'],
        ['layer-rate', 'a=0.1', '["a=0.1"]'],
        ['skip', 'a', '["a"]'],
        ['only', 'a', '["a"]'],
        ['compat', 'paper', '"paper"'],
        ['prune-every', '2', '2'],
        ['prune-from', '0', '0'],
        ['prune-until', '1', '1'],
        ['prune-by', 'step', '"step"'],
        ['schedule', 'linear', '"linear"'],
        ['initial-rate', '0.1', '0.1'],
      ] as const
    ).map(
      ([name, value, received]) =>
        [
          `--method none --${name} ${value}`,
          `--${name} has no effect with --method none, got ${received} (command line)`,
        ] as const,
    ),
    ...(['min-rate', 'max-rate'] as const).map(
      (name) =>
        [
          `--${name} 0.5`,
          `--${name} has no effect with --scope uniform, where every layer loses --rate, got 0.5 (command line)`,
        ] as const,
    ),
    [
      '--scope adaptive --min-rate 0.5 --max-rate 0.5',
      '--max-rate must be above --min-rate, got 0.5 (command line)',
    ],
    ['--rounding down', '--rounding has no effect without --round-to, got "down" (command line)'],
    [
      '--compat paper --layer-rate a=0.1',
      '--layer-rate cannot go with --compat paper: the published codes have one rate, got ["a=0.1"] (command line)',
    ],
    [
      '--layer-rate a=1',
      '--layer-rate must be rules PATTERN=X with X in [0, 1), separated by commas, got "a=1" (command line)',
    ],
    [
      '--format onnx',
      '--format must name tfjs, beside which the other files go, got ["onnx"] (command line)',
    ],
    [
      'prune --model m --out o --rate 0.1 --rates 0.1,0.2',
      '--rate cannot go with --rates, which names them all, got 0.1 (command line)',
    ],
    [
      'prune --model m --out o --subset animals',
      '--subset has no effect without --rates, got "animals" (command line)',
    ],
    [
      '--epochs 3 --prune-from 3',
      '--prune-from must be less than --epochs, or nothing is ever pruned, got 3 (command line)',
    ],
    [
      '--epochs 3 --prune-until 3',
      '--prune-until must be less than --epochs, or the last pruning never comes, got 3 (command line)',
    ],
    [
      '--prune-from 3 --prune-until 2',
      '--prune-until must be at least --prune-from, or nothing is ever pruned, got 2 (command line)',
    ],
    ...(['prune-every', 'prune-until'] as const).map(
      (name) =>
        [
          `--schedule one-shot --${name} 2`,
          `--${name} has no effect with --schedule one-shot, which prunes once, at --prune-from, got 2 (command line)`,
        ] as const,
    ),
    [
      '--schedule one-shot --regrowth gradual',
      '--regrowth gradual has no time to turn hard with --schedule one-shot, which prunes once, got "gradual" (command line)',
    ],
    ...(['constant', 'one-shot', 'geometric'] as const).map(
      (schedule) =>
        [
          `--schedule ${schedule} --initial-rate 0.1`,
          '--initial-rate has no effect without --schedule linear, polynomial, asymptotic, got 0.1 (command line)',
        ] as const,
    ),
    [
      '--schedule linear --rate 0.2 --initial-rate 0.2',
      '--initial-rate must be below --rate, to which it rises, got 0.2 (command line)',
    ],
    [
      '--compat paper --schedule linear',
      '--schedule cannot go with --compat paper: the published codes remove the same at every pruning, got "linear" (command line)',
    ],
    [
      '--compat paper --prune-by step',
      '--prune-by cannot go with --compat paper: the published codes prune after epochs, got "step" (command line)',
    ],
    [
      '--epochs 3 --milestones 3,4',
      '--milestones must begin before --epochs ends, or the learning rate never falls, got [3,4] (command line)',
    ],
    [
      '--epochs 3 --warmup-epochs 4',
      '--warmup-epochs must be at most --epochs, or the learning rate is never reached, got 4 (command line)',
    ],
    [
      '--lr-schedule cosine --lr-decay 0.1',
      '--lr-decay has no effect without --lr-schedule multi-step, got 0.1 (command line)',
    ],
    [
      '--optimizer adam --no-nesterov',
      '--no-nesterov has no effect with --optimizer adam, got false (command line)',
    ],
    [
      'evaluate --model m --split validation --validation-fraction 0',
      '--validation-fraction holds no images out, so that there is no --split validation, got 0 (command line)',
    ],
  ])('are checked: %s', (line, message) => {
    expect(refusal(line.split(' '))).toBe(message);
  });

  it.each([
    '--method none --rate 0',
    '--rate 0',
    '--layer-rate a=0.1,b/*=0,c=d=0.5 --scope uniform',
    '--format tfjs,onnx --subset-classes 3,7',
    'prune --model m --out o --rates 0.1,0.3 --dataset cifar10 --subset animals --layer-rate a=0.1',
    'prune --model m --out o --dataset cifar10',
    'evaluate --model m --subset-classes cat,dog',
    '--method fpgm --rate 0.3 --norm-rate 0.3',
    '--method norm-filter --norm l1',
    '--method norm-weight --scope global --merge mean --round-to 1 --min-keep 1 --residual inner',
    '--compat paper --scope uniform --regrowth soft',
    '--scope global --layer-rate a=0.1 --min-rate 0.1 --max-rate 0.5',
    '--scope adaptive --round-to 8 --rounding nearest --max-rate 0.5',
    '--compat none --residual inner --scope global',
    '--epochs 3 --prune-from 2 --milestones 2 --warmup-epochs 3',
    '--epochs 3 --prune-by step --prune-from 20 --prune-until 30 --schedule polynomial --initial-rate 0.1',
    '--model m.json',
    'export --arch resnet56 --seed 1 --out DIR',
    'flops --arch resnet56 --json',
    'prune --model DIR/model.json --method norm-filter --rate 0.5 --out DIR2 --json',
  ])('are accepted: %s', (line) => {
    expect(parse(line.split(' '), {})).toMatchObject({ action: 'run' });
  });
});

describe('options of pruning for a command that does not prune', () => {
  it('are left alone where they come from the environment', () => {
    const env = { SECATEUR_NORM: 'l1', SECATEUR_MERGE: 'max', SECATEUR_RESIDUAL: 'inner' };
    expect(parse(['graph', '--arch', 'resnet20'], env)).toMatchObject({ action: 'run' });
    expect(refusal(['--method', 'none'], env)).toBe(
      'SECATEUR_NORM has no effect with --method none, got "l1" (environment variable SECATEUR_NORM)',
    );
  });
});

describe('--print-config', () => {
  it('prints options that --config reads back, and where they come from', () => {
    const argv = ['--rate', '0.45', '--milestones', '2,3'];
    const printed = parse([...argv, '--print-config'], { SECATEUR_SEED: '9' });
    if (printed.action !== 'print') throw new Error('nothing printed');
    expect(printed.stderr.split('\n')).toEqual([
      'rate = 0.45 (command line)',
      'milestones = [2,3] (command line)',
      'seed = 9 (environment variable SECATEUR_SEED)',
      '',
    ]);
    const { config } = train(['--config', file(printed.stdout)]);
    expect({ ...config, config: null }).toEqual(train([...argv, '--seed', '9']).config);
  });
});

describe('the schema', () => {
  it('gives each command its own options and their types', () => {
    expectTypeOf<ConfigOf<'train'>['arch']>().toEqualTypeOf<(typeof ids.arch)[number]>();
    expectTypeOf<ConfigOf<'train'>['epochs']>().toEqualTypeOf<number | null>();
    expectTypeOf<ConfigOf<'train'>['milestones']>().toEqualTypeOf<readonly number[] | null>();
    expectTypeOf<ConfigOf<'evaluate'>>().not.toHaveProperty('rate');
    for (const command of commandNames) {
      const needed = commands[command].needs.flatMap((key) => [`--${schema[key].arg}`, 'x']);
      const taken = [...options]
        .filter(([, { commands }]) => commands.includes(command))
        .map(([key]) => key);
      expect(Object.keys(run(command, needed).config).sort()).toEqual(taken.sort());
    }
  });

  it('names every option once, on the command line and in the environment', () => {
    expect(schema.learningRate).toMatchObject({
      arg: 'learning-rate',
      env: 'SECATEUR_LEARNING_RATE',
    });
    const names = [...options.values()].flatMap(({ arg, format }) =>
      format.placeholder === '' ? [arg, `no-${arg}`] : [arg],
    );
    expect(new Set([...names, 'help', 'version']).size).toBe(names.length + 2);
  });

  it('has defaults that its formats accept', () => {
    for (const [key, option] of options)
      expect([key, option.format.accepts(option.default)]).toEqual([key, true]);
  });
});
