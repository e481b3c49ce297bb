import { describe, expect, it } from 'vitest';
import { kebab, nearest } from '../../config/nearest';

const names = ['rate', 'norm-rate', 'learning-rate', 'batch-size', 'epochs', 'seed', 'resume'];

describe('nearest', () => {
  it.each([
    ['raet', 'rate'], // one swap
    ['rat', 'rate'], // one insertion
    ['epoch', 'epochs'],
    ['learningRate', 'learning-rate'],
    ['BATCH_SIZE', 'batch-size'],
    ['leraning-rat', 'learning-rate'], // a swap and an insertion
  ])('takes %s for %s', (typed, name) => {
    expect(nearest(typed, names)).toBe(name);
  });

  it.each(['colour', 'x', '', '__proto__', 'r'.repeat(100_000)])(
    'takes %.20j for nothing',
    (typed) => {
      expect(nearest(typed, names)).toBeNull();
    },
  );

  it('prefers the first of equally near names', () => {
    expect(nearest('cat', ['car', 'bat'])).toBe('car');
  });
});

describe('kebab', () => {
  it('spells a key as the command line does', () => {
    expect(['rate', 'learningRate', 'lrDecay', 'roundTo'].map(kebab)).toEqual([
      'rate',
      'learning-rate',
      'lr-decay',
      'round-to',
    ]);
  });
});
