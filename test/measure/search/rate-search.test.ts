import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotPrunableError, keepAll } from '../../../graph';
import { RateLimitError } from '../../../methods/select/limits';
import {
  bisect,
  bisectMeasured,
  rateRange,
  smallestStep,
} from '../../../measure/search/rate-search';

/** Costs that fall with the step: sums of random drops, most of them 0. */
const stairs = fc
  .array(fc.oneof(fc.constant(0), fc.nat(50)), { minLength: 2, maxLength: 200 })
  .map((drops) => {
    let cost = drops.reduce((sum, drop) => sum + drop, 1);
    return drops.map((drop) => (cost -= drop));
  });

describe('smallestStep', () => {
  it('is the first of all steps that meet the demand, as brute force finds it', () => {
    fc.assert(
      fc.property(stairs, fc.nat(3000), (costs, most) => {
        const range = { lowest: 0, highest: costs.length - 1 };
        const first = costs.findIndex((cost) => cost <= most);
        expect(smallestStep(range, (step) => costs[step]! <= most)).toBe(first < 0 ? null : first);
      }),
    );
  });

  it('asks about 20 of a million steps', () => {
    let asked = 0;
    const step = smallestStep({ lowest: 0, highest: 999_999 }, (one) => {
      asked++;
      return one >= 312_500;
    });
    expect(step).toBe(312_500);
    expect(asked).toBeLessThanOrEqual(22); // both ends, and 2^20 > 10^6
  });

  it('ends at a step that meets the demand beside one that does not, whatever the costs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(9), { minLength: 2, maxLength: 99 }),
        fc.nat(9),
        (costs, most) => {
          const isMet = (step: number): boolean => costs[step]! <= most;
          const step = smallestStep({ lowest: 0, highest: costs.length - 1 }, isMet);
          if (step === null) expect(isMet(costs.length - 1)).toBe(false);
          else expect([isMet(step), step > 0 && isMet(step - 1)]).toEqual([true, false]);
        },
      ),
    );
  });
});

describe('bisect', () => {
  it('finds the two neighbours of a change, at once or in time', async () => {
    for (const change of [1, 2, 500, 999]) {
      expect(bisect(0, 1000, (step) => step > change - 1)).toEqual([change - 1, change]);
      const later = (step: number): Promise<boolean> => Promise.resolve(step >= change);
      expect(await bisectMeasured(0, 1000, later)).toEqual([change - 1, change]);
    }
    expect(bisect(4, 5, () => expect.fail('there is nothing between'))).toEqual([4, 5]);
  });
});

describe('rateRange', () => {
  /** A method whose limits leave the rates from `low` to `high`. */
  const within = (low: number, high: number, above: () => Error) => (rate: number) => {
    if (rate < low) throw new RateLimitError('below', rate, 'is too low');
    if (rate > high) throw above();
    return keepAll;
  };
  const limit = (): Error => new RateLimitError('above', 1, 'is over the limit');

  it('is all rates where nothing limits them', () => {
    expect(rateRange(() => keepAll, 1000)).toEqual({ lowest: 0, highest: 999 });
  });

  it('is what the limits leave, a layer without channels among them', () => {
    expect(rateRange(within(0.25, 0.75, limit), 1000)).toEqual({ lowest: 250, highest: 750 });
    const empty = (): Error => new NotPrunableError('add', 'it would be left without channels');
    expect(rateRange(within(0, 0.5, empty), 1000)).toEqual({ lowest: 0, highest: 500 });
  });

  it('passes other errors on, and the limit where it leaves no rate', () => {
    const broken = (): never => {
      throw new RangeError('score 3 of conv/kernel must be finite');
    };
    expect(() => rateRange(broken, 1000)).toThrow('must be finite');
    expect(() => rateRange(within(0, -1, limit), 1000)).toThrow('limit');
    expect(() => rateRange(within(2, 3, limit), 1000)).toThrow(RateLimitError);
  });
});
