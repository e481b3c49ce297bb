import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
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

describe('a table on a terminal', () => {
  const head = ['layer', 'class', 'MACs', 'activation bytes'];
  const rows = [
    ['block1/branch2/depthwise_conv', 'DepthwiseConv2D', '1,234,567', '65,536'],
    ['head', 'Dense', '640', '40'],
  ];
  const align = ['left', 'left', 'right', 'right'] as const;
  const widthOf = (table: string): number =>
    Math.max(...table.split('\n').map((line) => line.length));

  it('is as it is where there is room, or no terminal', () => {
    const whole = formatTable(head, rows, { align });
    expect(formatTable(head, rows, { align, columns: widthOf(whole), giveUp: ['class'] })).toBe(
      whole,
    );
  });

  it('takes more lines for heads first, then gives columns up, then shortens names', () => {
    const fitted = (columns: number): string =>
      formatTable(head, rows, { align, columns, giveUp: ['class', 'activation bytes'] });
    expect(fitted(76)).toContain('activation |');
    expect(fitted(76)).toContain('DepthwiseConv2D');
    expect(fitted(60)).not.toContain('DepthwiseConv2D');
    expect(fitted(60)).toContain('65,536');
    expect(fitted(60)).toContain('not shown in 60 columns: class (JSON has them)');
    expect(fitted(30).split('\n').slice(0, 5)).toEqual([
      '+----------------+-----------+',
      '| layer          |      MACs |',
      '+----------------+-----------+',
      '| block1..e_conv | 1,234,567 |',
      '| head           |       640 |',
    ]);
  });

  it('goes on below where its figures have no room, and loses none', () => {
    const rates = ['group', '0', '0.1', '0.2', '0.3', '0.4', '0.5'];
    const accuracies = [['conv1', ...rates.slice(1).map((rate) => `9${rate.at(-1)!}.00`)]];
    const table = formatTable(rates, accuracies, { columns: 30 });
    expect(widthOf(table)).toBeLessThanOrEqual(30);
    for (const text of [...rates, ...accuracies.flat()]) expect(table).toContain(text);
    expect(table.match(/conv1/g)!.length).toBeGreaterThan(1);
  });

  it('fits any terminal from 60 columns on, whatever the names', () => {
    const name = fc.stringMatching(/^[a-z0-9_/]{1,80}$/);
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, words), { maxLength: 5 }),
        fc.integer({ min: 60, max: 120 }),
        (given, columns) => {
          const cells = given.map(([id, state]) => [id, '1,000,000', state.join(' ')]);
          const heads = ['group', 'MACs', 'state'];
          const table = formatTable(heads, cells, { align: ['left', 'right', 'left'], columns });
          expect(widthOf(table)).toBeLessThanOrEqual(columns);
        },
      ),
      { seed: 1 },
    );
  });
});
