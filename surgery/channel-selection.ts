import type * as tf from '@tensorflow/tfjs';
import { modelOf, stockConfigOf, weightsByName } from '../layers';
import type { LayerConfig, ModelConfig } from '../layers';
import { modelHolding } from './expansion';
import type { Reader } from './readers';
import { assignWeights, hostWeight, sliceAlong } from '../layers/host-weights';
import type { HostWeight } from '../layers/host-weights';

/** What a reader reads of the channels that are left of its input. */
export interface ReaderSelection {
  readonly reader: Reader;
  /** Ascending indices, fewer than `width`. */
  readonly read: readonly number[];
  /** Channels of the input. */
  readonly width: number;
}

/** Whether a Cropping2D can take the indices out of the reader's input: a run on the last of four axes. */
export function isSlice({ reader, read }: ReaderSelection): boolean {
  const [first, last] = [read[0]!, read.at(-1)!];
  return canSlice(reader) && last - first + 1 === read.length;
}

/** Whether a reader's input has an axis that Cropping2D (channelsFirst) slices. */
export function canSlice({ inputShape }: Reader): boolean {
  // It cuts axes 2 and 3, and takes an unknown length of axis 2 for none at all.
  return inputShape.length === 4 && inputShape[2] !== null;
}

/**
 * A copy of the model in which each reader reads only its selection: a slice where it is one, else a
 * gather by a Dense layer whose kernel is 1 where a channel meets its new place. `model` is untouched.
 */
export function insertSelections(
  model: tf.LayersModel,
  selections: readonly ReaderSelection[],
): tf.LayersModel {
  const config = stockConfigOf(model);
  const weights = new Map<string, HostWeight>();
  for (const [name, variable] of weightsByName(model)) weights.set(name, hostWeight(variable));
  for (const selection of selections) {
    const { reader, read, width } = selection;
    for (const { weight, axis, factor } of reader.weights) {
      const kept = read.flatMap((at) => Array.from({ length: factor }, (_, k) => at * factor + k));
      weights.set(weight, sliceAlong(weights.get(weight)!, axis, kept));
    }
    const name = insert(modelHolding(config, reader.path), selection);
    const kernel = { shape: [width, read.length], values: gatherKernel(read, width) };
    const folder = reader.path.slice(0, reader.path.lastIndexOf('/') + 1);
    if (!isSlice(selection)) weights.set(`${folder}${name}/kernel`, kernel);
  }
  const narrowed = modelOf(config, model);
  assignWeights(narrowed, weights);
  return narrowed;
}

/** [width, read]: column k is one where the k-th channel read stands. */
function gatherKernel(read: readonly number[], width: number): Float32Array {
  const values = new Float32Array(width * read.length);
  read.forEach((place, column) => {
    values[place * read.length + column] = 1;
  });
  return values;
}

/** Puts the selecting layer before each call of the reader and returns its name. */
function insert(model: ModelConfig, selection: ReaderSelection): string {
  const { path, input } = selection.reader;
  const own = path.split('/').at(-1)!;
  const nameOf = ({ name, config }: LayerConfig): string => name ?? (config.name as string);
  const names = new Set(model.layers.map(nameOf));
  let name = `${own}_select`;
  while (names.has(name)) name += '_';
  const at = model.layers.findIndex((layer) => nameOf(layer) === own);
  const reader = model.layers[at]!;
  const select = layerFor(name, selection);
  moveInputShape(reader, select, selection.read.length);
  if (!model.inputLayers) {
    model.layers.splice(at, 0, select);
    return name;
  }
  select.inboundNodes = reader.inboundNodes!.map((node) => [node[input]!]);
  reader.inboundNodes!.forEach((node, call) => {
    node[input] = [name, call, 0, {}];
  });
  model.layers.push(select);
  return name;
}

function layerFor(name: string, selection: ReaderSelection): LayerConfig {
  const { read, width } = selection;
  if (!isSlice(selection)) {
    const config = { name, units: read.length, useBias: false, activation: 'linear' };
    return { name, className: 'Dense', config };
  }
  const last = [read[0]!, width - 1 - read.at(-1)!];
  const config = { name, cropping: [[0, 0], last], dataFormat: 'channelsFirst' };
  return { name, className: 'Cropping2D', config };
}

/** The first layer of a Sequential says what the model takes: from now on that is the selecting one. */
function moveInputShape(reader: LayerConfig, select: LayerConfig, width: number): void {
  const { batchInputShape, dtype } = reader.config;
  if (!batchInputShape) return;
  Object.assign(select.config, { batchInputShape, dtype });
  reader.config.batchInputShape = [...(batchInputShape as (number | null)[]).slice(0, -1), width];
}
