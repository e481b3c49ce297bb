// training
export { prepareTraining } from './prepare-training';
export type { PreparedTraining, TrainingOptions } from './prepare-training';
export { describeResult, measureShare } from './describe-result';
export { identifyRun, runTraining, trainAndPrune } from './train-and-prune';
export type {
  RunOptions,
  RunRecord,
  TrainAndPruneOptions,
  TrainedAndPruned,
} from './train-and-prune';

// pruning without training
export { pruneOnce } from './prune-once';
export type { PrunedOnce, PruneOptions } from './prune-once';
export { pruneLevels } from './prune-levels';
export type { LevelsOptions, NetworkSize, PrunedLevel, PrunedLevels } from './prune-levels';
export { scanSensitivity } from './scan-sensitivity';
export type { ScanOptions } from './scan-sensitivity';

// writing a network as it is
export { writeStock } from './write-stock';
export type { StockOptions, WrittenStock } from './write-stock';

// what there is by name
export { listRegistered } from './registered';

// the parts that jobs share
export { ReadBackError } from './prove-written';
export { createClassifier, handOver, sampleImages } from './hand-over';
export type { HandedOver, HandOver } from './hand-over';
export { chooseMethod, traceNetwork } from './choose-method';
export type { MethodChoice, PruningOptions } from './choose-method';
export { applySchema, countBnBatches } from './choose-removal';
export type { Removed } from './choose-removal';
export { feedImages } from './feed-images';
export type { FeedOptions } from './feed-images';
export { loadImages } from './load-images';
export type { ImageOptions } from './load-images';
export { loadModel, requireFit } from './load-model';
export type { LoadedModel, ModelOptions } from './load-model';
export { countTarget, describeAttained, describeTarget, findTarget } from './targets';
export type { MetTarget, TargetKey, TargetOptions } from './targets';
export type { TeacherOptions } from './load-teacher';
export type { TimeOptions } from './pruning-times';
export { evaluateNetwork } from './evaluate-network';
