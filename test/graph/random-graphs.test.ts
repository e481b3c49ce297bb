import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { useExactBackend } from './fixtures/law';
import { expectLawOf } from './fixtures/obeys-the-law';
import type { Outcome } from './fixtures/obeys-the-law';
import { plans } from './fixtures/random-graph';

beforeAll(useExactBackend);

describe('random networks', () => {
  it('compute hard what they compute masked, or are refused by name', () => {
    const outcomes: Outcome[] = [];
    fc.assert(
      fc.property(plans, (plan) => {
        outcomes.push(expectLawOf(plan));
      }),
      { numRuns: 150, seed: 3, maxSkipsPerRun: 1 },
    );
    // Most networks must really lose channels, or the law above says nothing.
    expect(outcomes.filter(({ removed }) => removed > 0).length).toBeGreaterThan(75);
    expect(outcomes.filter(({ refused }) => refused).length).toBeLessThan(15);
  });
});
