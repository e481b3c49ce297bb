import type * as tf from '@tensorflow/tfjs';
import type { DataSet } from '../data';
import { usageOf } from '../formats';
import type { Usage } from '../formats';
import { isClassifier } from './load-model';

/** What a network will say of its use, once its accuracy on the test images is measured; null where it is not. */
export type DescribeUsage = (top1: number | null) => Usage;

/**
 * What is said of the use of a network that was shown images, or, without images, what it was said before; the accuracy
 * of a network before it was pruned is not handed on.
 *
 * @param data scaled as the network takes it; null where it was shown none.
 */
export function describeUsage(model: tf.LayersModel, data: DataSet | null): DescribeUsage {
  if (!data) {
    const { size, layout, mean, deviation, classes } = usageOf(model);
    const carried = { size, layout, mean, deviation, classes };
    const known = Object.entries(carried).filter(([, value]) => value !== undefined);
    return () => Object.fromEntries(known);
  }
  const { height, width, channels } = data.train;
  const input: Usage = {
    ...{ size: [height, width, channels], layout: 'channelsLast' },
    ...{ mean: data.mean, deviation: data.deviation },
  };
  const classes = isClassifier(model) && { classes: data.classes };
  return (top1) => ({
    ...input,
    ...classes,
    ...(top1 !== null && {
      accuracy: { top1, images: data.test.count, dataSet: `${data.name} (test)` },
    }),
  });
}
