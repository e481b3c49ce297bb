import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { ChannelGraph, NotPrunableError, registerLayerHandler, requireMasks } from '../../graph';
import type { GraphOptions, Unit } from '../../graph';
import { prunable } from '../../layers';

beforeAll(async () => {
  await startEngine('cpu');
});

const made: tf.LayersModel[] = [];
afterEach(() => {
  for (const model of made.splice(0)) model.dispose();
});

/** A layer that nobody has a twin for; its gains follow the channels. */
class Gain extends tf.layers.Layer {
  static className = 'Gain';
  private gain!: tf.LayerVariable;

  override build(shape: tf.Shape): void {
    this.gain = this.addWeight('gain', [shape.at(-1)!], 'float32', tf.initializers.ones());
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.mul([inputs].flat()[0]!, this.gain.read());
  }
}
tf.serialization.registerClass(Gain);
registerLayerHandler('Gain', {
  trace(call, tracer) {
    tracer.follow(call, 'gain', 0, call.inputs[0]!.classes);
    return [call.inputs[0]!];
  },
});

/** The layers one after the other, prunable unless told otherwise. */
function networkOf(
  layers: readonly tf.layers.Layer[],
  convert: (model: tf.LayersModel) => tf.LayersModel = prunable,
): tf.LayersModel {
  const plain = tf.sequential({ layers: [...layers] });
  const model = convert(plain);
  made.push(...new Set([plain, model]));
  return model;
}

function refusal(model: tf.LayersModel, unit: Unit, options: GraphOptions = {}): string | null {
  const graph = ChannelGraph.of(model, options);
  const before = tf.memory().numTensors;
  try {
    requireMasks({ model, graph }, unit);
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(NotPrunableError);
    return (error as NotPrunableError).message;
  } finally {
    expect(tf.memory().numTensors).toBe(before);
  }
}

const source = (filters = 3): tf.layers.Layer =>
  tf.layers.conv2d({ name: 'source', filters, kernelSize: 1, inputShape: [2, 2, 1] });
const head = (): tf.layers.Layer => tf.layers.dense({ name: 'head', units: 2 });
const table = (): tf.layers.Layer =>
  tf.layers.embedding({ name: 'table', inputDim: 4, outputDim: 3, inputShape: [5] });

describe('requireMasks', () => {
  it.each(['filter', 'weight'] as const)('accepts a converted network: %s', (unit) => {
    const slopes = tf.layers.prelu({ name: 'slopes' }); // go along, need not be silent
    const model = networkOf([source(), tf.layers.batchNormalization(), slopes, head()]);
    expect(refusal(model, unit)).toBeNull();
  });

  it.each(['filter', 'weight'] as const)('tells what to do with a stock network: %s', (unit) => {
    const model = networkOf([source(), head()], (plain) => plain);
    expect(refusal(model, unit)).toBe(
      'source is frozen: it has no masks: train prunable(model) instead of the model',
    );
  });

  it.each(['filter', 'weight'] as const)('names a producer that cannot have masks: %s', (unit) => {
    const model = networkOf([table(), head()]);
    expect(refusal(model, unit)).toBe(
      'table is frozen: it has no masks: no layer of the class Embedding can be masked while it trains; ' +
        'leave it whole with skip table',
    );
    expect(refusal(model, unit, { skip: ['table'] })).toBeNull();
  });

  it('names a follower, and the producer that keeps its channels', () => {
    const model = networkOf([source(), new Gain({ name: 'gain' }), head()]);
    expect(refusal(model, 'filter')).toBe(
      'gain is frozen: it has no masks: no layer of the class Gain can be masked while it trains; ' +
        'leave it whole with skip source',
    );
    expect(refusal(model, 'filter', { skip: ['source'] })).toBeNull();
    expect(refusal(model, 'weight')).toBeNull(); // its gains are no kernel
  });

  it('lets be what can lose nothing', () => {
    const single = networkOf([source(1), new Gain({ name: 'gain' }), head()]);
    expect(refusal(single, 'filter')).toBeNull();
    const output = networkOf([table()]);
    expect(refusal(output, 'filter')).toBeNull();
    expect(refusal(output, 'weight')).toMatch(/^table is frozen/); // single weights of it can go
  });
});
