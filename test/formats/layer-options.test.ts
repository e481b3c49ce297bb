import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEngine } from '../../backend/engine';
import { onnxWriters } from '../../formats/onnx/writers';
import { build, caseOf, casesOf, layerClasses, ofEveryLayer } from './layer-options';
import { withoutRuntime } from './onnx/runtime';
import { failures, writtenLayers } from './written-layers';
import type { Tried } from './written-layers';

let tried: Tried[];

beforeAll(async () => {
  await startEngine('cpu');
  vi.spyOn(console, 'warn').mockImplementation(() => undefined); // of options that change nothing
  tried = await writtenLayers(new Map(layerClasses.map((one) => [one.className, casesOf(one)])));
}, 120_000);

afterAll(() => {
  vi.restoreAllMocks();
  tf.disposeVariables();
});

const { classNameMap } = tf.serialization.SerializationMap.getMap();
/** Classes that are no layers of their own: models, and a cell that works within ConvLSTM2D only. */
const parts = ['InputLayer', 'Model', 'Functional', 'Sequential', 'ConvLSTM2DCell'];

/** Cases as class and options, each once. */
const titles = (cases: readonly Tried[]): string[] =>
  [...new Set(cases.map(({ layerCase }) => layerCase.title.replace(/ on .*/, '')))].sort();

const classesOf = (cases: readonly Tried[]): string[] =>
  [...new Set(cases.map(({ layerCase }) => layerCase.className))].sort();

/** The classes that the documentation lists as written in ONNX. */
function listedAsWritten(): string[] {
  const text = fs.readFileSync(path.resolve(__dirname, '../../docs/layers.md'), 'utf8');
  const [, list = ''] = /^ONNX has a writer for: ([^.]*)\./m.exec(text) ?? [];
  return list.split(/,\s+/).sort();
}

describe('the table', () => {
  it('has every layer class that the library loads', () => {
    const known = Object.entries(classNameMap)
      .filter(
        ([, [cls]]) =>
          (cls as unknown as { prototype: object }).prototype instanceof tf.layers.Layer,
      ) // prettier-ignore
      .map(([className]) => className)
      .filter((className) => !parts.includes(className) && !className.startsWith('Prunable'));
    expect(layerClasses.map(({ className }) => className).sort()).toEqual(known.sort());
  });

  it.each(layerClasses)('has every option of $className', (layerClass) => {
    const { className, config, options } = layerClass;
    const [cls] = classNameMap[className]!;
    const told = cls.fromConfig(cls, structuredClone(config) as tf.serialization.ConfigDict).getConfig(); // prettier-ignore
    const known = new Set([...Object.keys(config), ...Object.keys(options), ...ofEveryLayer]);
    // An RNN repeats the options of its cell.
    const cell = className === 'RNN' ? Object.keys((told.cell as { config: object }).config) : [];
    expect(Object.keys(told).filter((key) => !known.has(key) && !cell.includes(key))).toEqual([]);
  });

  it('holds what the library builds, but for options that it refuses itself', () => {
    const unbuilt = layerClasses.flatMap((layerClass) =>
      Object.entries(layerClass.options).flatMap(([option, values]) => {
        const cases = values.map((value) => caseOf(layerClass, { [option]: value }));
        const isRefused = cases.every((one) => build(one, 'layer0') instanceof Error);
        return isRefused ? [`${layerClass.className} ${option}`] : [];
      }),
    );
    // Whatever the layer: 'invocation in the presence of activity regularizer(s) is not supported yet'
    expect(unbuilt.filter((one) => !one.endsWith(' activityRegularizer'))).toEqual([
      'ConvLSTM2D unroll',
    ]);
  });
});

describe('every class with every option', () => {
  it('is computed the same by onnxruntime and by the compiled network.ts, or refused by name', () => {
    expect(failures(tried)).toEqual([]);
    expect(tried.length).toBeGreaterThan(700);
  });

  it('is computed by the library itself, but for what it takes and does not compute', () => {
    const idle = tried.filter(({ computed }) => !computed);
    // Their outputs have no batch, so that nothing runs behind them in a model.
    const always = ['RandomWidth', 'Resizing'];
    expect(classesOf(idle.filter(({ layerCase }) => always.includes(layerCase.className)))).toEqual(always); // prettier-ignore
    expect(titles(idle.filter(({ layerCase }) => !always.includes(layerCase.className)))).toEqual([
      'BatchNormalization {}', // of rank 5
      'CategoryEncoding {"outputMode":"oneHot"}',
      'Conv1D {"padding":"causal"}',
      'Conv2D {"padding":"causal"}',
      'LayerNormalization {}', // of rank 5
      'Softmax {"axis":1}',
      'Softmax {"axis":2}',
    ]);
  });

  it('is run as network.ts, but for what the types of the library do not say', () => {
    const run = classesOf(tried.filter(({ source }) => source.fate === 'equal'));
    const all = layerClasses.map(({ className }) => className);
    expect(all.filter((className) => !run.includes(className)).sort()).toEqual(['RandomWidth', 'Resizing']); // prettier-ignore
    expect(titles(tried.filter(({ source }) => source.fate === 'refused'))).toEqual([
      'Cropping2D {"dataFormat":null}',
    ]);
  });

  it.skipIf(withoutRuntime !== '')(`is run as ONNX where it has a writer, but for some options${withoutRuntime}`, () => {
    const run = classesOf(tried.filter(({ onnx }) => onnx.fate === 'equal'));
    const written = Object.keys(onnxWriters).filter((className) => !parts.includes(className));
    expect(run).toEqual(written.sort());
    expect(listedAsWritten()).toEqual(run);
    const refused = tried.filter(({ onnx }) => onnx.fate === 'refused');
    expect(titles(refused.filter(({ layerCase }) => run.includes(layerCase.className)))).toEqual([
      'AveragePooling2D {"dataFormat":"channelsFirst"}',
      'AveragePooling3D {"dataFormat":"channelsFirst"}',
      'BatchNormalization {"axis":-2}',
      'BatchNormalization {"axis":1}',
      'BatchNormalization {"axis":2}',
      'BatchNormalization {"axis":[1]}',
      'BatchNormalization {"axis":[2]}',
      'BatchNormalization {}' /* of rank 5 */,
      'Concatenate {"axis":-2}',
      'Concatenate {"axis":0}',
      'Conv1D {"dataFormat":"channelsFirst"}',
      'Conv1D {"padding":"causal"}',
      'Conv2D {"dataFormat":"channelsFirst"}',
      'Conv2D {"padding":"causal"}',
      'Conv2DTranspose {"dataFormat":"channelsFirst"}',
      'Conv3D {"dataFormat":"channelsFirst"}',
      'Conv3DTranspose {"dataFormat":"channelsFirst"}',
      'Cropping2D {"dataFormat":null}',
      'DepthwiseConv2D {"dataFormat":"channelsFirst"}',
      'DepthwiseConv2D {"padding":"causal"}',
      'GlobalAveragePooling2D {"dataFormat":"channelsFirst"}',
      'GlobalMaxPooling2D {"dataFormat":"channelsFirst"}',
      'LayerNormalization {"axis":1}',
      'LayerNormalization {"axis":[1,2]}',
      'LayerNormalization {"axis":[1]}',
      'LayerNormalization {}' /* of rank 5 */,
      'MaxPooling2D {"dataFormat":"channelsFirst"}',
      'MaxPooling3D {"dataFormat":"channelsFirst"}',
      'SeparableConv2D {"dataFormat":"channelsFirst"}',
      'Softmax {"axis":1}',
      'Softmax {"axis":2}',
      'UpSampling2D {"dataFormat":"channelsFirst"}',
    ]);
  }); // prettier-ignore
});
