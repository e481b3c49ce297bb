import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amount } from '../../config/formats';
import { readAmount, units } from '../../measure/search/amount';
import { parse } from '../../config/parse';

describe('readAmount', () => {
  it.each([
    ['60%', 'share', 0.6],
    ['0.6', 'share', 0.6],
    [0.6, 'share', 0.6],
    ['.5', 'share', 0.5],
    ['20M', 'figure', 20e6],
    ['300k', 'figure', 300e3],
    ['0.5M', 'figure', 500e3],
    ['1e6', 'figure', 1e6],
    [1234, 'figure', 1234],
  ] as const)('reads %s as a %s of %d', (given, kind, value) => {
    expect(readAmount(given, units.count)).toEqual({ kind, value });
  });

  it('reads the units of bytes and times', () => {
    expect(readAmount('1.2MB', units.bytes)).toEqual({ kind: 'figure', value: 1.2e6 });
    expect(readAmount('300 kB', units.bytes)).toEqual({ kind: 'figure', value: 300e3 });
    expect(readAmount('0.5ms', units.milliseconds)).toEqual({ kind: 'figure', value: 0.5 });
    expect(readAmount('250us', units.milliseconds)).toEqual({ kind: 'figure', value: 0.25 });
    expect(readAmount('5', units.milliseconds)).toEqual({ kind: 'figure', value: 5 });
  });

  it.each([
    '1',
    '0',
    '-3',
    '100%',
    '0%',
    '20m',
    '20 apples',
    '',
    'M',
    '1.2.3',
    'NaN',
    'Infinity',
    '5ms',
    'toString',
  ])('reads nothing in %j', (given) => {
    expect(readAmount(given, units.count)).toBeNull();
  });

  it('takes every share as a number and in percent', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999 }), (thousandths) => {
        const share = readAmount(thousandths / 1000, units.count);
        expect(share).toEqual({ kind: 'share', value: thousandths / 1000 });
        expect(readAmount(`${thousandths / 10}%`, units.count)!.value).toBeCloseTo(
          share!.value,
          12,
        );
      }),
    );
  });

  it('is what the format accepts, as text and from a file', () => {
    const format = amount(units.count, '20M');
    expect(['60%', 0.6, '20M'].every((value) => format.accepts(value))).toBe(true);
    expect([1, null, ['20M'], '20MB'].some((value) => format.accepts(value))).toBe(false);
  });
});

describe('what decides the rate', () => {
  const given =
    (...args: string[]) =>
    () =>
      parse(['prune', '--model', 'a', '--out', 'b', ...args], {});

  it('is one option', () => {
    expect(given('--target-macs', '60%')).not.toThrow();
    expect(given('--target-macs', '60%', '--rate', '0.3')).toThrow(
      '--rate cannot go with a --target or --max-drop',
    );
    expect(given('--target-macs', '60%', '--target-bytes', '1MB')).toThrow(
      '--target-bytes cannot go with another --target',
    );
    expect(given('--target-latency', '5ms', '--max-drop', '1')).toThrow(
      '--max-drop cannot go with',
    );
    expect(given('--target-params', '0.5', '--rates', '0.1,0.2')).toThrow(
      '--target-params cannot go with --rates',
    );
    expect(given('--target-macs', '1')).toThrow(
      '--target-macs must be a share that stays, as 60% or 0.6, or a figure above 1, as 20M (k, M, G), got "1"',
    );
  });

  it('is a time only where the widths do not follow from weights to come', () => {
    const training = (scope: string) => () =>
      parse(['train', '--target-latency', '50%', '--scope', scope], {});
    expect(training('uniform')).not.toThrow();
    expect(training('global')).toThrow('--target-latency needs --scope uniform in train');
    expect(given('--target-latency', '50%', '--scope', 'global')).not.toThrow();
  });
});
