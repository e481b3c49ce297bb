import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commandNames, options } from '../../config';
import type { Key } from '../../config';
import { insteadOf, optionAliases, valueAliases } from '../../config/aliases';
import { nearest } from '../../config/nearest';
import type { Run } from '../../config/parse';
import { parse } from '../../config/parse';

const folder = mkdtempSync(join(tmpdir(), 'aliases-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function train(...argv: string[]): Run<'train'> {
  return parse(['train', ...argv], {}) as Run<'train'>;
}

/** What is saved of a run with these words. */
function saved(words: string): unknown {
  const invocation = parse([...words.split(' '), '--print-config'], {});
  if (invocation.action !== 'print') throw new Error('nothing printed');
  return JSON.parse(invocation.stdout);
}

describe('other names of options', () => {
  it('are no names of ours, and stand for options with a value', () => {
    const args = [...options.values()].map(({ arg }) => arg);
    for (const [name, key] of Object.entries(optionAliases)) {
      expect(args).not.toContain(name);
      expect(insteadOf).not.toHaveProperty([name]);
      expect(options.get(key)!.format.placeholder).not.toBe('');
    }
  });

  it.each([
    ['--lr 0.01', '--learning-rate 0.01'],
    ['--bs 16 --wd 0 --num-epochs 2', '--batch-size 16 --weight-decay 0 --epochs 2'],
    ['--sparsity=0.5', '--rate 0.5'],
    ['prune --model x --output y', 'prune --model x --out y'],
    ['flops --architecture resnet56', 'flops --arch resnet56'],
  ])('%s is %s', (words, own) => {
    expect(saved(words)).toEqual(saved(own));
  });

  it('are named as they were typed where their value is wrong', () => {
    expect(() => train('--lr', '0')).toThrow('--lr must be a number above 0, got "0"');
    expect(() => train('--lr', '1', '--learning-rate', '1')).toThrow('is given twice');
    expect(() => parse(['flops', '--lr', '1'], {})).toThrow('--lr is not an option of flops, but');
  });

  it('are hints in the environment and in files, which have our names alone', () => {
    expect(() => parse([], { SECATEUR_LR: '1' })).toThrow('did you mean SECATEUR_LEARNING_RATE?');
    const file = join(folder, 'config.json');
    writeFileSync(file, '{"lr": 0.1}');
    expect(() => train('--config', file)).toThrow('did you mean learningRate?');
  });
});

describe('words that are no option', () => {
  it.each([
    ['--patience', ['--patience', '3'], 'there is no early stopping'],
    ['--keep-rate', ['--keep-rate=0.5'], '--rate X is the fraction that is removed: 1 less'],
    ['--valSplit', ['--valSplit', '0.1'], '--validation-fraction X'],
  ])('%s: what there is instead', (_name, argv, advice) => {
    expect(() => train(...argv)).toThrow(`is not an option of train: ${advice}`);
  });

  it('are advised to options that exist', () => {
    const args = new Set([...options.values()].flatMap(({ arg }) => [arg, `no-${arg}`]));
    for (const [word, advice] of Object.entries(insteadOf)) {
      expect(args).not.toContain(word);
      const named = [...advice.matchAll(/--([a-z-]+)/g)].map(([, name]) => name!);
      for (const name of named) expect(args).toContain(name);
    }
  });
});

describe('other names of values', () => {
  it.each([
    ['--method sfp', { method: 'norm-filter', regrowth: 'soft', norm: 'l2', schedule: 'constant' }],
    ['--method asfp', { method: 'norm-filter', regrowth: 'soft', schedule: 'asymptotic' }],
    ['--method SFP --norm l1', { method: 'norm-filter', regrowth: 'soft', norm: 'l1' }],
    ['--method l1', { method: 'norm-filter', norm: 'l1' }],
    ['--method l2-norm', { method: 'norm-filter', norm: 'l2' }],
    ['--method magnitude', { method: 'norm-weight' }],
    ['--method geometric-median', { method: 'fpgm' }],
    ['--method taylor', { method: 'taylor-filter' }],
    ['--method network_slimming', { method: 'slimming' }],
    ['--dataset CIFAR-10 --arch ResNet-56', { dataset: 'cifar10', arch: 'resnet56' }],
    [
      '--dataset FashionMNIST --arch mobilenetv2',
      { dataset: 'fashion-mnist', arch: 'mobilenet_v2' },
    ],
    ['--optimizer Adam', { optimizer: 'adam' }],
    ['--schedule cubic', { schedule: 'polynomial' }],
  ])('%s is saved under our names', (words, values) => {
    expect(saved(words)).toMatchObject(values);
    expect(train(...words.split(' ')).config).toMatchObject(values);
  });

  it('mean one thing each, which the options accept', () => {
    for (const [key, names] of Object.entries(valueAliases)) {
      for (const [name, meaning] of Object.entries(names)) {
        expect(options.get(key as Key)!.format.choices).not.toContain(name);
        expect(meaning).toHaveProperty(key);
        for (const [other, value] of Object.entries(meaning)) {
          expect(options.get(other as Key)!.format.accepts(value)).toBe(true);
        }
      }
    }
  });

  it('count in the environment and in a file, where another value replaces them', () => {
    expect(parse([], { SECATEUR_METHOD: 'sfp' })).toMatchObject({
      config: { method: 'norm-filter', regrowth: 'soft' },
    });
    expect(parse(['--method', 'fpgm'], { SECATEUR_METHOD: 'sfp' })).toMatchObject({
      config: { method: 'fpgm', regrowth: 'hard' },
    });
    const file = join(folder, 'sfp.json');
    writeFileSync(file, '{"method": "sfp", "regrowth": "hard"}'); // hard is the default
    expect(train('--config', file).config).toMatchObject({ regrowth: 'soft' });
  });

  it.each([
    [['--method', 'sfp', '--regrowth', 'hard'], '--regrowth cannot go with --method sfp'],
    [['--method', 'l1', '--norm', 'l2'], '--norm cannot go with --method l1'],
    [
      ['prune', '--model', 'x', '--out', 'y', '--method', 'sfp'],
      'an option of train and not of prune',
    ],
    [['--method', 'sfb'], 'did you mean sfp?'],
  ])('%j is refused', (argv, message) => {
    expect(() => parse(argv, {})).toThrow(message);
  });

  it('leave no two values of a list alike', () => {
    for (const { format } of options.values()) {
      const plain = (format.choices ?? []).map((name) => name.toLowerCase().replace(/[-_ ]/g, ''));
      expect(new Set(plain).size).toBe(plain.length);
    }
  });
});

describe('a network of the zoo where a file is asked for', () => {
  it.each(commandNames.filter((name) => options.get('model')!.commands.includes(name)))(
    '%s says what builds or holds one',
    (command) => {
      const isBuilt = options.get('arch')!.commands.includes(command);
      const out = options.get('out')!.commands.includes(command) ? ['--out', 'y'] : [];
      expect(() => parse([command, '--model', 'ResNet-20', ...out], {})).toThrow(
        isBuilt ? 'did you mean --arch resnet20?' : 'train writes one, in the export/ of its run',
      );
    },
  );

  it('and the other way round', () => {
    expect(() => train('--arch', 'net/model.json')).toThrow('did you mean --model net/model.json?');
    expect(() => train('--teacher', 'resnet56')).toThrow('train writes one');
  });
});

describe('--resume with a folder', () => {
  it.each([['--resume runs/x'], ['--resume=runs/x'], ['--resume ./train'], ['--resume x train']])(
    '%s names the run',
    (words) => {
      const { config, command } = parse(words.split(' '), {}) as Run<'train'>;
      expect([command, config.resume]).toEqual(['train', true]);
      expect(words).toContain(config.runDir);
    },
  );

  it.each([
    [['--resume', 'x', '--run-dir', 'y'], '--run-dir is given twice'],
    [['--resume', 'no'], 'did you mean --no-resume?'],
    [['evaluate', '--resume', 'x'], '--resume is not an option of evaluate'],
    [['--no-resume', 'x'], '--no-resume takes no value'],
  ])('%j is refused', (argv, message) => {
    expect(() => parse(argv, {})).toThrow(message);
  });

  it('goes on with the newest run where no folder is named', () => {
    expect(train('--resume').config).toMatchObject({ resume: true, runDir: null });
  });
});

it('short names are near to themselves alone', () => {
  expect(nearest('lrr', Object.keys(optionAliases))).toBe('lr');
});
