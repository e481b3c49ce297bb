import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import type { JsonValue } from '../../files';
import { ChannelGraph, findGroup, projectIndices } from '../../graph';
import { dotOf } from '../../graph/dot';
import { readSchema, schemaOf } from '../../graph/schema';
import { architectures } from '../../models';
import { mobileNetV2Like, residualBlock, separableNet } from '../surgery/pruned-models';

/** The base schema of VGG-9-BN as the KETI pruner's documentation prints it. */
const published = {
  'module.features.0_out': [
    'module.features.1_bn',
    'module.features.0_out',
    'module.features.3_in',
  ],
  'module.features.3_out': [
    'module.features.4_bn',
    'module.features.3_out',
    'module.features.7_in',
  ],
  'module.features.7_out': [
    'module.features.8_bn',
    'module.features.7_out',
    'module.features.10_in',
  ],
  'module.features.10_out': ['module.features.11_bn', 'module.features.10_out', 'module.features.14_in'], // prettier-ignore
  'module.features.14_out': ['module.features.15_bn', 'module.features.14_out', 'module.features.17_in'], // prettier-ignore
  'module.features.17_out': ['module.features.18_bn', 'module.features.17_out', 'module.classifier.1_in'], // prettier-ignore
  'module.classifier.1_out': ['module.classifier.4_in'],
  'module.classifier.4_out': ['module.classifier.6_in'],
  'module.classifier.6_out': [],
};

/** Two branches of six channels, concatenated, and a third layer of six. */
function branches(): tf.LayersModel {
  const conv = (name: string, filters = 6): tf.layers.Layer =>
    tf.layers.conv2d({ name, filters, kernelSize: 1 });
  const input = tf.input({ shape: [4, 4, 2], name: 'image' });
  const [a, b] = [conv('a').apply(input), conv('b').apply(input)] as tf.SymbolicTensor[];
  const joined = tf.layers.concatenate({ name: 'cat' }).apply([a!, b!]);
  const c = conv('c').apply(joined);
  const d = conv('d', 5).apply(c);
  const head = tf.layers.dense({ name: 'head', units: 2 });
  const pooled = tf.layers.globalAveragePooling2d({ name: 'pool' }).apply(d);
  return tf.model({ inputs: input, outputs: head.apply(pooled) as tf.SymbolicTensor });
}

function graphOf(model: tf.LayersModel): ChannelGraph {
  const graph = ChannelGraph.of(model);
  model.dispose();
  return graph;
}

const plain = (graph: ChannelGraph): Record<string, string[]> =>
  Object.fromEntries(Object.entries(schemaOf(graph)).map(([key, list]) => [key, [...list]]));

beforeAll(async () => {
  await startEngine('cpu');
});

describe('schemaOf', () => {
  it('reproduces the published schema of VGG-9-BN', () => {
    // Ours counts its poolings at other places, so that only the numbers of the layers differ.
    const ours = graphOf(architectures.vgg9_bn({ inputShape: [112, 112, 3], classes: 10, seed: null, width: 0.1, variant: 'imagenet' })); // prettier-ignore
    const schema = JSON.stringify(schemaOf(ours));
    const numbers = (text: string, part: string): string[] => [
      ...new Set([...text.matchAll(new RegExp(`${part}[._](\\d+)`, 'g'))].map(([name]) => name)),
    ];
    const text = JSON.stringify(published).replaceAll('module.', '');
    const sorted = (names: string[]): string[] =>
      names.sort((x, y) => Number(x.split(/[._]/)[1]) - Number(y.split(/[._]/)[1]));
    let renamed = schema;
    for (const part of ['features', 'classifier']) {
      const [from, to] = [sorted(numbers(schema, part)), sorted(numbers(text, part))];
      expect(from.length).toBe(to.length);
      const target = new Map(from.map((name, at) => [name, to[at]!]));
      renamed = renamed.replace(new RegExp(`${part}_\\d+`, 'g'), (name) => target.get(name)!);
    }
    expect(renamed).toBe(text); // the order of keys and lists, too
  });

  it('lists coupled layers together, in the order of the calls', () => {
    const schema = schemaOf(graphOf(mobileNetV2Like()));
    expect(schema.a_project_conv_out).toEqual([
      'a_project_bn_bn',
      'b_project_bn_bn',
      'a_project_conv_out',
      'b_project_conv_out',
      'b_expand_conv_in',
      'classes_in',
    ]);
    expect(schema.a_expand_conv_out).toEqual([
      'a_expand_bn_bn',
      'a_dw_dw',
      'a_dw_bn_bn',
      'a_expand_conv_out',
      'a_project_conv_in',
    ]);
    expect(Object.keys(schema)).toEqual([
      'a_expand_conv_out',
      'a_project_conv_out',
      'b_expand_conv_out',
      'classes_out',
    ]);
    expect(schema.classes_out).toEqual([]);
  });
});

describe('readSchema', () => {
  it.each([residualBlock, separableNet, mobileNetV2Like, branches])(
    'reads back what schemaOf wrote and changes nothing (%o)',
    (make) => {
      const graph = graphOf(make());
      const again = readSchema(JSON.parse(JSON.stringify(schemaOf(graph))) as JsonValue, graph);
      expect(again.groups).toEqual(graph.groups);
      expect(schemaOf(again)).toEqual(schemaOf(graph));
    },
  );

  it('couples groups that a list names, with their key or without it', () => {
    const graph = graphOf(branches());
    const withKey = plain(graph);
    withKey.a_out!.push('b_out');
    const { b_out: moved, ...rest } = plain(graph);
    const withoutKey = { ...rest, a_out: [...new Set([...rest.a_out!, ...moved!])] };
    for (const json of [withKey, withoutKey]) {
      const tied = readSchema(json, graph);
      expect(tied.groups.map(({ id, channels }) => [id, channels])).toEqual([
        ['a', 6],
        ['c', 6],
        ['d', 5],
        ['head', 2],
      ]);
      expect(findGroup(tied, 'a').producers.map(({ layer }) => layer)).toEqual(['a', 'b']);
      const keep = {
        groups: new Map([['a', Uint8Array.of(1, 1, 0, 1, 1, 1)]]),
        weights: new Map(),
      };
      // rows 2 and 6 + 2 of what reads the concatenation
      expect(projectIndices(tied, keep).get('c/kernel')!.get(2)).toEqual([0, 1, 3, 4, 5, 6, 7, 9, 10, 11]); // prettier-ignore
      expect(schemaOf(readSchema(plain(tied), graph))).toEqual(schemaOf(tied));
    }
    expect(graph.groups).toHaveLength(5); // the graph itself stays as it was
  });

  it('leaves whole what is emptied or removed', () => {
    const graph = graphOf(branches());
    const rest = { ...plain(graph), c_out: [] };
    delete (rest as Record<string, string[]>).d_out;
    const edited = readSchema(rest, graph);
    expect(findGroup(edited, 'c').frozen).toBe('its list in the schema is empty');
    expect(findGroup(edited, 'd').frozen).toBe('not in the schema');
    expect(edited.prunable.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(schemaOf(edited)).toMatchObject({ c_out: [], d_out: [] });
  });

  it.each([
    ['x_out', ['c_in'], 'schema key x_out: the network has no such layer; keys are a_out, b_out'],
    ['pool_out', [], 'schema key pool_out: pool produces no channels'],
    ['a_out', ['a_out'], 'schema key a_out must list c_in, which goes along'],
    ['a_out', ['a_out', 'c_in', 'd_in'], 'schema key a_out lists d_in, which does not go along'],
    ['a_out', ['a_out', 'c_in', 'y_in'], 'schema key a_out lists y_in, which is of no layer'],
    ['c_out', ['c_out', 'd_in', 'd_out'], 'schema key c_out has 6 channels and cannot go with d_out, which has 5'], // prettier-ignore
    ['head_out', ['head_out'], 'schema key head_out: head cannot be pruned: model output'],
  ])('refuses %s: %j', (key, list, message) => {
    const graph = graphOf(branches());
    expect(() => readSchema({ ...plain(graph), [key]: list }, graph)).toThrow(message);
  });

  it('refuses a tie to what is emptied, a key that is listed elsewhere, and what is no schema', () => {
    const graph = graphOf(branches());
    const schema = plain(graph);
    const tie = { ...schema, a_out: [...schema.a_out!, 'b_out'], b_out: [] };
    expect(() => readSchema(tie, graph)).toThrow('a_out goes with b_out, whose own list is empty');
    const coupled = graphOf(mobileNetV2Like());
    expect(() => readSchema({ b_project_conv_out: [] }, coupled)).toThrow(
      'schema key b_project_conv_out: its channels are listed under a_project_conv_out',
    );
    expect(() => readSchema([], graph)).toThrow('schema must be an object of lists');
    expect(() => readSchema({ a_out: 'c_in' }, graph)).toThrow(
      'schema key a_out must have a list of names, got "c_in"',
    );
  });
});

describe('dotOf', () => {
  it('draws every layer once, with its calls, through nested models', () => {
    const inner = tf.sequential({
      name: 'inner',
      layers: [
        tf.layers.dense({ name: 'one', units: 4, inputShape: [3] }),
        tf.layers.dense({ name: 'two', units: 3 }),
      ],
    });
    const input = tf.input({ shape: [3], name: 'vector' });
    const first = inner.apply(input) as tf.SymbolicTensor;
    const second = inner.apply(first) as tf.SymbolicTensor;
    const sum = tf.layers.add({ name: 'sum' }).apply([first, second]) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: sum });
    const text = dotOf({ model, graph: ChannelGraph.of(model) });
    const edges = text.split('\n').filter((line) => line.includes(' -> '));
    expect(edges.map((line) => line.trim()).sort()).toEqual([
      '"inner/one" -> "inner/two";',
      '"inner/two" -> "inner/one";',
      '"inner/two" -> "sum";',
      '"vector" -> "inner/one";',
    ]);
    expect(text.match(/label=/g)).toHaveLength(4);
    model.dispose();
  });

  it('gives each group a colour of its own, stripes to what joins two, grey to the frozen', () => {
    const model = branches();
    const text = dotOf({ model, graph: ChannelGraph.of(model) });
    const colour = (layer: string): string =>
      new RegExp(`"${layer}" \\[.*fillcolor="([^"]*)"`).exec(text)![1]!;
    const own = ['a', 'b', 'c', 'd'].map(colour);
    expect(new Set(own).size).toBe(4);
    expect(colour('cat')).toBe(`${own[0]!}:${own[1]!}`);
    expect([colour('image'), colour('head')]).toEqual(['lightgrey', 'lightgrey']);
    model.dispose();
  });
});
