import type * as tf from '@tensorflow/tfjs';
import { configOf, forEachLayer, layerOf, weightsByName } from '../../layers';
import { UnsupportedLayerError } from '../unsupported-layer-error';
import { usageOf } from '../usage';
import type { MeasuredAccuracy } from '../usage';
import { usageLines } from '../usage-lines';
import { quote } from './literal';
import { ModelSource } from './model-source';
import type { SourceBlock } from './block-tree';

export type { SourceBlock } from './block-tree';

/** What a source file says besides the layers. */
export interface SourceOptions {
  /** The blocks that get functions of their own, by layer path: `blockLayers(model)` of the zoo. */
  readonly blocks?: ReadonlyMap<string, SourceBlock>;
  /**
   * Whether initializers other than the default are written. Default false: they are noise where the
   * weights are loaded.
   */
  readonly initializers?: boolean;
  /** Lines of the comment at the head of the file: what was removed, from what. */
  readonly notes?: readonly string[];
}

/**
 * A TypeScript file that builds exactly this network: every width a literal, one line a layer, with
 * the options that are not the default, one function a block or nested model.
 *
 * It imports '@tensorflow/tfjs' alone and exports `build(): tf.LayersModel` and
 * `loadWeights(model, ...files)`, which takes the bytes of the weight files that `writeModel` writes.
 * With them the network gives the same outputs, bit for bit. User-defined metadata is left out.
 *
 * @throws {UnsupportedLayerError} naming a layer that '@tensorflow/tfjs' alone cannot make, or whose
 *   weights are not float32.
 */
export function typescriptSource(model: tf.LayersModel, options: SourceOptions = {}): string {
  const { blocks = new Map<string, SourceBlock>(), initializers = false, notes = [] } = options;
  const names: string[] = [];
  forEachLayer(model, (_, path) => names.push(...path.split('/')));
  const source = new ModelSource({ blocks, initializers }, names);
  const order = weightOrder(model);
  source.addModel('/** Builds the network; `loadWeights` gives it its weights. */\nexport function build', model, configOf(model), ''); // prettier-ignore
  const functions = source.functions.join('\n\n');
  const helpers = Object.entries(HELPERS).filter(([name]) => functions.includes(`${name}(`));
  return [
    headOf(model, notes),
    "import * as tf from '@tensorflow/tfjs';",
    functions,
    loaderOf(order),
    ...helpers.map(([, text]) => text),
    '',
  ].join('\n\n').trimEnd() + '\n'; // prettier-ignore
}

function headOf(model: tf.LayersModel, notes: readonly string[]): string {
  const lines = [`The network ${model.name}: ${model.countParams()} weights.`, ...notes];
  const usage = usageOf(model);
  const uses = usageLines(model, usage);
  if (usage.accuracy) lines.push(describeAccuracy(usage.accuracy));
  if (uses.length > 0) lines.push('', 'An image is fed to it so:', '', ...indent(uses));
  const safe = lines.flatMap((line) => line.replaceAll('*/', '* /').split(/\r?\n/));
  return `/**\n${safe.map((line) => ` * ${line}`.trimEnd()).join('\n')}\n */`;
}

function describeAccuracy({ top1, images, dataSet }: MeasuredAccuracy): string {
  return `It answers ${(100 * top1).toFixed(2)} % of ${images} images of ${dataSet} right.`;
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `    ${line}`);
}

/** Names of the weights in the order in which `writeModel` writes them. */
function weightOrder(model: tf.LayersModel): string[] {
  const names = new Map([...weightsByName(model)].map(([name, weight]) => [weight, name] as const));
  return model.weights.map((weight) => {
    const name = names.get(weight)!;
    if (weight.dtype !== 'float32') {
      const reason = `has the weight ${name} of type ${weight.dtype}; the weight file holds float32 only`;
      throw new UnsupportedLayerError(layerOf(name), 'weight', reason);
    }
    return name;
  });
}

/** Items one behind the other, in lines of at most 100 characters. */
function wrapItems(items: readonly string[]): string {
  const lines = [''];
  for (const item of items) {
    const last = lines.at(-1)!;
    if (last.length + item.length > 96) lines.push(item);
    else lines[lines.length - 1] = last === '' ? item : `${last} ${item}`;
  }
  return lines.map((line) => `  ${line}`).join('\n');
}

const HELPERS = {
  apply: `\
function apply(
  layer: tf.layers.Layer,
  inputs: tf.SymbolicTensor | tf.SymbolicTensor[],
  options: Parameters<tf.layers.Layer['apply']>[1] = {},
): tf.SymbolicTensor {
  return layer.apply(inputs, options) as tf.SymbolicTensor;
}`,
  applyAll: `\
function applyAll(
  layer: tf.layers.Layer,
  inputs: tf.SymbolicTensor | tf.SymbolicTensor[],
  options: Parameters<tf.layers.Layer['apply']>[1] = {},
): tf.SymbolicTensor[] {
  return layer.apply(inputs, options) as tf.SymbolicTensor[];
}`,
} as const;

function loaderOf(order: readonly string[]): string {
  return `\
/**
 * Gives a model that \`build\` made its weights, and answers it.
 *
 * Node:     loadWeights(build(), readFileSync('group1-shard1of1.bin'))
 * Browsers: loadWeights(build(), await (await fetch('group1-shard1of1.bin')).arrayBuffer())
 *
 * @param files the bytes of the weight files, first to last.
 * @throws {RangeError} when they are not as long as the network's weights.
 */
export function loadWeights(
  model: tf.LayersModel,
  ...files: (ArrayBuffer | Uint8Array)[]
): tf.LayersModel {
  const bytes = new Uint8Array(files.reduce((sum, file) => sum + file.byteLength, 0));
  let filled = 0;
  for (const file of files) {
    bytes.set(file instanceof Uint8Array ? file : new Uint8Array(file), filled);
    filled += file.byteLength;
  }
  const weights = weightsOf(model);
  const sizes = weightOrder.map((name) => (weights.get(name)?.shape ?? [NaN]) as number[]);
  const total = sizes.reduce((sum, shape) => sum + 4 * tf.util.sizeFromShape(shape), 0);
  if (total !== bytes.length) {
    throw new RangeError(\`the weights take \${total} bytes, the files have \${bytes.length}\`);
  }
  let at = 0;
  weightOrder.forEach((name, index) => {
    const shape = sizes[index]!;
    const size = tf.util.sizeFromShape(shape);
    const value = tf.tensor(new Float32Array(bytes.buffer, at, size), shape, 'float32');
    (weights.get(name)!.read() as tf.Variable).assign(value); // write() would apply constraints
    value.dispose();
    at += 4 * size;
  });
  return model;
}

/** The weights by name: the layer's path and the weight's own name. */
function weightsOf(
  model: tf.LayersModel,
  prefix = '',
  found = new Map<string, tf.LayerVariable>(),
): Map<string, tf.LayerVariable> {
  for (const layer of model.layers) {
    const path = prefix + layer.name;
    if (layer instanceof tf.LayersModel) weightsOf(layer, \`\${path}/\`, found);
    else {
      for (const weight of layer.weights) {
        const own = \`\${path}/\${weight.originalName.split('/').at(-1)!}\`;
        let name = own;
        for (let copy = 2; found.has(name); copy++) name = \`\${own}_\${copy}\`;
        found.set(name, weight);
      }
    }
  }
  return found;
}

/** The weights in the order of the files: float32, little-endian, one behind the other. */
const weightOrder: readonly string[] = [
${wrapItems(order.map((name) => `${quote(name)},`))}
];`;
}
