import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toPrintable, toPrintableJson } from '../../report/printable';
import { wrapText } from '../../report/wrap';

describe('what is shown on a terminal', () => {
  it.each([
    ['conv\u001b[2J\u001b]0;owned\u0007', 'conv?[2J?]0;owned?'],
    ['conv\u009b31m', 'conv?31m'], // the one-byte form of an escape
    ['a\rb', 'a?b'],
    ['a\u202eb', 'a?b'],
    ['two\nlines\tand a tab', 'two\nlines\tand a tab'],
    ['größe 層 é', 'größe 層 é'],
  ])('shows %j as %j', (text, shown) => {
    expect(toPrintable(text)).toBe(shown);
    expect(wrapText(text, Infinity)).toBe(shown);
  });

  it('has in one line no line ends either', () => {
    expect(toPrintable('a\nb\tc', { isLine: true })).toBe('a?b?c');
  });

  it('is the same data where it is JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        const json = JSON.stringify({ name: `${text}\u009b\u202e` });
        const shown = toPrintableJson(json);
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
        expect(JSON.parse(shown)).toEqual(JSON.parse(json));
      }),
    );
  });
});
