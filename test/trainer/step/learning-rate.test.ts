import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { constant, cosine, multiStep } from '../../../trainer/step/learning-rate';

interface Case {
  readonly name: string;
  readonly base: number;
  readonly warmup: number;
  readonly epochs: number;
  readonly rates: readonly number[];
  readonly milestones?: readonly number[];
  readonly gamma?: number;
  readonly min?: number;
}

/** Made by PyTorch's schedulers: test/golden/make_schedules.py. */
const golden = JSON.parse(
  readFileSync(join(__dirname, '..', '..', 'golden', 'schedules.json'), 'utf8'),
) as { readonly learningRates: { readonly cases: readonly Case[] } };

describe('learning rates', () => {
  it.each(golden.learningRates.cases)('follow PyTorch: $name', (schedule) => {
    const { base, warmup, epochs, rates, milestones, gamma, min } = schedule;
    const rate = milestones
      ? multiStep({ base, warmup, milestones, gamma: gamma! })
      : cosine({ base, warmup, total: epochs, least: min! });
    expect(rates).toHaveLength(epochs);
    rates.forEach((expected, epoch) => {
      // PyTorch multiplies its way from epoch to epoch; the closed form differs in the last digits.
      expect(Math.abs(rate(epoch) - expected)).toBeLessThanOrEqual(1e-9 * base);
    });
  });

  it('stay where they are, after a warm-up', () => {
    const rate = constant({ base: 0.4, warmup: 4 });
    // 0.4 * 1/4, 0.4 * 2/4, 0.4 * 3/4, 0.4 * 4/4, 0.4, ...
    expect([0, 1, 2, 3, 4, 1000].map(rate)).toEqual([0.1, 0.2, 0.30000000000000004, 0.4, 0.4, 0.4]);
    expect(constant({ base: 0.4 })(0)).toBe(0.4);
  });

  it('count steps as well as epochs', () => {
    const rate = multiStep({ base: 1, milestones: [30, 60], gamma: 0.1 });
    expect([29, 30, 59, 60].map(rate)).toEqual([1, 0.1, 0.1, 0.1 ** 2]);
    const half = cosine({ base: 1, warmup: 10, total: 110 });
    // Right after the warm-up cos(0) = 1; in the middle of the rest cos(pi / 2) = 0.
    expect(half(10)).toBe(1);
    expect(half(60)).toBeCloseTo(0.5, 12);
    expect(half(110)).toBe(0);
  });
});
