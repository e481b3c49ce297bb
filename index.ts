/** The public library: everything a program needs to train, prune, prove and write a network. */
export { OptionError, SecateurError, StoppedError } from './errors';
export type { OptionFault } from './errors';
export { breathe } from './stopping';
export { describeEngine, startEngine } from './backend/engine';
export type { Engine, EngineChoice } from './backend/engine';
export { permutation, RandomStream, seedOf } from './random/seeds';
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
  LabelledBatch,
  OpenedDataSet,
  Recipe,
} from './data';
export {
  composeKeep,
  harden,
  inflate,
  mask,
  PruningManager,
  pruningManifest,
  pruningOf,
  strip,
  TOLERANCE,
  VerificationError,
  verify,
} from './surgery';
export {
  levelPath,
  ModelFileError,
  onnxModel,
  readModel,
  readSparse,
  sparseWeights,
  typescriptSource,
  unpackSparse,
  UnsupportedLayerError,
  weightBytes,
  weightFileSizes,
  writeLevel,
  writeLevels,
  writeModel,
} from './formats';
export type { Comparison, ManifestFacts, PrunedChannel, Verification } from './surgery';
export type {
  Extras,
  Level,
  LevelFiles,
  LevelPlace,
  SourceBlock,
  SourceOptions,
  SparseEntry,
  WeightFileSizes,
} from './formats';
export {
  ChannelGraph,
  chooseInputShapes,
  checkKeep,
  constrain,
  countCosts,
  countMacs,
  countParams,
  dotOf,
  findGroup,
  keepAll,
  layerHandler,
  Network,
  NotPrunableError,
  projectCalls,
  projectClasses,
  projectIndices,
  projectLayers,
  readSchema,
  registerLayerHandler,
  requireMasks,
  schemaOf,
  similarity,
} from './graph';
export type {
  ChannelGroup,
  Channels,
  Constraints,
  GraphOptions,
  KeepSet,
  LayerCall,
  LayerCost,
  LayerHandler,
  Producer,
  Remainder,
  Removal,
  Residual,
  Schema,
  Tracer,
} from './graph';
export { clearMasks, prunable, setMasks, stock, weightsByName, zeroMasked } from './layers';
export type { LayerKeep, MaskExtent } from './layers';
export {
  AverageZeros,
  choose,
  chooseUnits,
  completePolicy,
  createMethod,
  EntropyFilter,
  EntropyWeight,
  filterRows,
  finalMoment,
  GeometricMedian,
  importances,
  Lamp,
  Methodology,
  methods,
  NotFiniteError,
  NormFilter,
  NormWeight,
  patternOf,
  patternRate,
  patternText,
  proposeByRate,
  RandomFilter,
  RandomWeight,
  RateLimitError,
  schedules,
  scoreKernels,
  Slimming,
  startingAt,
  TaylorFilter,
  TaylorWeight,
  unitOf,
} from './methods';
export type {
  AnyMethodOptions,
  Choice,
  Evidence,
  Gathering,
  KernelReader,
  KernelScores,
  LayerRate,
  Merge,
  MethodId,
  Moment,
  Observes,
  Pattern,
  Policy,
  PolicyOptions,
  Propose,
  RateSchedule,
  Regrowth,
  Schedule,
  ScheduleId,
  Scope,
  Scorable,
  ScoreContext,
  Scores,
  ScoringOptions,
} from './methods';
export * from './models';
export { measureLatency } from './measure/latency';
export { drawInputs } from './measure/sample-inputs';
export { createProgress } from './report/progress';
export type { Progress } from './report/progress';
export { sentencesOf, showTraining } from './report/training';
export type { ShownEvent } from './report/training';
export { dotPlot, linePlot } from './report/plot';
export type { DotPlot, LinePlot, Point, Sample, Series } from './report/plot';
export { sensitivityCsv, sensitivityPlot, tolerableRates } from './report/sensitivity';
export type {
  Quality,
  Sensitivity,
  SensitivityGroup,
  SensitivityPoint,
} from './report/sensitivity';
export * from './jobs';
export { observationBatches, withEvidence } from './measure/observe/evidence';
export { firstBatches, gatherEvidence } from './measure/observe/observation';
export type { GatheredEvidence } from './measure/observe/observation';
export { RunDirectory } from './files/run/run-directory';
export { scanGroups } from './measure/search/sensitivity';
export type { GroupScan } from './measure/search/sensitivity';
export { OtherScanError, SensitivityLog } from './measure/search/sensitivity-log';
export { ResumeMismatchError } from './files/run/same-run';
export { listenForStop } from './files/run/signals';
export type { StopListener } from './files/run/signals';
export { reestimate, sampleBatches } from './measure/batch-statistics';
export type { SampleOptions } from './measure/batch-statistics';
export { solveLatency } from './measure/search/latency-target';
export type { LatencySearch, LatencyTarget } from './measure/search/latency-target';
export { AccuracyDropError, highestRate } from './measure/search/max-drop';
export type { DropSearch, JudgedRate } from './measure/search/max-drop';
export { PrunedCopy } from './measure/pruned-copy';
export type { PrunedCopyOptions } from './measure/pruned-copy';
export { solveRate, TargetedRate, UnreachableTargetError } from './measure/search/target';
export type { CountedTarget, FinalRate, SolvedRate, Target } from './measure/search/target';
export { evaluate } from './measure/accuracy';
export type { Evaluation, EvaluationOptions } from './measure/accuracy';
export {
  Adam,
  captureTensors,
  constant,
  cosine,
  createEagerStep,
  Distillation,
  DivergedError,
  EagerStep,
  hold,
  multiStep,
  restoreTensors,
  Sgd,
  Trainer,
  weightsHash,
} from './trainer';
export type {
  AdamOptions,
  Best,
  DistillationOptions,
  EagerStepOptions,
  EpochEnd,
  FilterNorms,
  Happening,
  LearningRate,
  LossContext,
  LossOptions,
  LossTerm,
  Optimizer,
  OptimizerState,
  PhaseName,
  Position,
  PruningClock,
  PruningEvent,
  PruningTimes,
  SgdOptions,
  StepFactory,
  StepParts,
  TrainerOptions,
  TrainingEvent,
  TrainingObserver,
  TrainingStep,
} from './trainer';
