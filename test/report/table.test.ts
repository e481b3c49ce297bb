import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  comparisonTable,
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
    expect(() => formatTable(['a', 'b'], [], { align: ['left'] })).toThrow('needs 2 alignments, got 1');
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

describe('comparisonTable', () => {
  it('shows each measure before and after, and what changed', () => {
    const before = {
      accuracy: 0.9871,
      loss: 0.0412,
      macs: 40_551_040,
      params: 269_722,
      bytes: 1_110_000,
      latencyMs: 4,
    };
    const after = {
      accuracy: 0.9863,
      loss: 0.0455,
      macs: 21_452_994,
      params: 135_000,
      bytes: 560_000,
      latencyMs: 3,
    };
    // 100 * (0.9863 - 0.9871) = -0.08; 0.0455 - 0.0412 = 0.0043; 21452994 / 40551040 = 0.5290;
    // 135000 / 269722 = 0.5005; 560000 / 1110000 = 0.5045; 3 / 4 = 0.75
    expect(comparisonTable(before, after)).toBe(
      [
        '+------------------+---------------+---------------+--------------+',
        '|                  |        before |         after |       change |',
        '+------------------+---------------+---------------+--------------+',
        '| accuracy (top-1) |       98.71 % |       98.63 % | -0.08 points |',
        '| loss             |        0.0412 |        0.0455 |      +0.0043 |',
        '| MACs             |  40.55 M MACs |  21.45 M MACs |      -47.1 % |',
        '| FLOPs (2 x MACs) | 81.10 M FLOPs | 42.91 M FLOPs |      -47.1 % |',
        '| parameters       |       269.7 k |       135.0 k |      -49.9 % |',
        '| size             |      1.110 MB |      560.0 kB |      -49.5 % |',
        '| latency          |       4.00 ms |       3.00 ms |      -25.0 % |',
        '+------------------+---------------+---------------+--------------+',
      ].join('\n'),
    );
  });

  it('shows what the weights take in a file where single weights were removed', () => {
    const none = { accuracy: null, loss: null, macs: 1, params: 1, bytes: 1, latencyMs: 1 };
    const weightFile = { bytes: 1_083_240, gzipBytes: 148_030, sparseBytes: 112_673 };
    const after = comparisonTable(none, { ...none, weightFile });
    // 148030 / 1083240 = 0.13666; 112673 / 1083240 = 0.10402
    expect(after.slice(comparisonTable(none, none).length + 1)).toBe(
      [
        '+---------------------------+----------+----------+',
        '| weights after             |     size |    share |',
        '+---------------------------+----------+----------+',
        '| as stock models have them | 1.083 MB | 100.00 % |',
        '| gzipped                   | 148.0 kB |  13.67 % |',
        '| format sparse             | 112.7 kB |  10.40 % |',
        '+---------------------------+----------+----------+',
        'from single weights a browser gains bytes, not time: it computes with the zeros too',
      ].join('\n'),
    );
  });

  it('says n/a where something was not measured, and gives no sign to no change', () => {
    const some = { accuracy: 0.5, loss: null, macs: 0, params: 10, bytes: null, latencyMs: 1 };
    const rows = comparisonTable(some, { ...some, loss: 1, latencyMs: 1.0001 })
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const change = new Map(rows.map(([, label, , , last]) => [label ?? '', last]));
    expect(Object.fromEntries(change)).toMatchObject({
      'accuracy (top-1)': '0.00 points',
      loss: 'n/a',
      MACs: 'n/a',
      parameters: '0.0 %',
      size: 'n/a',
      latency: '0.0 %',
    });
  });
});
