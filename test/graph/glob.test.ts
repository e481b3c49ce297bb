import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGlob } from '../../graph/glob';

describe('createGlob', () => {
  it.each([
    ['conv1', 'conv1', true],
    ['conv1', 'conv10', false],
    ['conv*', 'conv10', true],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['?', '', false],
    ['conv?', 'conv', false],
    ['conv?', 'convé', true],
    ['*', 'enc/conv', false],
    ['**', 'enc/conv', true],
    ['enc/*', 'enc/conv', true],
    ['enc?conv', 'enc/conv', false],
    ['**/conv', 'a/b/conv', true],
    ['***', 'a/b', true],
    ['a.c', 'abc', false],
    ['a+(b)[c]', 'a+(b)[c]', true],
    ['*b*', 'abc', true],
    ['*a*b', 'xaybzb', true],
  ])('%j takes %j: %s', (pattern, name, expected) => {
    expect(createGlob(pattern)(name)).toBe(expected);
  });

  it('means what a regular expression of it means', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 8 });
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?', '.'), maxLength: 6 });
    fc.assert(
      fc.property(glob, text, (pattern, name) => {
        const source = pattern
          .replaceAll('.', '\\.')
          .replace(/\*\*|\*|\?/g, (part) => ({ '**': '.*', '*': '[^/]*', '?': '[^/]' })[part]!);
        expect(createGlob(pattern)(name)).toBe(new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 500 },
    );
  });

  it('answers at once whatever the number of stars: a backtracking matcher would take hours', () => {
    const name = 'a'.repeat(5_000);
    expect(createGlob(`${'*a'.repeat(100)}b`)(name)).toBe(false);
    expect(createGlob(`${'**a'.repeat(100)}*`)(name)).toBe(true);
  });
});
