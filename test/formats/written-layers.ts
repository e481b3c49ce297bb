/** Writes layers as ONNX and as TypeScript, runs both, and compares with what tfjs computes. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readModel, writeModel } from '../../formats';
import { onnxModel } from '../../formats/onnx/onnx';
import { typescriptSource } from '../../formats/typescript/typescript-source';
import { UnsupportedLayerError } from '../../formats/unsupported-layer-error';
import { RandomStream } from '../../random/seeds';
import { randomize } from '../graph/networks';
import { build, joined } from './layer-options';
import type { LayerCase, LayerNetwork } from './layer-options';
import { runOnnx, withoutRuntime } from './onnx/runtime';
import type { Values } from './onnx/runtime';
import { compiled, weightFiles } from './typescript/compiled-source';
import type { Generated } from './typescript/compiled-source';

/** What became of one case in one format. */
export type Fate =
  | { readonly fate: 'equal' }
  /** Written, but there is nothing to compare it with. */
  | { readonly fate: 'written' }
  | { readonly fate: 'refused' | 'wrong'; readonly reason: string };

/** One case that tfjs builds, and what became of it. */
export interface Tried extends LayerNetwork {
  readonly inputValues: readonly tf.Tensor[];
  /** What tfjs computes; undefined where it computes nothing, or another thing each time. */
  readonly computed: readonly Values[] | undefined;
  readonly onnx: Fate;
  source: Fate;
}

/** A network.ts of several cases and the folder with its weights. */
interface Source {
  readonly name: string;
  readonly text: string;
  readonly folder: string;
  readonly of: readonly Tried[];
}

const SAMPLES = 2;
const TOLERANCE = 1e-5;

/**
 * Tries all cases that tfjs builds, those of a group in one network.ts; each also as read back from a file.
 *
 * @param groups by a name that a file can have.
 */
export async function writtenLayers(
  groups: ReadonlyMap<string, readonly LayerCase[]>,
): Promise<Tried[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-layers-'));
  try {
    const all: Tried[] = [];
    const sources: Source[] = [];
    for (const [name, cases] of groups) {
      const tried = await triedAlone(name, cases);
      all.push(...tried);
      const written = tried.filter(({ source }) => source.fate === 'written');
      const [running, idle] = [true, false].map((runs) =>
        written.filter(({ computed }) => (computed !== undefined) === runs),
      ) as [Tried[], Tried[]];
      sources.push(...(await sourcesOf(name, running, folder)));
      sources.push(...(await sourcesOf(`${name}Idle`, idle, folder)));
    }
    const { messages, modules } = compiled(new Map(sources.map(({ name, text }) => [name, text])));
    for (const source of sources) {
      const wrong = messages.filter((message) => message.startsWith(`${source.name}.`));
      if (wrong.length === 0) judge(source, modules.get(source.name)!);
      for (const one of wrong.length === 0 ? [] : source.of) {
        one.source = { fate: 'wrong', reason: wrong.slice(0, 9).join('\n') };
      }
    }
    return all;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Every case as a network of its own: what tfjs and onnxruntime compute, and whether it has a source. */
async function triedAlone(name: string, cases: readonly LayerCase[]): Promise<Tried[]> {
  const networks = cases
    .map((layerCase, index) => build(layerCase, `layer${index}`))
    .filter((network): network is LayerNetwork => !(network instanceof Error));
  if (networks.length > 0) randomize(joined(networks, name));
  const tried: Tried[] = [];
  for (const [index, network] of networks.entries()) {
    const model = joined([network], name);
    const inputValues = inputsOf(network.layerCase, index + 1);
    const computed = computedBy(model, inputValues);
    const onnx = await onnxFate(model, inputValues, computed);
    tried.push({ ...network, inputValues, computed, onnx, source: { fate: 'written' } });
  }
  if (refusalOf(() => typescriptSource(joined(networks, name)))) {
    for (const one of tried) {
      const refusal = refusalOf(() => typescriptSource(joined([one], name)));
      if (refusal) one.source = refusal;
    }
  }
  return tried;
}

/** Random inputs: normal numbers, or whole ones where the layer reads numbers of something. */
function inputsOf({ sizes, of: { below } }: LayerCase, seed: number): tf.Tensor[] {
  const random = new RandomStream(seed);
  return sizes.map((lengths) => {
    const shape = [SAMPLES, ...lengths];
    const values = Array.from({ length: tf.util.sizeFromShape(shape) }, () =>
      below === undefined ? random.normal() : random.integer(below),
    );
    return tf.tensor(values, shape);
  });
}

function computedBy(model: tf.LayersModel, inputs: readonly tf.Tensor[]): Values[] | undefined {
  try {
    const [once, again] = [valuesOf(model, inputs), valuesOf(model, inputs)];
    return areEqual(once, again) ? once : undefined;
  } catch {
    return undefined;
  }
}

/** What a model computes, copied. */
export function valuesOf(model: tf.LayersModel, inputs: readonly tf.Tensor[]): Values[] {
  return tf.tidy(() =>
    [model.predict([...inputs])].flat().map((output) => ({
      shape: output.shape,
      values: output.dataSync<'float32'>().slice(),
    })),
  );
}

/** Whether tensors are the same bit for bit. */
export function areEqual(some: readonly Values[], others: readonly Values[]): boolean {
  const text = (list: readonly Values[]): string =>
    list.map(({ shape, values }) => `${shape.join()}:${values.join()}`).join(';');
  return text(some) === text(others);
}

/** The refusal that names the layer, or undefined; anything else that is thrown is wrong. */
export function refusalOf(write: () => unknown): Fate | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    const reason = String(error);
    const isNamed = error instanceof UnsupportedLayerError && error.path !== '';
    return { fate: isNamed ? 'refused' : 'wrong', reason };
  }
}

/** What becomes of a network that is written as ONNX and run. */
export async function onnxFate(
  model: tf.LayersModel,
  inputs: readonly tf.Tensor[],
  computed: readonly Values[] | undefined,
): Promise<Fate> {
  let bytes: Uint8Array = new Uint8Array();
  const refusal = refusalOf(() => {
    bytes = onnxModel(model);
  });
  if (refusal) return refusal;
  if (!computed) return { fate: 'wrong', reason: 'written, although tfjs does not compute it' };
  if (withoutRuntime !== '') return { fate: 'written' };
  try {
    const gap = gapOf(await runOnnx(bytes, inputs), computed);
    return gap <= TOLERANCE ? { fate: 'equal' } : { fate: 'wrong', reason: `differs by ${gap}` };
  } catch (error) {
    return { fate: 'wrong', reason: String(error) };
  }
}

/** The largest difference, relative to the largest expected value; Infinity for other shapes. */
export function gapOf(received: readonly Values[], expected: readonly Values[]): number {
  const gaps = expected.map(({ shape, values }, index) => {
    const other = received[index];
    if (other?.shape.join() !== shape.join()) return Infinity;
    const size = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const most = values.reduce((gap, value, at) => Math.max(gap, Math.abs(value - other.values[at]!)), 0); // prettier-ignore
    return Number.isNaN(most) ? Infinity : most / size;
  });
  return Math.max(...gaps);
}

/** The sources of the cases together: with initializers, and without as read back from a file. */
async function sourcesOf(name: string, of: readonly Tried[], parent: string): Promise<Source[]> {
  if (of.length === 0) return [];
  const folder = path.join(parent, name);
  const model = joined(of, name);
  await writeModel(model, folder);
  const made = typescriptSource(model, { initializers: true });
  const readable = of.filter(({ layerCase }) => isReadable(layerCase));
  if (readable.length === 0) return [{ name, text: made, folder, of }];
  const readName = `${name}Read`;
  const readFolder = path.join(parent, readName);
  await writeModel(joined(readable, name), readFolder);
  const read = await readModel(path.join(readFolder, 'model.json'));
  const text = typescriptSource(read);
  read.dispose();
  return [
    { name, text: made, folder, of },
    { name: readName, text, folder: readFolder, of: readable },
  ];
}

/**
 * Whether a case is read as it is written: the reader makes gelu_new of layers with weights of their own, and brings a
 * BatchNormalization of rank 5, which the library does not compute, down to 4 where it can.
 */
function isReadable({ className, entry, shapes }: LayerCase): boolean {
  const { padding, dataFormat } = entry.config;
  if (padding === 'causal' && dataFormat === 'channelsFirst') return false; // refused
  const isTooDeep = className === 'BatchNormalization' && shapes.some(({ length }) => length > 3);
  return !isTooDeep && !JSON.stringify(entry).includes('gelu_new');
}

/** Runs a compiled source with its weights, and says of each case whether it computes the same. */
function judge({ of, folder }: Source, { build: make, loadWeights }: Generated): void {
  const model = loadWeights(make(), ...weightFiles(folder));
  for (const [at, one] of of.entries()) {
    if (one.computed === undefined || one.source.fate === 'wrong') continue;
    const before = of.slice(0, at);
    const own = (part: 'inputs' | 'outputs'): tf.SymbolicTensor[] => {
      const first = before.reduce((count, { [part]: list }) => count + list.length, 0);
      return model[part].slice(first, first + one[part].length);
    };
    const alone = tf.model({ inputs: own('inputs'), outputs: own('outputs') });
    const isSame = areEqual(valuesOf(alone, one.inputValues), one.computed);
    one.source = isSame ? { fate: 'equal' } : { fate: 'wrong', reason: 'computes something else' };
  }
  model.dispose();
}

/** What is neither equal nor refused by name, one line a case. */
export function failures(tried: readonly Tried[]): string[] {
  return tried.flatMap(({ layerCase, computed, onnx, source }) => {
    // Where there is nothing to compare, the source must compile, and nothing but it may be written.
    const isFine = (fate: Fate): boolean => fate.fate === 'refused' || fate.fate === 'equal';
    const lines = [
      ...(isFine(onnx) || withoutRuntime !== '' ? [] : [`ONNX: ${JSON.stringify(onnx)}`]),
      ...(isFine(source) || (!computed && source.fate === 'written') ? [] : [`network.ts: ${JSON.stringify(source)}`]), // prettier-ignore
    ];
    return lines.map((line) => `${layerCase.title}: ${line}`);
  });
}
