import { describe, expect, it } from 'vitest';
import { describeScale, isSameScale, rawScale, readInputScale, withScale } from '../../data';
import type { DataSet, InputScale, LabelledBatch } from '../../data';
import { normalisation } from '../../data/augmentation';
import { evaluationBatches, trainingBatches } from '../../data/batches';
import { toyData } from '../trainer/fixtures/toy-run';

/** What a scale makes of the pixels 0, 51, 204 and 255. */
function made(text: string): number[] {
  const { mean, deviation } = readInputScale(text) as InputScale;
  const table = normalisation(mean, deviation);
  return [0, 51, 204, 255].map((pixel) => table[pixel]!);
}

const near = (values: readonly number[]): unknown[] =>
  values.map((value) => expect.closeTo(value, 6) as unknown);

describe('an input scale', () => {
  it.each([
    ['unit', [0, 0.2, 0.8, 1]],
    ['tf', [-1, -0.6, 0.6, 1]],
    ['raw', [0, 51, 204, 255]],
    ['0.5/0.25', [-2, -1.2, 1.2, 2]],
    [' .2 / 1e-1 ', [-2, 0, 6, 8]],
  ])('%s makes of 0, 51, 204, 255 what it says', (text, values) => {
    expect(made(text)).toEqual(near(values));
  });

  it('leaves whole pixels exactly as they are, where it is raw', () => {
    expect([...normalisation(rawScale.mean, rawScale.deviation)]).toEqual(
      Array.from({ length: 256 }, (_, pixel) => pixel),
    );
  });

  it('takes one number for all channels, or one for each', () => {
    expect(readInputScale('0.485,0.456,0.406/0.229,0.224,0.225')).toEqual({
      mean: [0.485, 0.456, 0.406],
      deviation: [0.229, 0.224, 0.225],
    });
    expect(readInputScale('0.1,0.2/0.5')).toEqual({ mean: [0.1, 0.2], deviation: [0.5, 0.5] });
    expect(readInputScale('auto')).toBe('auto');
    expect(readInputScale('standard')).toBe('standard');
  });

  it.each([
    ['', 'half', 'Unit', '/', '0.5', '0.5/', '/0.5', '0.5/0.5/0.5', '0.5/x', '-0.1/1', 'NaN/1'],
    ['0.5/0', '0,1/1,0', '0.1,0.2/0.1,0.2,0.3', '1e999/1', 'toString', '0x1/1'],
    ['123.675,116.28,103.53/58.395,57.12,57.375', '0/255'], // in pixels
  ])('is none of %s, %s, %s ...', (...texts) => {
    for (const text of texts) expect([text, readInputScale(text)]).toEqual([text, null]);
  });

  it('is said by its name or as its formula', () => {
    const said = (text: string): string => describeScale(readInputScale(text) as InputScale);
    expect(said('0/1')).toBe('unit (pixel / 255)');
    expect(said('0.5,0.5,0.5/0.5')).toBe('tf (pixel / 127.5 - 1)');
    expect(said('raw')).toBe('raw (pixels of 0 to 255)');
    expect(said('0.1,0.2/0.3')).toBe('(pixel / 255 - [0.1, 0.2]) / [0.3, 0.3]');
  });
});

describe('a data set of another scale', () => {
  it('has the same images, fingerprint and test images, which are read when they are asked for', () => {
    const data = toyData();
    const scaled = withScale(data, rawScale);
    expect(data.testReads.count).toBe(0);
    expect(scaled.test.count).toBe(6);
    expect(data.testReads.count).toBe(1);
    const { fingerprint, train, classes } = scaled;
    expect({ fingerprint, train, classes }).toEqual({
      ...{ fingerprint: data.fingerprint, train: data.train, classes: data.classes },
    });
    expect(isSameScale(scaled, data, 1)).toBe(false);
    expect(withScale(data, { mean: [0.3], deviation: [0.2] })).toBe(data);
  });

  it('feeds its pixels, and black where augmentation moves them in from outside', async () => {
    const { augmentation, ...data } = withScale(toyData(), rawScale);
    expect(augmentation.pad).toBe(1);
    const set: DataSet = { ...data, augmentation };
    const order = { seed: 1, epoch: 0, batchSize: 16 };
    const plain = await valuesOf(trainingBatches(set, { ...order, augment: false }));
    expect(plain.every((value) => Number.isInteger(value) && value >= 0 && value < 256)).toBe(true);
    const moved = await valuesOf(trainingBatches(set, { ...order, augment: true }));
    const zeros = (values: number[]): number => values.filter((value) => value === 0).length;
    expect(zeros(moved)).toBeGreaterThan(zeros(plain) + 20); // whole rows and columns
    const tested = await valuesOf(evaluationBatches(set.train, set, 4));
    expect(tested).toEqual([...set.train.pixels]);
  });
});

async function valuesOf(
  batches: AsyncIterable<LabelledBatch & { dispose(): void }>,
): Promise<number[]> {
  const values: number[] = [];
  for await (const batch of batches) {
    values.push(...batch.images.dataSync());
    batch.dispose();
  }
  return values;
}
