import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ascending,
  choice,
  flag,
  list,
  patternRate,
  optional,
  real,
  text,
  tuple,
  whole,
} from '../../config/formats';
import type { Format } from '../../config/formats';

function accepted<T>(format: Format<T>, given: string): unknown {
  const value = format.read(given);
  return format.accepts(value) ? value : undefined;
}

describe('real', () => {
  const rate = real({ from: 0, below: 1 });

  it.each([
    ['0', 0],
    ['0.3', 0.3],
    ['.5', 0.5],
    ['+0.25', 0.25],
    ['5e-4', 0.0005],
    ['1E-1', 0.1],
    ['0.999999', 0.999999],
  ])('reads %s', (given, value) => {
    expect(accepted(rate, given)).toBe(value);
  });

  it.each([
    '',
    ' ',
    'abc',
    '0.3x',
    '0.3 ',
    '1',
    '-0.1',
    '0x0',
    '0,3',
    'NaN',
    'Infinity',
    '1e-1e',
    '.',
    '-',
    '0.1.2',
  ])('refuses %j', (given) => {
    expect(accepted(rate, given)).toBeUndefined();
  });

  it('refuses a number so near to 1 that it is 1', () => {
    expect(accepted(rate, '0.99999999999999999999')).toBeUndefined();
  });

  it('reads -0 as 0', () => {
    expect(Object.is(accepted(rate, '-0'), 0)).toBe(true);
  });

  it('reads negative numbers where they are allowed', () => {
    expect(accepted(real({}), '-1.5')).toBe(-1.5);
  });

  it('keeps to its limits, of which `above` and `below` are outside', () => {
    const half = real({ above: 0, to: 1 });
    expect([0, Number.MIN_VALUE, 1, 1 + Number.EPSILON].map(half.accepts)).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect([-Number.MIN_VALUE, 0, 1 - Number.EPSILON, 1].map(rate.accepts)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('reads every number as JavaScript writes it', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(accepted(real({}), String(number))).toBe(number + 0);
      }),
      { seed: 1 },
    );
  });

  it('accepts no text that Number does not read as a finite number', () => {
    fc.assert(
      fc.property(fc.string(), (given) => {
        if (accepted(real({}), given) !== undefined)
          expect(Number.isFinite(Number(given))).toBe(true);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  it.each([
    [real({ from: 0, below: 1 }), 'a number in [0, 1)'],
    [real({ above: 0, to: 1 }), 'a number in (0, 1]'],
    [real({ above: 0 }), 'a number above 0'],
    [real({ from: 0 }), 'a number, 0 or more'],
    [whole({ from: 1 }), 'a whole number, 1 or more'],
    [whole({}), 'a whole number'],
  ])('says what it allows: %#', (format, allowed) => {
    expect(format.allowed).toBe(allowed);
  });
});

describe('whole', () => {
  const count = whole({ from: 1 });

  it.each([
    ['1', 1],
    ['42', 42],
    ['1e3', 1000],
    ['3.7', undefined],
    ['0', undefined],
    ['-1', undefined],
    ['9007199254740993', undefined], // 2^53 + 1: no double holds it
    ['ten', undefined],
    ['', undefined],
  ])('reads %s as %s', (given, value) => {
    expect(accepted(count, given)).toBe(value);
  });
});

describe('flag', () => {
  it.each([
    ['true', true],
    ['FALSE', false],
    ['1', true],
    ['0', false],
    ['yes', undefined],
    ['', undefined],
  ])('reads %j as %s', (given, value) => {
    expect(accepted(flag, given)).toBe(value);
  });

  it('takes no number or text from a file', () => {
    expect([true, 1, 'true', null].map(flag.accepts)).toEqual([true, false, false, false]);
  });
});

describe('text', () => {
  it.each(['1.10', '0x10', '-x', 'with space', '__proto__'])('keeps %s as it is', (given) => {
    expect(accepted(text('DIR'), given)).toBe(given);
  });

  it.each(['', '  ', 'a\0b'])('refuses %j', (given) => {
    expect(accepted(text('DIR'), given)).toBeUndefined();
  });
});

describe('choice', () => {
  it('accepts its values alone', () => {
    const side = choice(['soft', 'hard']);
    expect(['soft', 'hard', 'Soft', '', 'toString', null].map(side.accepts)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('lists', () => {
  it('read numbers as numbers', () => {
    expect(accepted(list(whole({}), 'numbers', 'N'), '10, 20')).toEqual([10, 20]);
  });

  it.each(['10,', ',', '', '10,x'])('refuse %j', (given) => {
    expect(accepted(list(whole({}), 'numbers', 'N'), given)).toBeUndefined();
  });

  it('refuse what does not rise where it must', () => {
    const epochs = ascending(whole({ from: 1 }), 'epochs', 'EPOCHS');
    expect(accepted(epochs, '10,20,30')).toEqual([10, 20, 30]);
    expect(accepted(epochs, '10,10')).toBeUndefined();
    expect(accepted(epochs, '20,10')).toBeUndefined();
  });

  it('have their length where it is fixed', () => {
    const shape = tuple(whole({ from: 1 }), 3, 'sides', 'H,W,C');
    expect(accepted(shape, '32,32,3')).toEqual([32, 32, 3]);
    expect(accepted(shape, '32,32')).toBeUndefined();
  });
});

describe('optional', () => {
  it('accepts null from a file and nothing else besides its format', () => {
    const epochs = optional(whole({ from: 1 }));
    expect([null, 3, 0, undefined].map(epochs.accepts)).toEqual([true, true, false, false]);
  });
});

describe('a format', () => {
  it('throws what convict reports', () => {
    expect(() => {
      real({ from: 0, below: 1 })(Number.NaN);
    }).toThrow('must be a number in [0, 1)');
  });
});

describe('patternRate', () => {
  it.each(['conv1=0', 'layer3_*=0.5', 'class:Conv2D=.25', 'a=b=0.999'])('accepts %s', (rule) => {
    expect(patternRate.accepts(patternRate.read(rule))).toBe(true);
  });

  it.each(['conv1', '=0.5', 'conv1=', 'conv1=1', 'conv1=-0.1', 'conv1=half', 'conv1=0x1', 0.5])(
    'refuses %j',
    (rule) => {
      expect(patternRate.accepts(rule)).toBe(false);
    },
  );
});
