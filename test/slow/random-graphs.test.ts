import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { useExactBackend } from '../graph/fixtures/law';
import { expectLawOf } from '../graph/fixtures/obeys-the-law';
import type { Outcome } from '../graph/fixtures/obeys-the-law';
import { plans } from '../graph/fixtures/random-graph';

beforeAll(useExactBackend);

describe('random networks', () => {
  it('compute hard what they compute masked, or are refused by name, 2,000 times', () => {
    const outcomes: Outcome[] = [];
    fc.assert(
      fc.property(plans, (plan) => {
        outcomes.push(expectLawOf(plan));
      }),
      { numRuns: 2000, seed: 2000, maxSkipsPerRun: 1 },
    );
    expect(outcomes.filter(({ removed }) => removed > 0).length).toBeGreaterThan(1000);
  }, 1_800_000);
});
