import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation, RandomStream, seedOf } from '../../random/seeds';

describe('seedOf', () => {
  it('is the same for the same key and differs when one part differs', () => {
    expect(seedOf('order', 1, 0)).toBe(seedOf('order', 1, 0));
    const seeds = [0, 1, 2, 3].map((epoch) => seedOf('order', 1, epoch));
    expect(new Set(seeds).size).toBe(4);
    expect(seedOf('a', 'bc')).not.toBe(seedOf('ab', 'c'));
  });

  it('is never 0, which tfjs reads as "no seed"', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer(), (name, seed) => {
        const value = seedOf(name, seed);
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThan(2 ** 31);
      }),
      { seed: 1 },
    );
  });
});

describe('permutation', () => {
  it('holds each index once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer(), (count, seed) => {
        expect([...permutation(count, seed)].sort((a, b) => a - b)).toEqual(
          Array.from({ length: count }, (_, index) => index),
        );
      }),
      { seed: 1 },
    );
  });
});

describe('RandomStream', () => {
  it('has the mean 1/2 and variance 1/12 of the uniform distribution', () => {
    const random = new RandomStream(7);
    const draws = Array.from({ length: 20_000 }, () => random.next());
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length;
    expect(mean).toBeCloseTo(0.5, 2); // standard error sqrt(1 / 12 / 20000) = 0.002
    expect(variance).toBeCloseTo(1 / 12, 2);
  });

  it('has the mean 0 and variance 1 of the standard normal distribution', () => {
    const random = new RandomStream(7);
    const draws = Array.from({ length: 20_000 }, () => random.normal());
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    const square = draws.reduce((sum, draw) => sum + draw * draw, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.03); // standard error 0.007
    expect(Math.abs(square - 1)).toBeLessThan(0.05); // standard error sqrt(2 / 20000) = 0.01
  });
});
