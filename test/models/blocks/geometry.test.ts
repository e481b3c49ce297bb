import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { adaptivePooling } from '../../../models/blocks/geometry';
import { Parts } from '../../../models/blocks/parts';
import { valuesOf } from '../../tensors';

const parts = new Parts({ inputShape: [8, 8, 1], classes: 2 });

beforeAll(async () => {
  await startEngine('cpu');
});

/** What a layer makes of one row of pixels as an image of that width and height, both axes alike. */
function rowThrough(
  row: readonly number[],
  add: (x: tf.SymbolicTensor) => tf.SymbolicTensor,
): number[] {
  const size = row.length;
  const input = tf.input({ shape: [size, size, 1] });
  const model = tf.model({ inputs: input, outputs: add(input) });
  const image = row.flatMap((y) => row.map((x) => Math.min(x, y)));
  const width = model.outputs[0]!.shape[2]!;
  const [values] = valuesOf(() => [
    model.predict(tf.tensor(image, [1, size, size, 1])) as tf.Tensor,
  ]);
  model.dispose();
  return [...values!.slice(-width)]; // the last row of the output
}

/** PyTorch's rule, read from its documentation: windows one by one over a row padded with -infinity. */
function pooledRow(
  row: readonly number[],
  { size, stride, padding, ceil }: { size: number; stride: number; padding: number; ceil: boolean },
): number[] {
  const round = ceil ? Math.ceil : Math.floor;
  let count = round((row.length + 2 * padding - size) / stride) + 1;
  if (ceil && (count - 1) * stride >= row.length + padding) count--;
  return Array.from({ length: count }, (_, window) => {
    const start = window * stride - padding;
    const inside = row.filter((_, index) => index >= start && index < start + size);
    return Math.max(...inside);
  });
}

describe('max pooling', () => {
  const cases = fc
    .record({
      row: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 3, maxLength: 12 }),
      size: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.integer({ min: 0, max: 1 }),
      ceil: fc.boolean(),
    })
    .filter(({ size, padding }) => 2 * padding <= size); // PyTorch's own condition

  it('sees the windows of PyTorch, in ceil mode too', () => {
    fc.assert(
      fc.property(cases, ({ row, ...windows }) => {
        // The last row of the output belongs to the last window down, whose maximum caps all others.
        const expected = pooledRow(row, windows);
        const cap = expected.at(-1)!;
        const received = rowThrough(row, (x) => parts.maxPooling(x, { name: 'pool', ...windows }));
        expect(received).toEqual(expected.map((value) => Math.min(value, cap)));
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it('refuses a map smaller than its window', () => {
    const x = tf.input({ shape: [8, 2, 1] });
    expect(() => parts.maxPooling(x, { name: 'pool', size: 3, stride: 2 })).toThrow(
      'pool needs a map of at least 3 x 3 with its padding, got 8 x 2',
    );
  });
});

describe('adaptive pooling', () => {
  it('has the windows of PyTorch or none', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (length, target) => {
          const windows = Array.from({ length: target }, (_, i) => [
            Math.floor((i * length) / target),
            Math.ceil(((i + 1) * length) / target),
          ]);
          const pooling = adaptivePooling(length, target);
          const lengths = new Set(windows.map(([start, end]) => end! - start!));
          const gaps = new Set(windows.slice(1).map(([start], i) => start! - windows[i]![0]!));
          if (pooling === null) {
            expect(lengths.size > 1 || gaps.size > 1).toBe(true);
            return;
          }
          const { size, stride, repeat } = pooling;
          const made = Array.from({ length: target }, (_, i) => {
            const start = Math.floor(i / repeat) * stride;
            return [start, start + size];
          });
          expect(made).toEqual(windows);
          expect(length * repeat).toBe((target / repeat - 1) * stride * repeat + size * repeat);
        },
      ),
      { seed: 6, numRuns: 400 },
    );
  });

  it('averages 8 x 8 to 7 x 7 by windows of two that overlap', () => {
    expect(adaptivePooling(8, 7)).toEqual({ size: 2, stride: 1, repeat: 1 });
    const row = [0, 2, 4, 6, 8, 10, 12, 14];
    const means = rowThrough(row, (x) =>
      parts.adaptiveAveragePooling(x, { name: 'mean', size: 7 }),
    );
    // Last output row: rows 12 and 14 of min(x, y), so column means of (x, min(x, 12)) pairs.
    expect(means).toEqual([1, 3, 5, 7, 9, 11, 12.5]);
  });
});

describe('convolution', () => {
  it.each([
    [3, 2, 1],
    [7, 2, 3],
    [11, 4, 2],
    [1, 2, 0],
    [3, 2, 0],
    [5, 1, 2],
  ])('of size %i and stride %i starts %i pixels outside', (size, stride, padding) => {
    const input = tf.input({ shape: [23, 23, 1] });
    const own = new Parts({ inputShape: [23, 23, 1], classes: 2, seed: 4 });
    const name = `conv${size}_${stride}_${padding}`;
    const y = own.convolution(input, { name, filters: 2, size, stride, padding });
    const model = tf.model({ inputs: input, outputs: y });
    const [received, expected] = valuesOf(() => {
      const x = tf.randomNormal<tf.Rank.R4>([1, 23, 23, 1], 0, 1, 'float32', 9);
      const kernel = model.getLayer(name).weights[0]!.read() as tf.Tensor4D;
      return [model.predict(x) as tf.Tensor, tf.conv2d(x, kernel, stride, padding)];
    });
    model.dispose();
    expect([...received!]).toEqual([...expected!]);
    expect(y.shape[1]).toBe(Math.floor((23 + 2 * padding - size) / stride) + 1);
  });
});
