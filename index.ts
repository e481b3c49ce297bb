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
  readSparse,
  sparseWeights,
  strip,
  TOLERANCE,
  typescriptSource,
  unpackSparse,
  UnsupportedLayerError,
  VerificationError,
  verify,
  weightBytes,
  weightFileSizes,
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
  SparseEntry,
  Verification,
  WeightFileSizes,
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
  AverageZeros,
  EntropyFilter,
  EntropyWeight,
  filterRows,
  GeometricMedian,
  importances,
  Lamp,
  Methodology,
  methods,
  NormFilter,
  NormWeight,
  patternOf,
  patternRate,
  patternText,
  RandomFilter,
  RandomWeight,
  schedules,
  Slimming,
  startingAt,
  TaylorFilter,
  TaylorWeight,
} from './methods';
export type {
  KernelReader,
  LayerRate,
  Merge,
  MethodId,
  MethodOptions,
  Observes,
  Pattern,
  RateSchedule,
  Regrowth,
  Schedule,
  ScheduleId,
  Scope,
  ScoreContext,
} from './methods';
export * from './models';
export { measureLatency } from './report/latency';
export { createProgress } from './report/progress';
export type { Progress } from './report/progress';
export { Distillation, weightsHash } from './trainer/distillation';
export type { DistillationOptions } from './trainer/distillation';
export { dotPlot, linePlot } from './report/plot';
export type { DotPlot, LinePlot, Point, Sample, Series } from './report/plot';
export { sensitivityCsv, sensitivityPlot, tolerableRates } from './report/sensitivity';
export type {
  Quality,
  Sensitivity,
  SensitivityGroup,
  SensitivityPoint,
} from './report/sensitivity';
export { classifier, handOver, sampleImages } from './trainer/hand-over';
export type { HandedOver, HandOver } from './trainer/hand-over';
export { constant, cosine, multiStep } from './trainer/learning-rate';
export type { LearningRate } from './trainer/learning-rate';
export type { LossContext, LossTerm } from './trainer/loss';
export { Adam, Sgd } from './trainer/optimizer';
export type { AdamOptions, Optimizer, SgdOptions } from './trainer/optimizer';
export { firstBatches, observed } from './trainer/observation';
export { hold } from './trainer/pruning';
export { RunDirectory } from './trainer/run-directory';
export { scanSensitivity } from './trainer/sensitivity';
export type { SensitivityScan } from './trainer/sensitivity';
export { OtherScanError, SensitivityLog } from './trainer/sensitivity-log';
export { StopRequest } from './trainer/signals';
export { EagerStep } from './trainer/step';
export type { LabelledBatch, TrainingStep } from './trainer/step';
export { captureTensors, restoreTensors } from './trainer/training-state';
export type { PruningClock, PruningTimes } from './trainer/timetable';
export { Trainer } from './trainer/trainer';
export type { Best } from './trainer/trainer';
export { DivergedError } from './trainer/trainer-errors';
export type { TrainerOptions } from './trainer/trainer-options';
export { reestimate, sampleBatches } from './trainer/batch-statistics';
export type { SampleOptions } from './trainer/batch-statistics';
export { solveLatency } from './trainer/latency-target';
export type { LatencyTarget } from './trainer/latency-target';
export { AccuracyDropError, highestRate } from './trainer/max-drop';
export type { DropSearch, JudgedRate } from './trainer/max-drop';
export { PrunedCopy } from './trainer/pruned-copy';
export type { PrunedCopyOptions } from './trainer/pruned-copy';
export { solveRate, TargetedRate, UnreachableTargetError } from './trainer/target';
export type { CountedTarget, FinalRate, SolvedRate, Target } from './trainer/target';
export { evaluate } from './trainer/validation';
export type { Evaluation } from './trainer/validation';
