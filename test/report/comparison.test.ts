import { describe, expect, it } from 'vitest';
import { comparisonTable } from '../../report/comparison';
import type { Measures } from '../../report/comparison';

const latency = (median: number, spread = 0): Measures['latency'] => ({ median, spread, runs: 30 });

const nothing: Measures = {
  ...{ accuracy: null, loss: null, macs: 1, params: 1, bytes: 1, latency: latency(1) },
};

/** The last cell of each row by the first. */
function changes(before: Measures, after: Measures): Record<string, string> {
  const networks = [
    { name: 'dense', measures: before },
    { name: 'exported', measures: after },
  ];
  const rows = comparisonTable(networks)
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  return Object.fromEntries(rows.map((cells) => [cells[1] ?? '', cells.at(-2) ?? '']));
}

describe('comparisonTable', () => {
  it('shows each measure of each network, and what changed from the first to the last', () => {
    const dense = {
      accuracy: 0.9871,
      loss: 0.0412,
      macs: 40_551_040,
      params: 269_722,
      bytes: 1_110_000,
      latency: latency(4, 0.1),
    };
    const masked = { ...dense, accuracy: 0.9863, loss: 0.0455, latency: latency(4.05, 0.2) };
    const exported = {
      ...masked,
      macs: 21_452_994,
      params: 135_000,
      bytes: 560_000,
      latency: latency(3, 0.05),
    };
    const networks = [
      { name: 'dense', measures: dense },
      { name: 'masked', measures: masked },
      { name: 'exported', measures: exported },
    ];
    // 100 * (0.9863 - 0.9871) = -0.08; 0.0455 - 0.0412 = 0.0043; 21452994 / 40551040 = 0.5290;
    // 135000 / 269722 = 0.5005; 560000 / 1110000 = 0.5045; 3 / 4 = 0.75
    expect(comparisonTable(networks)).toBe(
      [
        '+------------------+-------------+-------------+-------------+--------------+',
        '|                  |       dense |      masked |    exported |       change |',
        '+------------------+-------------+-------------+-------------+--------------+',
        '| accuracy (top-1) |     98.71 % |     98.63 % |     98.63 % | -0.08 points |',
        '| loss             |      0.0412 |      0.0455 |      0.0455 |      +0.0043 |',
        '| MACs             |     40.55 M |     40.55 M |     21.45 M |      -47.1 % |',
        '| FLOPs (2 x MACs) |     81.10 M |     81.10 M |     42.91 M |      -47.1 % |',
        '| parameters       |     269.7 k |     269.7 k |     135.0 k |      -49.9 % |',
        '| size             |    1.110 MB |    1.110 MB |    560.0 kB |      -49.5 % |',
        '| latency (ms)     | 4.00+/-0.10 | 4.05+/-0.20 | 3.00+/-0.05 |      -25.0 % |',
        '+------------------+-------------+-------------+-------------+--------------+',
      ].join('\n'),
    );
  });

  it('shows what the weights take in a file where single weights were removed', () => {
    const weightFile = { bytes: 1_083_240, gzipBytes: 148_030, sparseBytes: 112_673 };
    const plain = comparisonTable([{ name: 'exported', measures: nothing }]);
    const table = comparisonTable([{ name: 'exported', measures: { ...nothing, weightFile } }]);
    // 148030 / 1083240 = 0.13666; 112673 / 1083240 = 0.10402
    expect(table.slice(plain.length + 1)).toBe(
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
    const some = { ...nothing, accuracy: 0.5, macs: 0, params: 10, bytes: null };
    expect(changes(some, { ...some, loss: 1 })).toMatchObject({
      'accuracy (top-1)': '0.00 points',
      loss: 'n/a',
      MACs: 'n/a',
      parameters: '0.0 %',
      size: 'n/a',
    });
  });

  it('compares with the first that was measured where there is none before pruning', () => {
    const table = comparisonTable([
      { name: 'dense', measures: null },
      { name: 'masked', measures: { ...nothing, params: 10 } },
      { name: 'exported', measures: { ...nothing, params: 5 } },
    ]);
    expect(table).toMatch(/parameters +\| +n\/a \| +10 \| +5 \| +-50\.0 %/);
  });

  it.each([
    [latency(4, 0.3), latency(4.2, 0.1), 'same'],
    [latency(4, 0.1), latency(3.8, 0.3), 'same'],
    [latency(4, 0.1), latency(3.8, 0.1), '-5.0 %'],
    [latency(4), latency(4), 'same'],
    [null, latency(4), 'n/a'],
  ])(
    'calls %j beside %j %s: what lies within the spread is no difference',
    (one, other, change) => {
      const compared = changes({ ...nothing, latency: one }, { ...nothing, latency: other });
      expect(compared['latency (ms)']).toBe(change);
    },
  );
});
