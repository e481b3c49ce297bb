import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../../random/seeds';
import { dropLowest, lowest, without } from '../../../methods/select/ranking';

/** Scores with many ties, of both signs, with zeros of both signs. */
function scoresOf(length: number, seed: number): number[] {
  const random = new RandomStream(seed);
  return Array.from({ length }, () => Math.round(random.normal() * 300) / 7 - 0);
}

/** The order by its definition: what was removed before, then the lowest, of equal ones by the rule. */
function ordered(
  scores: ArrayLike<number>,
  ties: 'exact' | 'paper',
  held: Uint8Array | undefined,
): number[] {
  const units = Array.from({ length: scores.length }, (_, unit) => unit);
  const direction = ties === 'exact' ? -1 : 1;
  return units.sort(
    (a, b) => (held?.[a] ?? 1) - (held?.[b] ?? 1) || scores[a]! - scores[b]! || direction * (a - b),
  );
}

// Short lists are sorted by comparison, long ones by their bits.
describe.each([7, 3000])('the lowest of %d scores', (length) => {
  it.each([
    ['float32', (values: number[]) => Float32Array.from(values)],
    ['float64', (values: number[]) => Float64Array.from(values)],
    ['plain', (values: number[]) => values],
  ] as const)(
    'go in the order of score and index: %s',
    (_kind, listOf: (values: number[]) => ArrayLike<number>) => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 1000 }),
          fc.constantFrom('exact' as const, 'paper' as const),
          fc.boolean(),
          fc.nat(length),
          (seed, ties, isHeld, count) => {
            const scores = listOf(scoresOf(length, seed));
            const flags = Uint8Array.from({ length }, (_, unit) => Math.min(1, (unit * seed) % 3));
            const held = isHeld ? flags : undefined;
            const expected = ordered(scores, ties, held).slice(0, count);
            expect([...lowest(scores, count, { ties, held })]).toEqual(expected);
          },
        ),
        { numRuns: 20 },
      );
    },
  );

  it('leave the others, whatever was gone before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom('exact' as const, 'paper' as const),
        fc.boolean(),
        fc.nat(length),
        (seed, ties, isHeld, count) => {
          const scores = Float32Array.from(scoresOf(length, seed));
          const flags = Uint8Array.from({ length }, (_, unit) => Math.min(1, (unit * seed) % 3));
          const held = isHeld ? flags : undefined;
          const gone = lowest(scores, count, { ties, held });
          expect(dropLowest(scores, count, { ties, held })).toEqual(without(length, gone));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes 0 and -0 as equal', () => {
    const zeros = Float32Array.from({ length }, (_, unit) => (unit % 2 ? 0 : -0));
    expect(lowest(zeros, 1)[0]).toBe(length - 1);
    expect(lowest([...zeros], 1, { ties: 'paper' })[0]).toBe(0);
  });
});
