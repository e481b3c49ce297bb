import { describe, expect, it } from 'vitest';
import {
  describeChance,
  findChanceLevel,
  findDoubt,
  requireAboveChance,
} from '../../measure/chance';
import { RandomStream } from '../../random/seeds';

/** Labels of which `counts[c]` are of class c. */
function labelled(...counts: number[]): { labels: Uint16Array; count: number } {
  const labels = Uint16Array.from(
    counts.flatMap((count, label) => Array<number>(count).fill(label)),
  );
  return { labels, count: labels.length };
}

const balanced = labelled(...Array<number>(10).fill(100));

describe('an accuracy at chance level', () => {
  it('is at most the share of the largest class and three of its standard errors', () => {
    // 0.1 + 3 sqrt(0.1 * 0.9 / 1000) = 0.12846
    expect(findChanceLevel(0.128, balanced)).toEqual({ top1: 0.128, constant: 0.1, images: 1000 });
    expect(findChanceLevel(0.129, balanced)).toBeNull();
    expect(findChanceLevel(0, balanced)).not.toBeNull();
    // 0.9 + 3 sqrt(0.9 * 0.1 / 1000) = 0.92846
    expect(findChanceLevel(0.92, labelled(900, 50, 50))).toMatchObject({ constant: 0.9 });
    expect(findChanceLevel(0.93, labelled(900, 50, 50))).toBeNull();
  });

  it.each([
    ['too few images', labelled(3, 3, 3)],
    ['too few of the largest class', labelled(...Array<number>(20).fill(9))],
    ['too few of all others', labelled(100, 9)],
    ['one class', labelled(100)],
    ['no images', labelled()],
  ])('is not spoken of with %s', (_, images) => {
    expect(findChanceLevel(0, images)).toBeNull();
  });

  it('is found for answers by lot, nearly always, and not for answers right one time in four', () => {
    const random = new RandomStream(1);
    const byLot = (right: number): number =>
      [...balanced.labels].filter((label) => random.next() < right || random.integer(10) === label)
        .length / balanced.count;
    const runs = Array.from({ length: 400 }, () => byLot(0));
    expect(runs.filter((top1) => !findChanceLevel(top1, balanced)).length).toBeLessThanOrEqual(4);
    const better = Array.from({ length: 400 }, () => byLot(0.15)); // 0.15 + 0.85 / 10 = 0.235
    expect(better.filter((top1) => findChanceLevel(top1, balanced))).toEqual([]);
  });

  it('is a reason to doubt, and so is a loss above that of the shares of the classes', () => {
    // ln 10 = 2.3026
    expect(findDoubt({ top1: 0.21, loss: 2.31 }, balanced)).toMatch(
      /a loss of 2\.31 on 1000 images, .* has 2\.30\. Likely causes: .*inputScale/,
    );
    expect(findDoubt({ top1: 0.21, loss: 2.3 }, balanced)).toBeNull();
    expect(findDoubt({ top1: 0.1, loss: 2.3 }, balanced)).toContain('chance level');
    // -0.9 ln 0.9 - 0.1 ln 0.1 = 0.0948 + 0.2303
    expect(findDoubt({ top1: 0.95, loss: 0.33 }, labelled(900, 100))).toContain('has 0.33.');
    expect(findDoubt({ top1: 0.95, loss: 0.32 }, labelled(900, 100))).toBeNull();
    expect(findDoubt({ top1: 0, loss: 9 }, labelled(3, 3))).toBeNull();
  });

  it('is refused where something is decided by it, with the likely causes', () => {
    expect(() => {
      requireAboveChance('maxDrop', 0.1, balanced);
    }).toThrow(/^maxDrop has nothing to judge by: .* 10\.00 % of 1000 images .*inputScale.*order/);
    expect(() => {
      requireAboveChance('maxDrop', 0.5, balanced);
    }).not.toThrow();
    expect(describeChance({ top1: 0.098, constant: 0.1, images: 1000 })).toContain('9.80 %');
  });
});
