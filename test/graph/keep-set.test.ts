import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepAll, keepFromJson, keepToJson, removedUnits, similarity } from '../../graph';
import type { KeepSet } from '../../graph';

const settings = { seed: 1, numRuns: 200 };
const vector = fc
  .array(fc.integer({ min: 0, max: 1 }), { maxLength: 40 })
  .map((flags) => Uint8Array.from(flags));
const part = fc
  .array(fc.tuple(fc.string({ minLength: 1 }), vector), { maxLength: 4 })
  .map((entries) => new Map(entries));
const keepSet: fc.Arbitrary<KeepSet> = fc.record({ groups: part, weights: part });

const groupsOf = (groups: Record<string, number[]>): KeepSet => ({
  groups: new Map(Object.entries(groups).map(([id, kept]) => [id, Uint8Array.from(kept)])),
  weights: new Map(),
});

describe('the JSON of a keep set', () => {
  it('reads back as it was, through text', () => {
    fc.assert(
      fc.property(keepSet, (keep) => {
        const json = JSON.parse(JSON.stringify(keepToJson(keep))) as ReturnType<typeof keepToJson>;
        expect(keepFromJson(json)).toEqual(keep);
      }),
      settings,
    );
  });

  it('packs eight units in a byte, the first in the lowest bit', () => {
    // 1,0,1,1,0,0,0,0 | 1 = 0x0d, 0x01
    const keep = groupsOf({ conv: [1, 0, 1, 1, 0, 0, 0, 0, 1] });
    const packed = Buffer.from([0x0d, 0x01]).toString('base64');
    expect(keepToJson(keep)).toEqual({ groups: { conv: `9:${packed}` }, weights: {} });
  });

  it.each(['', '9', '9:AQ==', '8:AQE=', 'x:AQ==', '8:*', '-1:'])('refuses %j', (text) => {
    expect(() => keepFromJson({ groups: { conv: text }, weights: {} })).toThrow(
      'keep of conv must read "<count>:<base64>"',
    );
  });
});

describe('similarity', () => {
  it('is the share of common removals among all', () => {
    // removed {1, 2} and {2, 3}: one of three
    expect(similarity(groupsOf({ a: [1, 0, 0, 1] }), groupsOf({ a: [1, 1, 0, 0] }))).toBe(1 / 3);
    // what one does not name is whole there
    expect(similarity(groupsOf({ a: [0, 1] }), groupsOf({ b: [0, 1] }))).toBe(0);
    expect(similarity(keepAll, groupsOf({ a: [1, 1] }))).toBe(1);
  });

  it('is 1 with itself, symmetric, and within [0, 1]', () => {
    fc.assert(
      fc.property(keepSet, keepSet, (a, b) => {
        expect(similarity(a, a)).toBe(1);
        expect(similarity(a, b)).toBe(similarity(b, a));
        expect(similarity(a, b)).toBeGreaterThanOrEqual(0);
        expect(similarity(a, b)).toBeLessThanOrEqual(1);
      }),
      settings,
    );
  });
});

it('counts removed units of groups and single weights', () => {
  const weights = new Map([['fc/kernel', Uint8Array.of(0, 0, 1)]]);
  expect(removedUnits({ ...groupsOf({ a: [1, 0], b: [0, 1] }), weights })).toBe(4);
  expect(removedUnits(keepAll)).toBe(0);
});
