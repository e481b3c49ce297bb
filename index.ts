/** The public library: everything a program needs to train, prune, prove and write a network. */
export { describeEngine, startEngine } from './backend/engine';
export type { Engine, EngineChoice } from './backend/engine';
export { permutation, RandomStream, seedOf } from './backend/random';
export {
  batchCount,
  channelStatistics,
  DataError,
  dataSets,
  evaluationBatches,
  loadDataSet,
  readDataSet,
  subsetOf,
  trainingBatches,
} from './data';
export type {
  Augmentation,
  Batch,
  DataOptions,
  DataSet,
  DataSetEntry,
  DataSetId,
  ImageSet,
  OpenedDataSet,
  Recipe,
} from './data';
export {
  composeKeep,
  harden,
  inflate,
  levelPath,
  mask,
  ModelFileError,
  onnxModel,
  PruningManager,
  pruningManifest,
  pruningOf,
  readModel,
  TOLERANCE,
  typescriptSource,
  UnsupportedLayerError,
  VerificationError,
  verify,
  writeLevel,
  writeLevels,
  writeModel,
} from './export';
export type {
  Comparison,
  Extras,
  Level,
  LevelFiles,
  LevelPlace,
  ManifestFacts,
  PrunedChannel,
  Pruning,
  SourceBlock,
  SourceOptions,
  Verification,
} from './export';
export {
  ChannelGraph,
  dotOf,
  keepAll,
  layerHandler,
  NotPrunableError,
  readSchema,
  registerLayerHandler,
  requireMasks,
  schemaOf,
  similarity,
} from './graph';
export type {
  ChannelGroup,
  Channels,
  GraphOptions,
  KeepSet,
  LayerCall,
  LayerCost,
  LayerHandler,
  Producer,
  Remainder,
  Residual,
  Schema,
  Tracer,
} from './graph';
export { clearMasks, prunable, setMasks, stock, weightsByName, zeroMasked } from './layers';
export type { LayerKeep, MaskExtent } from './layers';
export {
  filterRows,
  GeometricMedian,
  Methodology,
  methods,
  NormFilter,
  NormWeight,
} from './methods';
export type {
  KernelReader,
  LayerRate,
  Merge,
  MethodId,
  MethodOptions,
  Regrowth,
  Scope,
} from './methods';
export * from './models';
export { measureLatency } from './report/latency';
export { createProgress } from './report/progress';
export type { Progress } from './report/progress';
export { classifier, handOver, sampleImages } from './trainer/hand-over';
export type { HandedOver, HandOver } from './trainer/hand-over';
export { constant, cosine, multiStep } from './trainer/learning-rate';
export type { LearningRate } from './trainer/learning-rate';
export { Adam, Sgd } from './trainer/optimizer';
export type { AdamOptions, Optimizer, SgdOptions } from './trainer/optimizer';
export { RunDirectory } from './trainer/run-directory';
export { StopRequest } from './trainer/signals';
export { EagerStep } from './trainer/step';
export type { LabelledBatch, TrainingStep } from './trainer/step';
export { DivergedError, Trainer } from './trainer/trainer';
export type { Best, TrainerOptions } from './trainer/trainer';
export { evaluate } from './trainer/validation';
export type { Evaluation } from './trainer/validation';
