/**
 * Decorators that say what a block class is made of, so that its layers can be selected by role.
 *
 * They change nothing in what is computed or pruned: a block without a decorator is pruned as well.
 */
import type * as tf from '@tensorflow/tfjs';
import { recordRole } from './roles';
import type { LayerRole } from './roles';

/** A piece of a network that is built by one call. */
export interface Block {
  /** Prefix of the layers' names: layer `conv1` of block `layer1_0` is `layer1_0_conv1`. */
  readonly name: string;
  apply(x: tf.SymbolicTensor): tf.SymbolicTensor;
}

/** The layers with kernels in a block, by their names without the block's name. */
export interface BlockForm {
  /** All that may occur; one that a block does without may be listed. */
  readonly convs: readonly string[];
  /** Those that fit the block's input to its output. */
  readonly downsampling?: readonly string[];
}

/** A block class with what its decorator says of it. */
export interface DecoratedBlock extends Required<BlockForm> {
  readonly kind: string;
}

/** A class whose instances are blocks, whatever its constructor takes. */
export type BlockClass = abstract new (...options: never[]) => Block;

/** Gives a block class its form. */
export type BlockDecorator = (form: BlockForm) => (target: BlockClass) => void;

const decorated = new Map<BlockClass, DecoratedBlock>();

/** Every decorated block class of this process. */
export function decoratedBlocks(): ReadonlyMap<BlockClass, DecoratedBlock> {
  return decorated;
}

/** Two convolutions beside a shortcut. */
export const basicBlock = decorator('basicBlock');

/** A narrowing, a spatial and a widening convolution beside a shortcut. */
export const bottleneck = decorator('bottleneck');

/** A depthwise convolution, usually between a widening and a narrowing one. */
export const mbConv = decorator('mbConv');

/** A narrowing convolution and two side by side that read it. */
export const fire = decorator('fire');

/** Branches side by side, concatenated. */
export const inception = decorator('inception');

/** Two convolutions whose output is appended to their input. */
export const denseLayer = decorator('denseLayer');

/**
 * A decorator for another kind of block.
 *
 * The roles follow from the block's own graph: of the convolutions listed, those that no other one of
 * them reads from are `block.out`, the rest `block.inner`.
 *
 * The decorated `apply` throws a TypeError when it makes a layer with a kernel that is not listed.
 */
export function decorator(kind: string): BlockDecorator {
  return ({ convs, downsampling = [] }) =>
    (target) => {
      decorated.set(target, { kind, convs, downsampling });
      const prototype = target.prototype as Block;
      const build = prototype.apply.bind.bind(prototype.apply) as (block: Block) => Block['apply'];
      prototype.apply = function (this: Block, x): tf.SymbolicTensor {
        const y = build(this)(x);
        for (const [layer, role] of rolesBetween(this, { convs, downsampling }, x, y)) {
          recordRole(layer, { role, block: this.name, kind });
        }
        return y;
      };
    };
}

const kernelClasses = /^(Prunable)?(Conv\d?D?|Conv\dDTranspose|(Depthwise|Separable)Conv\dD|Dense)$/;

function rolesBetween(
  block: Block,
  { convs, downsampling }: Required<BlockForm>,
  x: tf.SymbolicTensor,
  y: tf.SymbolicTensor,
): Map<tf.layers.Layer, LayerRole> {
  const roles = new Map<tf.layers.Layer, LayerRole>();
  const behind = [...ancestors(y, x)].filter((layer) => kernelClasses.test(layer.getClassName()));
  const listed = (names: readonly string[]): tf.layers.Layer[] =>
    behind.filter(({ name }) => names.some((own) => name === `${block.name}_${own}`));
  for (const layer of listed(downsampling)) roles.set(layer, 'block.downsample');
  const main = listed(convs);
  for (const layer of main) roles.set(layer, 'block.out');
  for (const reader of main) {
    for (const layer of ancestors(reader.input as tf.SymbolicTensor, x)) {
      if (roles.get(layer) === 'block.out') roles.set(layer, 'block.inner');
    }
  }
  const unlisted = behind.find((layer) => !roles.has(layer) && !isNested(layer, block));
  if (unlisted) {
    throw new TypeError(
      `block ${block.name} makes the layer ${unlisted.name}, which its decorator does not list: ` +
        `convs ${convs.join(', ')}; downsampling ${downsampling.join(', ') || 'none'}`,
    );
  }
  return roles;
}
