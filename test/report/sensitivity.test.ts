import { describe, expect, it } from 'vitest';
import {
  sensitivityCsv,
  sensitivityPlot,
  sensitivityTable,
  tolerableRates,
} from '../../report/sensitivity';
import type { Sensitivity } from '../../report/sensitivity';
import { elementsOf } from './fixtures/xml';

const sizes = { removed: 1, loss: 0.5, macs: 90, params: 9 };
const group = (id: string, layers: string[], accuracies: readonly number[]) => ({
  id,
  layers,
  units: 4,
  points: accuracies.map((accuracy, index) => ({
    rate: [0.25, 0.5, 0.75][index]!,
    accuracy,
    ...sizes,
  })),
});

const scan: Sensitivity = {
  images: 100,
  whole: { loss: 0.25, accuracy: 0.9, macs: 100, params: 10 },
  groups: [
    group('conv1', ['conv1', 'conv3'], [0.9, 0.89, 0.5]),
    group('a,b', ['a,b'], [0.8, 0.9, 0.9]),
  ],
};

describe('tolerableRates', () => {
  it('takes the highest rate up to which every one stays within the tolerance', () => {
    // conv1 loses 0, 1, 40 points; a,b loses 10, 0, 0: its higher rates do not count, the lowest fails
    expect(tolerableRates(scan, 1)).toEqual({ conv1: 0.5, 'a,b': 0 });
    expect(tolerableRates(scan, 0.99)).toEqual({ conv1: 0.25, 'a,b': 0 });
    expect(tolerableRates(scan, 10)).toEqual({ conv1: 0.5, 'a,b': 0.75 });
    expect(tolerableRates(scan, 40)).toEqual({ conv1: 0.75, 'a,b': 0.75 });
  });

  it('gives groups that share a layer the lowest of their rates, over several hands', () => {
    const groups = [
      group('one', ['x', 'y'], [0.9, 0.9, 0.9]),
      group('two', ['y', 'z'], [0.9, 0.9, 0.5]),
      group('three', ['z'], [0.9, 0.5, 0.5]),
      group('four', ['w'], [0.9, 0.9, 0.9]),
    ];
    expect(tolerableRates({ ...scan, groups }, 1)).toEqual({ x: 0.25, y: 0.25, z: 0.25, w: 0.75 });
  });
});

describe('the forms of a scan', () => {
  it('are CSV with the whole network first, quoted where it must be', () => {
    expect(sensitivityCsv(scan).split('\n').slice(0, 2)).toEqual([
      'group,layers,rate,removed,units,loss,accuracy,drop,macs,params',
      ',,0,0,,0.25,0.9,0,100,10',
    ]);
    expect(sensitivityCsv(scan).split('\n')[5]).toMatch(
      /^"a,b","a,b",0.25,1,4,0.5,0.8,9.99\d*,90,9$/,
    );
  });

  it('are a table in percent', () => {
    expect(sensitivityTable(scan)).toMatch(
      /\| conv1 +\| +4 \| 90.00 \| 90.00 \| 89.00 \| 50.00 \|/,
    );
  });

  it('are a plot with a line for each group, from the whole network on', async () => {
    const elements = elementsOf(await sensitivityPlot(scan));
    const lines = elements.filter(
      ({ name, attributes }) => name === 'path' && attributes.includes('line mark'),
    );
    expect(lines).toHaveLength(2);
    const points = elements.filter(({ attributes }) =>
      attributes.includes('roledescription="point"'),
    );
    expect(points).toHaveLength(2 * 4);
  });
});
