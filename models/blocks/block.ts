/**
 * Decorators that say what a block class is made of, so that its layers can be selected by role.
 *
 * They change nothing in what is computed or pruned: a block without a decorator is pruned as well.
 */
import type * as tf from '@tensorflow/tfjs';
import { hasRole, recordRole } from './roles';
import type { LayerRole } from './roles';

/** A piece of a network that is built by one call. */
export interface Block {
  /** Prefix of the layers' names: layer `conv1` of block `layer1_0` is `layer1_0_conv1`. */
  readonly name: string;
  readonly apply: (x: tf.SymbolicTensor) => tf.SymbolicTensor;
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
      const form = { kind, convs, downsampling };
      decorated.set(target, form);
      const prototype = target.prototype as { apply: (this: Block, x: Tensor) => Tensor };
      const build = prototype.apply;
      prototype.apply = function (x): Tensor {
        const y = build.call(this, x);
        const own = this.constructor as BlockClass;
        // A decorated subclass has a form of its own.
        if (own === target || !decorated.has(own)) recordBlock(this, form, x, y);
        return y;
      };
    };
}

type Tensor = tf.SymbolicTensor;

const kernelClasses = /^(Prunable)?(Conv\dD(Transpose)?|(Depthwise|Separable)Conv\dD|Dense)$/;

function recordBlock(block: Block, form: DecoratedBlock, x: Tensor, y: Tensor): void {
  const { kind, convs, downsampling } = form;
  const kernels = [...tensorsBehind([y], x)].filter(({ sourceLayer }) =>
    kernelClasses.test(sourceLayer.getClassName()),
  );
  const listed = (names: readonly string[]): Tensor[] =>
    kernels.filter(({ sourceLayer: { name } }) =>
      names.some((own) => name === `${block.name}_${own}`),
    );
  const roles = new Map<tf.layers.Layer, LayerRole>();
  for (const { sourceLayer } of listed(downsampling)) roles.set(sourceLayer, 'block.downsample');
  const main = listed(convs);
  for (const { sourceLayer } of main) roles.set(sourceLayer, 'block.out');
  for (const { sourceLayer } of tensorsBehind(
    main.flatMap(({ inputs }) => inputs),
    x,
  )) {
    if (roles.get(sourceLayer) === 'block.out') roles.set(sourceLayer, 'block.inner');
  }
  const unlisted = kernels.find(({ sourceLayer: layer }) => !roles.has(layer) && !hasRole(layer));
  if (unlisted) {
    throw new TypeError(
      `block ${block.name} makes the layer ${unlisted.sourceLayer.name}, which its decorator does ` +
        `not list: convs ${convs.join(', ')}; downsampling ${downsampling.join(', ') || 'none'}`,
    );
  }
  for (const [layer, role] of roles) recordRole(layer, { role, block: block.name, kind });
}

/** The given tensors and all that they are computed from, up to `x`, which is not among them. */
function tensorsBehind(tensors: readonly Tensor[], x: Tensor): Set<Tensor> {
  const found = new Set<Tensor>();
  const waiting = [...tensors];
  for (let tensor = waiting.pop(); tensor; tensor = waiting.pop()) {
    if (tensor === x || found.has(tensor)) continue;
    found.add(tensor);
    waiting.push(...tensor.inputs);
  }
  return found;
}
