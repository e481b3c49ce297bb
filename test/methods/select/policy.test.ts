import { describe, expect, it } from 'vitest';
import { OptionError } from '../../../errors';
import { completePolicy, GeometricMedian } from '../../../methods';
import type { PolicyOptions } from '../../../methods';

/** The error that completing a policy of rate 0.5 ends with. */
function refusalOf(options: Partial<PolicyOptions>): unknown {
  try {
    completePolicy({ rate: 0.5, ...options });
  } catch (error) {
    return error;
  }
  return null;
}

describe('completePolicy', () => {
  it('leaves nothing open, and what is complete as it is', () => {
    const policy = completePolicy({ rate: 0.3 });
    expect(policy).toEqual({
      rate: 0.3,
      layerRates: [],
      regrowth: 'hard',
      scope: 'uniform',
      merge: 'mean',
      roundTo: 1,
      rounding: 'up',
      minKeep: 1,
      minRate: 0,
      maxRate: 1,
      pattern: { kind: 'none' },
      counting: 'exact',
    });
    expect(completePolicy(policy)).toEqual(policy);
  });

  it.each([
    ['rate', { rate: 1 }, 'in [0, 1)', 1],
    ['minRate', { minRate: -0.1 }, 'in [0, 1)', -0.1],
    ['maxRate', { minRate: 0.3, maxRate: 0.2 }, 'in (minRate 0.3, 1]', 0.2],
    ['layerRates', { layerRates: [{ pattern: 'a', rate: 2 }] }, 'in [0, 1)', 2],
    ['minKeep', { minKeep: 0 }, 'a whole number from 1', 0],
    ['roundTo', { roundTo: 1.5 }, 'a whole number from 1', 1.5],
    ['scope', { minRate: 0.1 }, 'global or adaptive with minRate or maxRate', 'uniform'],
    ['scope', { scope: 'global', counting: 'paper' }, 'uniform with counting paper', 'global'],
  ] as const)(
    'names %s, what it may be and what was received: %j',
    (option, options, allowed, got) => {
      const error = refusalOf(options);
      expect(error).toBeInstanceOf(OptionError);
      expect(error).toMatchObject({ option, allowed, received: got });
    },
  );

  it('asks the method, where one is given', () => {
    const method = new GeometricMedian({ normRate: 0.4 });
    expect(() => completePolicy({ rate: 0.3 }, method)).toThrow(
      'normRate must be at most rate 0.3, got 0.4',
    );
    expect(completePolicy({ rate: 0.4 }, method).rate).toBe(0.4);
  });
});
