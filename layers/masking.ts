import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { isPrunable, readMasked } from './prunable';
import type { LayerKeep, MaskedWeight, Prunable } from './prunable';
import { forEachLayer, weightReader, weightsByName } from './rebuild';

/**
 * How far a mask reaches: `kernel` silences kernels only (the papers' code), `unit` everything that
 * a removed filter leaves behind: kernel, bias, gamma, beta and moving mean.
 */
export type MaskExtent = 'kernel' | 'unit';

/** The layers with masks, by path. */
function prunableLayers(model: tf.LayersModel): Map<string, Prunable> {
  const layers = new Map<string, Prunable>();
  forEachLayer(model, (layer, path) => {
    if (isPrunable(layer)) layers.set(path, layer);
  });
  return layers;
}

/** All masked weights of a prunable model. */
export function listMaskedWeights(model: tf.LayersModel): MaskedWeight[] {
  return [...prunableLayers(model).values()].flatMap(({ masked }) => masked);
}

/**
 * Sets the model's masks so that only `keep` is left.
 *
 * @param keep by layer path; layers that it does not name get full masks.
 * @throws {OptionError} when it names a layer that has no masks, a length does not fit, or an entry
 *   is neither 0 nor 1; the masks are then as they were.
 */
export function setMasks(
  model: tf.LayersModel,
  keep: ReadonlyMap<string, LayerKeep>,
  extent: MaskExtent = 'unit',
): void {
  const layers = prunableLayers(model);
  const unknown = [...keep.keys()].filter((path) => !layers.has(path));
  if (unknown.length > 0) {
    throw new OptionError({
      option: 'keep',
      problem: 'must name prunable layers only',
      received: unknown.join(', '),
    });
  }
  for (const [path, layerKeep] of keep) checkKeep(path, layers.get(path)!, layerKeep);
  for (const [path, layer] of layers) {
    const { outputs, kernel } = keep.get(path) ?? {};
    for (const masked of layer.masked) {
      const reached = extent === 'unit' || masked.isKernel;
      writeMask(masked, reached ? outputs : undefined, masked.isKernel ? kernel : undefined);
    }
  }
}

/** Makes every mask full. */
export function clearMasks(model: tf.LayersModel): void {
  setMasks(model, new Map());
}

/** Zeroes the weights themselves wherever their masks are zero. */
export function zeroMasked(model: tf.LayersModel): void {
  tf.tidy(() => {
    for (const masked of listMaskedWeights(model)) masked.weight.write(readMasked(masked));
  });
}

function checkKeep(path: string, layer: Prunable, { outputs, kernel }: LayerKeep): void {
  if (outputs) checkFlags(`outputs of ${path}`, outputs, layer.outputChannels);
  const masked = layer.masked.find(({ isKernel }) => isKernel);
  const size = masked ? tf.util.sizeFromShape(masked.weight.shape as number[]) : 0;
  if (kernel) checkFlags(`kernel weights of ${path}`, kernel, size);
}

function checkFlags(what: string, flags: Uint8Array, length: number): void {
  if (flags.length !== length) {
    throw new OptionError({
      option: 'keep',
      problem: `must have one entry for each of the ${length} ${what}`,
      received: flags.length,
    });
  }
  const other = flags.find((flag) => flag > 1);
  if (other === undefined) return;
  throw new OptionError({
    option: 'keep',
    problem: `of the ${what} must be 0 or 1`,
    received: other,
  });
}

/** Writes `keep`, repeated over the axes of the weight that are not its outputs, times `single` weights. */
function writeMask(masked: MaskedWeight, keep?: Uint8Array, single?: Uint8Array): void {
  const shape = masked.mask.shape as number[];
  const inner = tf.util.sizeFromShape(shape.slice(masked.outputAxes.at(-1)! + 1)); // entries per output
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let index = 0; index < values.length; index++) {
    const output = Math.floor(index / inner);
    values[index] = (keep?.[output % keep.length] ?? 1) * (single?.[index] ?? 1);
  }
  const mask = tf.tensor(values, shape);
  masked.mask.write(mask);
  mask.dispose();
}

/** Reads weights by name, times their masks where they have some; for a tape or a tidy. */
export function createMaskedReader(model: tf.LayersModel): (name: string) => tf.Tensor {
  const read = weightReader(model);
  const names = new Map([...weightsByName(model)].map(([name, weight]) => [weight, name]));
  const masked = new Map(
    listMaskedWeights(model).map((entry) => [names.get(entry.weight)!, entry]),
  );
  return (name) => {
    const entry = masked.get(name);
    return entry ? readMasked(entry) : read(name);
  };
}
