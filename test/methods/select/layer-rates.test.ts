import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import type { ChannelGraph } from '../../../graph';
import { OptionError } from '../../../errors';
import { chooseUnits, completePolicy, NormFilter, NormWeight } from '../../../methods';
import type { PolicyOptions } from '../../../methods';
import { Chooser, chainGraph, pairGraph } from '../fixtures';

beforeAll(() => startEngine('cpu'));

/** Kernels whose values grow with their index: the first filters have the smallest norms. */
function kernelOf(graph: ChannelGraph): (name: string) => tf.Tensor {
  return (name) => {
    const shape = [...graph.weightShapes.get(name)!];
    const size = tf.util.sizeFromShape(shape);
    return tf.tensor(
      Array.from({ length: size }, (_, index) => index + 1),
      shape,
    );
  };
}

/** What stays of each group of a network under the options. */
function kept(graph: ChannelGraph, options: PolicyOptions): Record<string, number> {
  return tf.tidy(() => {
    const keep = chooseUnits(
      { graph, kernel: kernelOf(graph) },
      new NormFilter({ norm: 'l1' }),
      options,
    );
    return Object.fromEntries(
      [...keep.groups].map(([id, vector]) => [id, vector.reduce((sum, stays) => sum + stays, 0)]),
    );
  });
}

describe('rates of single layers', () => {
  it('take the place of the common rate where a rule names the layer', () => {
    const graph = chainGraph([8, 8, 10]);
    const layerRates = [
      { pattern: 'conv1', rate: 0 },
      { pattern: 'conv2', rate: 0.3 },
    ];
    // 8 - floor(8 * 0.5), 8 - 0, 10 - floor(10 * 0.3)
    expect(kept(graph, { rate: 0.5, layerRates })).toEqual({ conv0: 4, conv1: 8, conv2: 7 });
    expect(kept(graph, { rate: 0.5 })).toEqual({ conv0: 4, conv1: 4, conv2: 5 });
  });

  it('let the later of two rules win', () => {
    const layerRates = [
      { pattern: 'conv*', rate: 0.75 },
      { pattern: 'conv1', rate: 0.25 },
    ];
    const graph = chainGraph([8, 8, 8]);
    expect(kept(graph, { rate: 0, layerRates })).toEqual({ conv0: 2, conv1: 6, conv2: 2 });
    expect(kept(graph, { rate: 0, layerRates: [...layerRates].reverse() })).toEqual({
      ...{ conv0: 2, conv1: 2, conv2: 2 },
    });
  });

  it('are of the whole group when they name one of its producers', () => {
    const graph = pairGraph(8);
    expect(kept(graph, { rate: 0.5, layerRates: [{ pattern: 'b', rate: 0.25 }] })).toEqual({
      a: 6,
    });
  });

  it('refuse two rates for one group, naming both rules', () => {
    const layerRates = [
      { pattern: 'a', rate: 0.25 },
      { pattern: 'b', rate: 0.5 },
    ];
    expect(() => kept(pairGraph(8), { rate: 0.5, layerRates })).toThrow(
      new OptionError({
        option: 'layerRates',
        problem:
          'a=0.25 and b=0.5 contradict each other: a and b lose their channels together (group a)',
      }),
    );
  });

  it('go by class too', () => {
    const layerRates = [{ pattern: 'class:Conv2D', rate: 0.25 }];
    expect(kept(chainGraph([8, 4]), { rate: 0.5, layerRates })).toEqual({ conv0: 6, conv1: 3 });
  });

  it('refuse a rule that matches nothing, or nothing that is pruned', () => {
    const [graph, rate] = [chainGraph([8]), 0.5];
    expect(() => kept(graph, { rate, layerRates: [{ pattern: 'conv9', rate: 0.1 }] })).toThrow(
      'layerRates conv9 matches no layer that has filters; there are conv0, head',
    );
    expect(() => kept(graph, { rate, layerRates: [{ pattern: 'head', rate: 0.1 }] })).toThrow(
      'layerRates head=0.1 has no effect: head is not pruned (model output)',
    );
  });

  it('count single weights kernel by kernel', () => {
    const graph = chainGraph([8, 8]); // kernels of 2 * 8, 8 * 8 and (head) 8 * 2 weights
    const policy = { rate: 0.5, layerRates: [{ pattern: 'conv1', rate: 0.25 }] };
    const chooser = new Chooser(new NormWeight(), policy);
    tf.tidy(() => void chooser.choose(graph, kernelOf(graph)));
    const stays = [...chooser.keep.weights].map(([name, vector]) => [
      name,
      vector.reduce((sum, one) => sum + one, 0),
    ]);
    expect(stays).toEqual([
      ['conv0/kernel', 8],
      ['conv1/kernel', 48],
      ['head/kernel', 8],
    ]);
  });

  it.each(['global', 'adaptive'] as const)(
    'take their layers out of a common ranking: %s',
    (scope) => {
      const graph = chainGraph([8, 4, 10]);
      const layerRates = [{ pattern: 'conv1', rate: 0.25 }];
      const stays = kept(graph, { rate: 0.5, scope, layerRates });
      // conv1 keeps 4 - floor(4 * 0.25); floor((8 + 10) * 0.5) = 9 of the other 18 go
      expect(stays.conv1).toBe(3);
      expect(stays.conv0! + stays.conv2!).toBe(9);
      // Without the rule floor(22 * 0.5) = 11 of all go.
      const all = kept(graph, { rate: 0.5, scope });
      expect(all.conv0! + all.conv1! + all.conv2!).toBe(11);
    },
  );

  it('may be all that is pruned', () => {
    const layerRates = [{ pattern: 'conv*', rate: 0.5 }];
    const options = { rate: 0.9, scope: 'global', layerRates } as const;
    expect(kept(chainGraph([8, 4]), options)).toEqual({ conv0: 4, conv1: 2 });
  });

  it.each([
    [{ layerRates: [{ pattern: 'a', rate: 1 }] }, 'layerRates of a must be in [0, 1), got 1'],
    [
      { counting: 'paper', layerRates: [{ pattern: 'a', rate: 0.1 }] },
      'counting must be exact with layer rates, got paper',
    ],
  ] as const)('refuse %j', (options, message) => {
    expect(() => completePolicy({ rate: 0.5, ...options })).toThrow(message);
  });
});
