import { describe, expect, it } from 'vitest';
import { Timetable } from '../../../trainer/pruning/timetable';
import type { PruningTimes } from '../../../trainer/pruning/timetable';

function dueIn(times: Omit<PruningTimes, 'atStart'>, units: number): number[] {
  const timetable = new Timetable({ ...times, atStart: false }, units);
  return Array.from({ length: units }, (_, unit) => unit).filter((unit) => timetable.isDue(unit));
}

describe('the timetable of pruning events', () => {
  it.each([
    // from, every, epochs: the epochs that end with an event; the last always does
    [0, 1, 4, [0, 1, 2, 3]],
    [2, 1, 5, [2, 3, 4]],
    [0, 2, 5, [0, 2, 4]],
    [1, 2, 5, [1, 3, 4]],
    [1, 3, 9, [1, 4, 7, 8]],
    [4, 10, 5, [4]],
    [0, 100, 3, [0, 2]],
  ])('is due from %d every %d of %d epochs', (from, every, epochs, expected) => {
    expect(dueIn({ from, every }, epochs)).toEqual(expected);
  });

  it.each([
    [1, 2, 6, 10, [1, 3, 5, 6]],
    [1, 2, 5, 10, [1, 3, 5]],
    [3, 1, 3, 10, [3]],
    [3, 4, 4, 10, [3, 4]],
  ])('from %d every %d until %d of %d', (from, every, until, units, expected) => {
    expect(dueIn({ from, every, until }, units)).toEqual(expected);
    expect(dueIn({ from, every, until, by: 'step' }, units)).toEqual(expected);
  });

  it('knows the progress at each event, and that of the newest one', () => {
    const timetable = new Timetable({ from: 2, every: 3, until: 10, atStart: false }, 20);
    const units = Array.from({ length: 13 }, (_, unit) => unit);
    // events after 2, 5, 8 and 10: progress 0, 3/8, 6/8, 1
    expect([2, 5, 8, 10].map((unit) => timetable.progressAt(unit))).toEqual([0, 0.375, 0.75, 1]);
    expect(units.map((unit) => timetable.newestProgress(unit))).toEqual([
      ...[null, null, 0, 0, 0, 0.375, 0.375, 0.375, 0.75, 0.75, 1, 1],
      1,
    ]);
    expect([...timetable.progresses()]).toEqual([0, 0.375, 0.75, 1]);
    expect(units.filter((unit) => timetable.isFirst(unit))).toEqual([2]);
  });

  it('has one event, and that at progress 1, where from is until', () => {
    const timetable = new Timetable({ from: 3, every: 1, until: 3, atStart: false }, 20);
    expect(timetable.progressAt(3)).toBe(1);
    expect([...timetable.progresses()]).toEqual([1]);
  });

  it('begins before the first epoch where it is told to', () => {
    const timetable = new Timetable({ from: 1, every: 1, atStart: true }, 3);
    expect([...timetable.progresses()]).toEqual([0, 0, 1]);
    expect([-1, 0, 1, 2].map((unit) => timetable.newestProgress(unit))).toEqual([0, 0, 0, 1]);
    expect([timetable.isFirst(-1), timetable.isFirst(1)]).toEqual([true, false]);
  });

  it.each([
    [{ from: 4, every: 1 }, 'pruneAt.from must be below the number of epochs 4'],
    [
      { from: 4, every: 1, by: 'step' as const },
      'pruneAt.from must be below the number of steps 4',
    ],
    [{ from: -1, every: 1 }, 'pruneAt.from must be a whole number from 0, got -1'],
    [{ from: 0, every: 0 }, 'pruneAt.every must be a whole number from 1, got 0'],
    [{ from: 2, every: 1, until: 1 }, 'pruneAt.until must be a whole number from 2, got 1'],
    [{ from: 0, every: 1, until: 4 }, 'pruneAt.until must be below'],
  ])('refuses %o of 4', (times, message) => {
    expect(() => new Timetable({ ...times, atStart: false }, 4)).toThrow(message);
  });
});
