import { entryOf } from './catalogue';
import type { AnyDataSetId } from './catalogue';
import type { DataOptions, DataSet } from './data-set';
import { readDataSet } from './load';

export { batchCount, evaluationBatches, trainingBatches } from './batches';
export type { Batch, LabelledBatch, TrainingBatchOptions } from './batches';
export { dataSetIds, dataSets, entryOf } from './catalogue';
export type { AnyDataSetId, DataSetId } from './catalogue';
export { findImbalance, requireClassWeights, weighClasses } from './class-weights';
export type { ClassWeights, Imbalance } from './class-weights';
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
export { registerDataSet } from './register';
export { chooseLearning, usualLimits } from './recipe';
export type { Asked, ImageCounts, ImageLimits, Learning } from './recipe';
export { channelStatistics } from './statistics';
export { requireImages } from './split';
export { subsetOf } from './subset';

/**
 * Loads a data set by name; see `readDataSet`.
 *
 * @throws {OptionError} on an unknown name or an option out of range.
 * @throws {DataError} on missing or damaged files.
 */
export async function loadDataSet(name: AnyDataSetId, options: DataOptions): Promise<DataSet> {
  return readDataSet(name, entryOf(name), options);
}
