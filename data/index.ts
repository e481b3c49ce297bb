import { OptionError } from '../errors';
import { cifar10 } from './cifar10';
import { cifar100 } from './cifar100';
import type { DataOptions, DataSet } from './data-set';
import { fashionMnist } from './fashion-mnist';
import { readDataSet } from './load';
import { mnist } from './mnist';

export { batchCount, evaluationBatches, trainingBatches } from './batches';
export type { Batch, LabelledBatch, TrainingBatchOptions } from './batches';
export { DataError } from './data-error';
export type {
  Augmentation,
  DataOptions,
  DataSet,
  DataSetEntry,
  ImageSet,
  OpenedDataSet,
  Recipe,
} from './data-set';
export { readDataSet } from './load';
export { channelStatistics } from './statistics';
export { subsetOf } from './subset';

/** Every data set by the name that the command line knows it by. */
export const dataSets = { mnist, 'fashion-mnist': fashionMnist, cifar10, cifar100 } as const;

/** The name of a data set. */
export type DataSetId = keyof typeof dataSets;

/**
 * Loads a data set by name; see `readDataSet`.
 *
 * @throws {OptionError} on an unknown name or an option out of range.
 * @throws {DataError} on missing or damaged files.
 */
export async function loadDataSet(name: DataSetId, options: DataOptions): Promise<DataSet> {
  if (!Object.hasOwn(dataSets, name)) {
    const names = Object.keys(dataSets).join(', ');
    throw new OptionError({ option: 'dataset', allowed: `one of ${names}`, received: name });
  }
  return readDataSet(name, dataSets[name], options);
}
