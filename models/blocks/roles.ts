import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../../errors';
import { forEachLayer } from '../../layers';

/**
 * What a layer is to the block that made it: `inner` feeds other convolutions of the block, `out` makes
 * what the block answers, `downsample` fits the block's input to that.
 */
export const layerRoles = ['block.inner', 'block.out', 'block.downsample'] as const;

/** One of {@link layerRoles}. */
export type LayerRole = (typeof layerRoles)[number];

/** A layer with a kernel, as a decorated block made it. */
export interface BlockLayer {
  readonly role: LayerRole;
  /** The block's name: the prefix of its layers' names. */
  readonly block: string;
  /** The decorator's name: `basicBlock`, `fire`... */
  readonly kind: string;
}

/** Under this key the roles travel in a model's `userDefinedMetadata`, which tfjs saves and loads. */
const METADATA_KEY = 'secateurBlocks';

/** Roles of the layers that blocks made in this process. */
const made = new WeakMap<tf.layers.Layer, BlockLayer>();

/** Notes what a layer is to its block; for decorators. */
export function recordRole(layer: tf.layers.Layer, entry: BlockLayer): void {
  made.set(layer, entry);
}

/** True when a block has noted the layer already: a block inside another. */
export function hasRole(layer: tf.layers.Layer): boolean {
  return made.has(layer);
}

/**
 * The role of one layer, null where no decorated block made it.
 *
 * @param path the layer's name, with the names of nested models before it, joined by '/'.
 */
export function roleOf(path: string, model: tf.LayersModel): LayerRole | null {
  return blockLayers(model).get(path)?.role ?? null;
}

/**
 * All layers of the model that decorated blocks made, by path.
 *
 * Known of the layers themselves in the process that built them; afterwards of the model's
 * `userDefinedMetadata` (see {@link rememberBlocks}). Needs nothing but the model.
 *
 * @throws {OptionError} when the metadata holds the key but not in our form.
 */
export function blockLayers(model: tf.LayersModel): Map<string, BlockLayer> {
  const remembered = readMetadata(model);
  const entries = new Map<string, BlockLayer>();
  forEachLayer(model, (layer, path) => {
    const entry = made.get(layer) ?? remembered.get(path);
    if (entry) entries.set(path, entry);
  });
  return entries;
}

/**
 * Writes the roles into the model's `userDefinedMetadata`, beside what is there, so that they survive
 * `save` and `loadLayersModel`. The zoo's networks have it done; call it for a network of your own.
 */
export function rememberBlocks(model: tf.LayersModel): void {
  const entries = blockLayers(model);
  if (entries.size === 0) return;
  const known = model.getUserDefinedMetadata() as object | undefined;
  model.setUserDefinedMetadata({ ...known, [METADATA_KEY]: Object.fromEntries(entries) });
}

function readMetadata(model: tf.LayersModel): Map<string, BlockLayer> {
  const metadata = model.getUserDefinedMetadata() as Readonly<Record<string, unknown>> | undefined;
  const blocks = metadata?.[METADATA_KEY];
  if (blocks === undefined) return new Map();
  if (typeof blocks !== 'object' || blocks === null) {
    throw new OptionError({
      option: METADATA_KEY,
      problem: `of ${model.name} must be an object`,
      received: typeof blocks,
    });
  }
  return new Map(Object.entries(blocks).map(([path, entry]) => [path, checkEntry(path, entry)]));
}

function checkEntry(path: string, entry: unknown): BlockLayer {
  const { role, block, kind } = (entry ?? {}) as Partial<Record<keyof BlockLayer, unknown>>;
  const known = layerRoles.find((candidate) => candidate === role);
  if (known === undefined || typeof block !== 'string' || typeof kind !== 'string') {
    throw new OptionError({
      option: METADATA_KEY,
      problem: `of ${path} must be { role, block, kind } with a role of ${layerRoles.join(', ')}`,
      received: entry,
    });
  }
  return { role: known, block, kind };
}
