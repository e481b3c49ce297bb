import { OptionError } from '../errors';

/** Where a network's stem comes from: small images cannot afford ImageNet's five halvings. */
export type Variant = 'imagenet' | 'cifar';

/** How a block's input reaches its sum where the shape changes. */
export type Shortcut = 'A' | 'B';

/** What every network of the zoo can be asked for. */
export interface NetworkOptions {
  /** [height, width, channels]. */
  readonly inputShape: readonly [number, number, number];
  /** Length of the logits, 1 or more. */
  readonly classes: number;
  /**
   * `A`: subsample and append zero channels, no weights; `B`: 1x1 convolution. Default: A in the CIFAR
   * ResNets, B in the others; networks without such shortcuts ignore it.
   */
  readonly shortcut?: Shortcut;
  /** Determines the initial weights together with each layer's name; null leaves kernels at zero. Default 1. */
  readonly seed?: number | null;
  /** Factor on every width, above 0; each network rounds as its authors do. Default 1. */
  readonly width?: number;
  /** Filters (Dense: units) by layer name, where they differ from what `width` gives. */
  readonly filters?: Readonly<Record<string, number>>;
  /**
   * `cifar` leaves out the first two halvings of the image (a 7x7 stem becomes 3x3) and, in AlexNet and
   * VGG, the hidden Dense layers. Default: `imagenet` from images of 112 x 112 (AlexNet, VGG: 224 x 224).
   */
  readonly variant?: Variant;
  /** Rate of the dropout layers of networks that have some; 0 leaves them out. Default: their authors'. */
  readonly dropout?: number;
}

/** The variant asked for, else the one that suits images of this size. */
export function variantOf(
  { variant, inputShape }: NetworkOptions,
  { smallest = 112 }: { readonly smallest?: number } = {},
): Variant {
  return variant ?? (Math.min(inputShape[0], inputShape[1]) < smallest ? 'cifar' : 'imagenet');
}

/**
 * Refuses options that describe no network.
 *
 * @throws {OptionError} naming the option, what it allows and what it got.
 */
export function checkOptions(options: NetworkOptions): void {
  checkCounts(options);
  const { width = 1, dropout = 0 } = options;
  if (!(width > 0) || width === Infinity) {
    throw new OptionError({ option: 'width', allowed: 'a factor above 0', received: width });
  }
  if (!(dropout >= 0) || dropout >= 1) {
    throw new OptionError({ option: 'dropout', allowed: 'in [0, 1)', received: dropout });
  }
}

function checkCounts({ inputShape, classes, filters = {} }: NetworkOptions): void {
  const counts = [
    ...inputShape.map((size, axis) => [`inputShape[${axis}]`, size] as const),
    ['classes', classes] as const,
    ...Object.entries(filters).map(([name, count]) => [`filters of ${name}`, count] as const),
  ];
  for (const [name, count] of counts) {
    if (!Number.isInteger(count) || count < 1) {
      throw new OptionError({ option: name, allowed: 'a whole number from 1', received: count });
    }
  }
}
