import { OptionError } from '../errors';
import { dataSets } from './catalogue';
import type { DataSetId } from './catalogue';
import type { DataOptions, DataSet } from './data-set';
import { readDataSet } from './load';

export { batchCount, evaluationBatches, trainingBatches } from './batches';
export type { Batch, LabelledBatch, TrainingBatchOptions } from './batches';
export { dataSets } from './catalogue';
export type { DataSetId } from './catalogue';
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
export {
  describeScale,
  fitsChannels,
  INPUT_SCALE_FORMS,
  isSameScale,
  rawScale,
  readInputScale,
  withScale,
} from './input-scale';
export type { InputScale } from './input-scale';
export { readDataSet } from './load';
export { chooseLearning, usualLimits } from './recipe';
export type { Asked, ImageCounts, ImageLimits, Learning } from './recipe';
export { channelStatistics } from './statistics';
export { subsetOf } from './subset';

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
