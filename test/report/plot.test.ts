import { describe, expect, it } from 'vitest';
import { dotPlot, linePlot } from '../../report/plot';
import { elementsOf } from './fixtures/xml';

const line = {
  title: 'Accuracy <by> rate & group',
  x: 'rate',
  y: 'accuracy (%)',
  legend: 'group',
  series: [
    {
      name: 'conv1',
      points: [
        { x: 0, y: 90 },
        { x: 0.5, y: 80 },
        { x: 1, y: 40 },
      ],
    },
    {
      name: 'a "quoted" <name>',
      points: [
        { x: 0, y: 90 },
        { x: 1, y: 85 },
      ],
    },
  ],
};

describe('linePlot', () => {
  it('is well-formed SVG with a line for each series and a mark for each point', async () => {
    const elements = elementsOf(await linePlot(line));
    expect(elements[0]).toMatchObject({ name: 'svg' });
    const lines = elements.filter(
      ({ name, attributes }) => name === 'path' && attributes.includes('line mark'),
    );
    expect(lines.map(({ attributes }) => /group: ([^"]*)"/.exec(attributes)![1])).toEqual([
      'conv1',
      'a &quot;quoted&quot; &lt;name&gt;',
    ]);
    const points = elements.filter(({ attributes }) =>
      attributes.includes('roledescription="point"'),
    );
    expect(points).toHaveLength(5);
    const texts = elements.filter(({ name }) => name === 'text').map(({ text }) => text);
    for (const text of [line.title, line.x, line.y, line.legend, 'conv1', 'a "quoted" <name>']) {
      expect(texts).toContain(text);
    }
  });

  it('draws the same text every time', async () => {
    expect(await linePlot(line)).toBe(await linePlot(line));
  });

  it('refuses what it cannot draw', () => {
    expect(() => linePlot({ ...line, series: [] })).toThrow('series must be one or more, got 0');
    const [one] = line.series;
    expect(() => linePlot({ ...line, series: [one!, one!] })).toThrow(
      'series must be named differently, got conv1',
    );
    const series = [{ name: 'n', points: [{ x: 0, y: NaN }] }];
    expect(() => linePlot({ ...line, series })).toThrow('values of n must be finite, got NaN');
  });
});

describe('dotPlot', () => {
  const dots = {
    title: 'runs',
    x: 'error (%)',
    samples: [
      { name: 'dense', values: [8, 9, 10] },
      { name: 'random', values: [20] },
    ],
  };

  it.each(['linear', 'log'] as const)('shows every value and the means, %s', async (scale) => {
    const elements = elementsOf(await dotPlot({ ...dots, scale }));
    const points = elements.filter(({ attributes }) =>
      attributes.includes('roledescription="point"'),
    );
    const valueOf = (attributes: string): string => /: (\d+);/.exec(attributes)![1]!;
    const values = points.map(({ attributes }) => valueOf(attributes));
    expect(values).toEqual(['9', '20', '8', '9', '10', '20']); // the means come first
    const texts = elements.filter(({ name }) => name === 'text').map(({ text }) => text);
    expect(texts).toEqual(expect.arrayContaining(['runs', 'error (%)', 'dense', 'random']));
  });
});
