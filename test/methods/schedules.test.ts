import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schedules, startingAt } from '../../methods';
import type { ScheduleId } from '../../methods';

interface Case {
  readonly schedule: ScheduleId;
  readonly final: number;
  readonly initial: number;
  readonly rates: readonly number[];
}

const golden = JSON.parse(
  readFileSync(join(__dirname, '..', 'golden', 'pruning-schedules.json'), 'utf8'),
) as { readonly cases: readonly Case[] };

/** The script solves for its coefficients by a linear system, to about this much. */
const SOLVED = 1e-12;

const rising = (Object.keys(schedules) as ScheduleId[]).filter((id) => id !== 'one-shot');

describe('pruning schedules', () => {
  it.each(golden.cases)(
    '$schedule from $initial to $final has the rates of its source',
    ({ schedule, final, initial, rates }) => {
      const at = startingAt(schedules[schedule], initial);
      rates.forEach((rate, index) => {
        expect(Math.abs(at(final, index / 8) - rate)).toBeLessThan(SOLVED);
      });
    },
  );

  it('have golden rates, all but the one whose single event needs none', () => {
    expect(new Set(golden.cases.map(({ schedule }) => schedule))).toEqual(new Set(rising));
  });

  it('one-shot removes everything at its single event and has no other', () => {
    expect(schedules['one-shot'](0.3, 1, 0)).toBe(0.3);
    expect(() => schedules['one-shot'](0.3, 0.5, 0)).toThrow('single event (until must be from)');
  });

  it('geometric removes the same fraction of what is left in each round', () => {
    const left = [0, 1, 2, 3, 4].map((round) => 1 - schedules.geometric(0.9, round / 4, 0));
    for (const round of [1, 2, 3, 4]) {
      expect(left[round]! / left[round - 1]!).toBeCloseTo(0.1 ** (1 / 4), 12);
    }
  });

  it('asymptotic has gone three quarters of its way after an eighth of the time', () => {
    expect(schedules.asymptotic(0.4, 1 / 8, 0)).toBeCloseTo(0.3, 12); // 3/4 r, as published
    expect(schedules.asymptotic(0.4, 1 / 8, 0.2)).toBeCloseTo(0.35, 12); // 0.2 + 3/4 * 0.2
  });

  it.each(rising)('%s rises from its start to exactly the final rate, and never beyond', (id) => {
    const fraction = fc.double({ min: 0, max: 0.999, noNaN: true });
    const progress = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fraction, fraction, progress, progress, (final, initial, one, other) => {
        const at = startingAt(schedules[id], initial);
        const [early, late] = [at(final, Math.min(one, other)), at(final, Math.max(one, other))];
        expect(early).toBeGreaterThanOrEqual(0);
        expect(late).toBeGreaterThanOrEqual(early - 1e-15); // a curve may round its last digit
        expect(late).toBeLessThanOrEqual(final);
        expect(at(final, 1)).toBe(final);
      }),
    );
  });

  it('begins at the final rate where that is below the initial one', () => {
    const at = startingAt(schedules.polynomial, 0.2);
    expect(at(0.5, 0)).toBeCloseTo(0.2, 12);
    expect([0, 0.3, 1].map((progress) => at(0.1, progress))).toEqual([0.1, 0.1, 0.1]);
    expect(at(0, 0)).toBe(0); // a layer that is to stay whole stays whole
  });

  it.each([-0.1, 1, NaN])('refuses the initial rate %d', (initial) => {
    expect(() => startingAt(schedules.linear, initial)).toThrow('initialRate must be in [0, 1)');
  });
});
