import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChannelClasses } from '../../graph/channels';

const settings = { seed: 1, numRuns: 100 };
const size = 12;
const member = fc.nat(size - 1);
const links = fc.array(fc.tuple(member, member), { maxLength: 20 });

function classesOf(pairs: readonly (readonly [number, number])[]): ChannelClasses {
  const classes = new ChannelClasses();
  classes.create(size);
  for (const [a, b] of pairs) classes.unite([a], [b]);
  return classes;
}

/** The same partition by repeated relabelling, without a forest. */
function labelsOf(pairs: readonly (readonly [number, number])[]): number[] {
  const labels = Array.from({ length: size }, (_, index) => index);
  for (const [a, b] of pairs) {
    const [from, to] = [labels[a]!, labels[b]!];
    labels.forEach((label, index) => {
      if (label === from) labels[index] = to;
    });
  }
  return labels;
}

describe('channel classes', () => {
  it('are the finest partition in which united channels are together', () => {
    fc.assert(
      fc.property(links, member, member, (pairs, a, b) => {
        const classes = classesOf(pairs);
        const labels = labelsOf(pairs);
        expect(classes.find(a) === classes.find(b)).toBe(labels[a] === labels[b]);
      }),
      settings,
    );
  });

  it('do not depend on the order of the unions', () => {
    fc.assert(
      fc.property(links, (pairs) => {
        const roots = (of: ChannelClasses): number[] =>
          Array.from({ length: size }, (_, index) => of.find(index));
        const turned = [...pairs].reverse().map(([a, b]) => [b, a] as const);
        expect(roots(classesOf(turned))).toEqual(roots(classesOf(pairs)));
      }),
      settings,
    );
  });

  it('have representatives that represent themselves and belong to the class', () => {
    fc.assert(
      fc.property(links, member, (pairs, a) => {
        const classes = classesOf(pairs);
        const root = classes.find(a);
        expect(classes.find(root)).toBe(root);
        expect(labelsOf(pairs)[root]).toBe(labelsOf(pairs)[a]);
      }),
      settings,
    );
  });

  it('are closed as a whole, whether they are closed before or after they unite', () => {
    fc.assert(
      fc.property(links, links, fc.uniqueArray(member), (before, after, closed) => {
        const classes = classesOf(before);
        classes.close(closed, 'why');
        for (const [a, b] of after) classes.unite([a], [b]);
        const labels = labelsOf([...before, ...after]);
        const shut = new Set(closed.map((index) => labels[index]));
        for (let index = 0; index < size; index++) {
          expect(classes.reason(index)).toBe(shut.has(labels[index]) ? 'why' : undefined);
        }
      }),
      settings,
    );
  });

  it('keep the first reason', () => {
    const classes = classesOf([[0, 1]]);
    classes.close([1], 'first');
    classes.close([0], 'second');
    expect(classes.reason(0)).toBe('first');
  });

  it('come silent and new', () => {
    const classes = new ChannelClasses();
    expect(classes.create(2)).toEqual({ classes: [0, 1], silent: [true, true] });
    expect(classes.create(1).classes).toEqual([2]);
  });

  it('cannot unite tensors of different widths', () => {
    expect(() => {
      classesOf([]).unite([0, 1], [2]);
    }).toThrow('coupled tensors must have equal channels, got 2 and 1');
  });
});
