import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEngine } from '../../../backend/engine';
import { ChannelGraph, findGroup, keepAll, NotPrunableError } from '../../../graph';
import {
  chooseUnits,
  createMethod,
  methods,
  NormFilter,
  NormWeight,
  unitOf,
} from '../../../methods';
import type { MethodId } from '../../../methods';
import { random } from '../../tensors';
import { Chooser, disposeEvidence, evidenceFor, KernelShelf, removedOf } from '../fixtures';

let shelf: KernelShelf;

beforeAll(async () => {
  await startEngine('cpu');
});
beforeEach(() => {
  shelf = new KernelShelf();
});
afterEach(() => {
  shelf.dispose();
});

type Symbol = tf.SymbolicTensor;
const apply = (layer: tf.layers.Layer, x: Symbol | Symbol[]): Symbol => layer.apply(x) as Symbol;

function graphOf(inputs: Symbol, outputs: Symbol | Symbol[]): ChannelGraph {
  const model = tf.model({ inputs, outputs });
  const graph = ChannelGraph.of(model);
  model.dispose();
  return graph;
}

/** `layer` on images of `channels` channels, then `behind` it more layers; `head` reads the last. */
function graphWith(
  layer: tf.layers.Layer,
  channels: number,
  behind: readonly tf.layers.Layer[] = [],
): ChannelGraph {
  const input = tf.input({ shape: [4, 4, channels] });
  const x = behind.reduce((y, next) => apply(next, y), apply(layer, input));
  return graphOf(input, apply(tf.layers.dense({ name: 'head', units: 2 }), x));
}

describe('a transposed convolution, kernel [kh, kw, out, in]', () => {
  const up = (filters: number, kernelSize: number): tf.layers.Layer =>
    tf.layers.conv2dTranspose({ name: 'layer', filters, kernelSize, padding: 'same' });

  it('is scored by its filters', () => {
    const graph = graphWith(up(3, 1), 2);
    // filters (3, 4), (0, 1), (6, 0) of norms 5, 1, 6; along the last axis the shape would be [2]
    shelf.set('layer/kernel', [1, 1, 3, 2], [3, 4, 0, 1, 6, 0]);
    shelf.set('head/kernel', [3, 2], [1, 1, 1, 1, 1, 1]);
    const keep = chooseUnits({ graph, kernel: shelf.read }, new NormFilter(), { rate: 0.34 });
    expect([...keep.groups].map(([id, kept]) => [id, [...kept]])).toEqual([['layer', [1, 0, 1]]]);
  });

  it('loses single weights in its own order', () => {
    const graph = graphWith(up(3, 1), 2);
    shelf.set('layer/kernel', [1, 1, 3, 2], [3, 4, -2, 1, 6, 5]);
    shelf.set('head/kernel', [3, 2], [1, 1, 1, 1, 1, 1]);
    const keep = chooseUnits({ graph, kernel: shelf.read }, new NormWeight(), { rate: 0.5 });
    expect(removedOf(keep.weights.get('layer/kernel'))).toEqual([0, 2, 3]); // 3, -2 and 1
  });

  it.each(Object.keys(methods) as MethodId[])('loses what a convolution of the same filters does: %s', (id) => {
    const plain = graphWith(
      tf.layers.conv2d({ name: 'layer', filters: 5, kernelSize: 2, padding: 'same' }),
      3,
      [tf.layers.batchNormalization({ name: 'bn' })],
    );
    const transposed = graphWith(up(5, 2), 3, [tf.layers.batchNormalization({ name: 'bn' })]);
    shelf.set('head/kernel', [5, 2], new Float32Array(10).fill(1));
    shelf.set('bn/gamma', [5], [3, -1, 4, 1.5, -5]);
    for (let seed = 0; seed < 10; seed++) {
      const kernel = random([2, 2, 3, 5], seed);
      const swapped = tf.transpose(kernel, [0, 1, 3, 2]);
      const method = createMethod(id);
      shelf.set('layer/kernel', kernel.shape, kernel.dataSync<'float32'>().slice());
      const evidence = evidenceFor(method, plain, shelf.read, seed); // filters last, for both
      const kept = [
        [plain, kernel] as const,
        [transposed, swapped] as const,
      ].map(([graph, value]) => {
        shelf.set('layer/kernel', value.shape, value.dataSync<'float32'>().slice());
        return chooseUnits({ graph, kernel: shelf.read }, method, { rate: 0.4 }, evidence);
      }); // prettier-ignore
      expect(kept[1]!.groups).toEqual(kept[0]!.groups);
      const [one, other] = kept.map(({ weights }) => weights.get('layer/kernel'));
      expect(one?.length).toBe(other?.length);
      one?.forEach((stays, index) => {
        // [p, in, out], row-major, is at [p, out, in] of the other
        const [p, i, o] = [Math.floor(index / 15), Math.floor(index / 5) % 3, index % 5];
        expect(other![p * 15 + o * 3 + i]).toBe(stays);
      });
      disposeEvidence(evidence);
      tf.dispose([kernel, swapped]);
    }
  }); // prettier-ignore
});

describe('what a method removes', () => {
  it.each([
    ['norm-filter', 'filter'],
    ['fpgm', 'filter'],
    ['norm-weight', 'weight'],
  ] as const)('%s removes a %s at a time', (id, unit) => {
    const graph = graphWith(tf.layers.dense({ name: 'layer', units: 3 }), 2);
    shelf.set('layer/kernel', [2, 3], [1, 2, 3, 4, 5, 6]);
    const before = tf.memory().numTensors;
    expect(unitOf(createMethod(id), { graph, kernel: shelf.read })).toBe(unit);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a choice that export would refuse', () => {
  /** The dot product of channels 0 and 1 with channels 2 and 3 of `conv`, whose six `head` reads too. */
  function graphOfSlices(): ChannelGraph {
    const input = tf.input({ shape: [2, 2, 1] });
    const x = apply(tf.layers.conv2d({ name: 'conv', filters: 6, kernelSize: 1 }), input);
    const part = (name: string, cropping: [[number, number], [number, number]]): Symbol => {
      const slice = tf.layers.cropping2D({ name, cropping, dataFormat: 'channelsFirst' });
      return apply(tf.layers.globalMaxPooling2d({}), apply(slice, x));
    };
    const [a, b] = [
      part('first', [[0, 0], [0, 4]]),
      part('second', [[0, 0], [2, 2]]),
    ]; // prettier-ignore
    const product = apply(tf.layers.dot({ axes: -1 }), [a, b]);
    const pooled = apply(tf.layers.globalMaxPooling2d({}), x);
    return graphOf(input, [product, apply(tf.layers.dense({ name: 'head', units: 2 }), pooled)]);
  }

  const chosenFrom = (filters: readonly number[]) => {
    const graph = graphOfSlices();
    // Channels 0 and 2, 1 and 3 go together; 4 and 5 alone: one group of four.
    expect(findGroup(graph, 'conv').channels).toBe(4);
    shelf.set('conv/kernel', [1, 1, 1, 6], filters);
    shelf.set('head/kernel', [6, 2], new Float32Array(12).fill(1));
    const chooser = new Chooser(new NormFilter(), { rate: 0.5 });
    return { chooser, choose: () => chooser.choose(graph, shelf.read) };
  };

  it('is refused at once, with the layer that would be left without channels', () => {
    const { chooser, choose } = chosenFrom([1, 2, 1, 2, 3, 4]);
    expect(choose).toThrow(new NotPrunableError('first', 'it would be left without channels'));
    expect(chooser.keep).toBe(keepAll);
  });

  it('is made where each layer keeps a channel', () => {
    const { choose } = chosenFrom([1, 4, 1, 4, 2, 3]);
    expect([...choose().groups.values()].map(removedOf)).toEqual([[0, 2]]); // channels 0 and 2, and 4
  });
});
