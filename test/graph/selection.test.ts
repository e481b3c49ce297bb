import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../errors';
import { startEngine } from '../../backend/engine';
import { ChannelGraph } from '../../graph';
import type { Selection } from '../../graph';

let model: tf.LayersModel;

beforeAll(async () => {
  await startEngine('cpu');
  // conv1 and conv2 are added up; block/conv3 is inside a nested model
  const input = tf.input({ shape: [4, 4, 2] });
  const conv = (name: string, x: tf.SymbolicTensor): tf.SymbolicTensor =>
    tf.layers.conv2d({ name, filters: 3, kernelSize: 1 }).apply(x) as tf.SymbolicTensor;
  const sum = tf.layers.add().apply([conv('conv1', input), conv('conv2', input)]);
  const inside = tf.input({ shape: [4, 4, 3] });
  const block = tf.model({ inputs: inside, outputs: conv('conv3', inside), name: 'block' });
  const x = conv('conv4', block.apply(sum) as tf.SymbolicTensor);
  const flat = tf.layers.flatten().apply(x);
  const outputs = tf.layers.dense({ name: 'fc', units: 2 }).apply(flat) as tf.SymbolicTensor;
  model = tf.model({ inputs: input, outputs });
});

afterAll(() => {
  model.dispose();
});

const frozen = (selection: Selection): Record<string, string | null> =>
  Object.fromEntries(
    ChannelGraph.of(model, selection).groups.map(({ id, frozen }) => [id, frozen]),
  );

describe('selection of layers', () => {
  it('takes every group without a rule', () => {
    const expected = { conv1: null, 'block/conv3': null, conv4: null, fc: 'model output' };
    expect(frozen({})).toEqual(expected);
  });

  it('skips a group with any of its producers', () => {
    expect(frozen({ skip: ['conv2'] })).toMatchObject({
      conv1: 'conv2 is skipped (skip)',
      'block/conv3': null,
      conv4: null,
    });
  });

  it('takes only groups with a producer that matches', () => {
    expect(frozen({ only: ['conv2', 'conv4'] })).toEqual({
      conv1: null,
      'block/conv3': 'not selected (only)',
      conv4: null,
      fc: 'model output',
    });
  });

  it('lets skip win over only', () => {
    expect(frozen({ only: ['conv*'], skip: ['conv4'] })).toMatchObject({
      conv1: null,
      'block/conv3': 'not selected (only)', // * does not cross a slash
      conv4: 'conv4 is skipped (skip)',
    });
  });

  it('reads ** across names and ? as one character', () => {
    expect(frozen({ skip: ['**conv3'] })['block/conv3']).toBe('block/conv3 is skipped (skip)');
    expect(frozen({ skip: ['conv?'] })).toMatchObject({
      conv1: 'conv1 is skipped (skip)',
      'block/conv3': null,
      conv4: 'conv4 is skipped (skip)',
    });
  });

  it('reads every other character as itself', () => {
    expect(() => frozen({ skip: ['conv.'] })).toThrow('skip conv. matches no layer');
    expect(() => frozen({ skip: ['(conv4)'] })).toThrow('skip (conv4) matches no layer');
  });

  it('refuses a rule that matches nothing, with the names there are', () => {
    expect(() => frozen({ only: ['conv4', 'layer9'] })).toThrow(
      new OptionError({
        option: 'only',
        problem:
          'layer9 matches no layer that has filters; there are conv1, conv2, block/conv3, conv4, fc',
      }),
    );
    expect(() => frozen({ skip: ['CONV1'] })).toThrow('skip CONV1 matches no layer');
  });

  it('reads class: as a glob of class names', () => {
    expect(frozen({ skip: ['class:Conv2D'] })).toMatchObject({
      conv1: 'conv1 is skipped (skip)',
      conv4: 'conv4 is skipped (skip)',
      fc: 'model output',
    });
    expect(frozen({ only: ['class:Conv*'] })).toMatchObject({ conv1: null, conv4: null });
    expect(() => frozen({ only: ['class:Conv3D'] })).toThrow(
      'only class:Conv3D matches no layer that has filters; there are Conv2D, Dense',
    );
  });

  it('reads role: as what a layer is to its block', () => {
    const roles = new Map([
      ['conv1', 'block.out'],
      ['block/conv3', 'block.inner'],
    ]);
    expect(frozen({ roles, only: ['role:block.inner'] })).toMatchObject({
      conv1: 'not selected (only)',
      'block/conv3': null,
      conv4: 'not selected (only)',
    });
    expect(frozen({ roles, skip: ['role:*'] })).toMatchObject({
      conv1: 'conv1 is skipped (skip)',
      'block/conv3': 'block/conv3 is skipped (skip)',
      conv4: null, // has no role, which is none that matches
    });
    expect(() => frozen({ roles, skip: ['role:block.downsample'] })).toThrow(
      'skip role:block.downsample matches no layer that has filters; there are block.out, block.inner',
    );
    expect(() => frozen({ skip: ['role:block.inner'] })).toThrow('none of them has a role');
  });

  it('selects kernels for single weights layer by layer, without what their filters are tied to', () => {
    const kernels = (selection: Selection): readonly string[] =>
      ChannelGraph.of(model, selection).kernels;
    const all = ['conv1/kernel', 'conv2/kernel', 'block/conv3/kernel', 'conv4/kernel', 'fc/kernel'];
    expect(kernels({})).toEqual(all);
    expect(kernels({ skip: ['conv2'] })).toEqual(all.filter((name) => name !== 'conv2/kernel'));
    expect(kernels({ only: ['conv2', 'fc'] })).toEqual(['conv2/kernel', 'fc/kernel']);
  });
});
