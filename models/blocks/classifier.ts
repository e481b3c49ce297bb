import type * as tf from '@tensorflow/tfjs';
import type { Variant } from '../network-options';
import type { Parts } from './parts';

/** Units of the two hidden layers. */
const HIDDEN = 4096;

interface ClassifierOptions {
  readonly variant: Variant;
  /** Height and width of the map that the first Dense layer reads. */
  readonly map: number;
  /** Indexes among torchvision's `classifier`: two dropout layers, each before or behind a Dense one. */
  readonly dropouts: readonly [number, number];
  /** Indexes of the three Dense layers. */
  readonly dense: readonly [number, number, number];
}

/**
 * The head of AlexNet and VGG: three Dense layers over a map of fixed size, ReLU and dropout between.
 *
 * For CIFAR one Dense layer over the mean of each channel, as the pruning papers have it.
 */
export function classifier(
  parts: Parts,
  features: tf.SymbolicTensor,
  { variant, map, dropouts, dense }: ClassifierOptions,
): tf.SymbolicTensor {
  if (variant === 'cifar') return parts.linear(parts.globalAveragePooling(features), 'classifier');
  let x = parts.flatten(parts.adaptiveAveragePooling(features, { name: 'avgpool', size: map }));
  const named = (index: number): string => `classifier_${index}`;
  for (let index = 0; index < dense[2]; index++) {
    if (dropouts.includes(index)) x = parts.dropout(x, named(index), 0.5);
    if (!dense.includes(index)) continue;
    x = parts.hidden(x, { name: named(index), units: parts.scaled(HIDDEN) });
    x = parts.activation(x, named(index + 1));
  }
  return parts.linear(x, named(dense[2]));
}
