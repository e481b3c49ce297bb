import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatFlops,
  formatMacs,
  formatMilliseconds,
  formatPercent,
  formatTable,
} from '../../report/table';

describe('formatTable', () => {
  it('puts names left and figures right, in plain ASCII', () => {
    const rows = [
      ['conv1', 16],
      ['dense', 640],
    ];
    expect(formatTable(['layer', 'MACs'], rows)).toBe(
      [
        '+-------+------+',
        '| layer | MACs |',
        '+-------+------+',
        '| conv1 |   16 |',
        '| dense |  640 |',
        '+-------+------+',
      ].join('\n'),
    );
  });

  it('shows the head alone where there are no rows', () => {
    expect(formatTable(['layer'], [])).toContain('| layer |');
  });

  it('does not let a name from a file steer the terminal', () => {
    const table = formatTable(['layer'], [['\x1b[31mred\x07\nnext']]);
    expect(table).toContain('| ?[31mred??next |');
  });

  it('refuses a row that does not fit the head', () => {
    expect(() => formatTable(['a', 'b'], [['1', '2'], ['1']])).toThrow(
      'a table of 2 columns needs 2 cells in row 1, got 1',
    );
    expect(() => formatTable(['a', 'b'], [], { align: ['left'] })).toThrow(
      'needs 2 alignments, got 1',
    );
  });

  it('holds every cell, in lines of one width', () => {
    const cell = fc.stringMatching(/^[a-z0-9 .%]{0,12}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 6 }), (rows) => {
        const table = formatTable(['left', 'right'], rows);
        for (const text of rows.flat()) expect(table).toContain(text);
        expect(new Set(table.split('\n').map((line) => line.length)).size).toBe(1);
      }),
      { seed: 1 },
    );
  });
});

describe('numbers with units', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1.000 k'],
    [269_722, '269.7 k'],
    [999_949, '999.9 k'],
    [999_950, '1.000 M'], // four digits: 1,000,000
    [25_557_032, '25.56 M'],
    [4.089e9, '4.089 G'],
    [7e15, '7000 T'],
    [Number.NaN, 'n/a'],
  ])('writes the count %d as %s', (count, written) => {
    expect(formatCount(count)).toBe(written);
  });

  it('names what is counted', () => {
    expect(formatMacs(40_551_040)).toBe('40.55 M MACs');
    expect(formatMacs(640)).toBe('640 MACs');
    expect(formatFlops(2 * 40_551_040)).toBe('81.10 M FLOPs');
    expect([formatBytes(512), formatBytes(278_530)]).toEqual(['512 B', '278.5 kB']);
    expect(formatPercent(0.975)).toBe('97.50 %');
  });

  it.each([
    [0.1234, '0.123 ms'],
    [1.234, '1.23 ms'],
    [12.34, '12.3 ms'],
    [1234.5, '1235 ms'],
    [0, '0.000 ms'],
    [Number.POSITIVE_INFINITY, 'n/a'],
  ])('writes the time %d as %s', (ms, written) => {
    expect(formatMilliseconds(ms)).toBe(written);
  });
});
