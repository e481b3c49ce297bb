import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { keepAll, keepToJson } from '../../../graph';
import {
  choose,
  chooseUnits,
  completePolicy,
  GeometricMedian,
  NormFilter,
  scoreKernels,
} from '../../../methods';
import type { Choice, Moment, Scores } from '../../../methods';
import { chainGraph, KernelShelf, randomShelf } from '../fixtures';

const graph = chainGraph([8, 6]);
let shelf = new KernelShelf();

beforeAll(async () => {
  await startEngine('cpu');
});
afterEach(() => {
  shelf.dispose();
});

function scoresOf(seed: number): Scores {
  shelf.dispose();
  shelf = randomShelf(graph, seed);
  return scoreKernels(new NormFilter(), { graph, kernel: shelf.read });
}

/** As text, which a later change to the sets would not change. */
const textOf = ({ keep, held }: Choice): string =>
  JSON.stringify([keepToJson(keep), keepToJson(held)]);

describe('choose', () => {
  it('is a function of its arguments: nothing is remembered and nothing changed', () => {
    const [first, second] = [scoresOf(1), scoresOf(2)];
    const policy = completePolicy({ rate: 0.5, regrowth: 'gradual' });
    const half: Moment = { progress: 0.5, rateOf: (rate) => rate };
    const before = choose(graph, first, policy, half);
    const text = textOf(before);
    const after = choose(graph, second, policy, half, before.held);
    expect(textOf(before)).toBe(text);
    expect(textOf(choose(graph, second, policy, half, before.held))).toBe(textOf(after));
    expect(textOf(choose(graph, first, policy, half))).toBe(text);
  });

  it.each([
    ['hard', ({ keep }: Choice) => keep],
    ['soft', () => keepAll],
  ] as const)('holds under %s regrowth all that it removes, or nothing', (regrowth, heldOf) => {
    const choice = choose(graph, scoresOf(1), completePolicy({ rate: 0.5, regrowth }));
    expect(choice.held).toEqual(heldOf(choice));
  });

  it('needs the weights no longer once they are scored', () => {
    const scores = scoresOf(3);
    const policy = completePolicy({ rate: 0.5 });
    const { keep } = choose(graph, scores, policy);
    shelf.dispose();
    expect(choose(graph, scores, policy).keep).toEqual(keep);
  });
});

describe('chooseUnits', () => {
  it('completes the policy, scores and chooses, as the published code counts where that is asked for', () => {
    shelf = randomShelf(graph, 4);
    const network = { graph, kernel: shelf.read };
    const method = new GeometricMedian({ normRate: 0.25 });
    for (const counting of ['exact', 'paper'] as const) {
      const policy = completePolicy({ rate: 0.5, counting }, method);
      const scores = scoreKernels(method, network, { counting });
      const { keep } = choose(graph, scores, policy);
      expect(chooseUnits(network, method, { rate: 0.5, counting })).toEqual(keep);
    }
    expect(() => chooseUnits(network, method, { rate: 0.2 })).toThrow('normRate must be at most');
  });
});
