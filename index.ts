/**
 * The public library, room by room: everything a program needs to train, prune, prove and write a network.
 *
 * What is exported here is public and changes with the version alone; what is not may change at any time.
 */

// jobs: what a command does, with one call
export {
  chooseMethod,
  createClassifier,
  feedImages,
  handOver,
  loadImages,
  loadModel,
  prepareTraining,
  pruneLevels,
  pruneOnce,
  runTraining,
  sampleImages,
  scanSensitivity,
  traceNetwork,
  trainAndPrune,
} from './jobs';
export type {
  FeedOptions,
  HandedOver,
  HandOver,
  ImageOptions,
  LevelsOptions,
  LoadedModel,
  MethodChoice,
  MetTarget,
  ModelOptions,
  NetworkSize,
  PreparedTraining,
  PrunedLevel,
  PrunedLevels,
  PrunedOnce,
  PruneOptions,
  PruningOptions,
  Removed,
  RunOptions,
  RunRecord,
  ScanOptions,
  TargetKey,
  TargetOptions,
  TeacherOptions,
  TimeOptions,
  TrainAndPruneOptions,
  TrainedAndPruned,
  TrainingOptions,
} from './jobs';

// errors, and how work is stopped
export { OptionError, RegistrationError, SecateurError, StoppedError } from './errors';
export type { OptionFault } from './errors';
export { breathe } from './stopping';
export { listenForStop } from './files/run/signals';
export type { StopListener } from './files/run/signals';

// backend: which engine computes
export { describeEngine, startEngine } from './backend/engine';
export type { Engine, EngineChoice } from './backend/engine';

// graph: a network and what it is to pruning
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

// layers: prunable variants of stock layers
export {
  clearMasks,
  prunable,
  setMasks,
  stock,
  weightsByName,
  weightsHash,
  zeroMasked,
} from './layers';
export type { LayerKeep, MaskExtent } from './layers';

// methods: which units go
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
  NormFilter,
  NormWeight,
  NotFiniteError,
  patternOf,
  patternRate,
  patternText,
  proposeByRate,
  RandomFilter,
  RandomWeight,
  RateLimitError,
  registerMethod,
  schedules,
  scoreKernels,
  Slimming,
  startingAt,
  TaylorFilter,
  TaylorWeight,
  unitOf,
} from './methods';
export type {
  AnyMethodId,
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
  RegisteredFacts,
  Regrowth,
  Schedule,
  ScheduleId,
  Scope,
  Scorable,
  ScoreContext,
  Scores,
  ScoringOptions,
} from './methods';

// surgery: what a keep set does to a model
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
export type { Comparison, ManifestFacts, PrunedChannel, Verification } from './surgery';

// formats: bytes in and out
export {
  levelPath,
  ModelFileError,
  onnxModel,
  readModel,
  readSparse,
  setUsage,
  sparseWeights,
  typescriptSource,
  unpackSparse,
  UnsupportedLayerError,
  usageLines,
  usageOf,
  weightBytes,
  weightFileSizes,
  writeLevel,
  writeLevels,
  writeModel,
} from './formats';
export type {
  Extras,
  Level,
  LevelFiles,
  LevelPlace,
  MeasuredAccuracy,
  SourceBlock,
  SourceOptions,
  SparseEntry,
  Usage,
  WeightFileSizes,
} from './formats';

// trainer: the loop, its events, its step, pruning in time
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
  OnNan,
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

// measure: what a network does on images
export { measureLatency } from './measure/latency';
export { drawInputs } from './measure/sample-inputs';
export { observationBatches, withEvidence } from './measure/observe/evidence';
export { firstBatches, gatherEvidence } from './measure/observe/observation';
export type { GatheredEvidence } from './measure/observe/observation';
export { scanGroups } from './measure/search/sensitivity';
export type { GroupScan } from './measure/search/sensitivity';
export { OtherScanError, SensitivityLog } from './measure/search/sensitivity-log';
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
export { findChanceLevel, findDoubt } from './measure/chance';
export type { ChanceLevel } from './measure/chance';
export { findPreprocessing } from './measure/preprocessing';
export type { Head, LossChoice } from './measure/head';

// data: images and batches
export {
  batchCount,
  channelStatistics,
  DataError,
  dataSets,
  evaluationBatches,
  findImbalance,
  loadDataSet,
  readDataSet,
  readInputScale,
  registerDataSet,
  subsetOf,
  trainingBatches,
  weighClasses,
  withScale,
} from './data';
export type {
  AnyDataSetId,
  Augmentation,
  Batch,
  ClassWeights,
  DataOptions,
  DataSet,
  DataSetEntry,
  DataSetId,
  ImageSet,
  Imbalance,
  InputScale,
  LabelledBatch,
  OpenedDataSet,
  Recipe,
} from './data';

// models: networks and the blocks they are made of
export {
  alexNet,
  architectures,
  basicBlock,
  BasicBlock,
  blockLayers,
  bottleneck,
  Bottleneck,
  cifarResNet,
  decoratedBlocks,
  decorator,
  DenseLayer,
  denseLayer,
  denseNet121,
  DepthwiseSeparable,
  efficientNet,
  EfficientNetBlock,
  fire,
  Fire,
  googLeNet,
  Inception,
  inception,
  layerRoles,
  mbConv,
  mnasNet,
  MnasNetBlock,
  mobileNetV1,
  mobileNetV2,
  MobileNetV2Block,
  Parts,
  publishedSize,
  registerNetwork,
  rememberBlocks,
  resNet,
  resnet110,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  roleOf,
  squeezeNet,
  vgg,
} from './models';
export type {
  ActivationId,
  AnyArchitectureId,
  Architecture,
  ArchitectureId,
  Block,
  BlockClass,
  BlockDecorator,
  BlockForm,
  BlockLayer,
  CifarResNetOptions,
  ConvolutionOptions,
  DecoratedBlock,
  EfficientNetOptions,
  EfficientNetStage,
  LayerRole,
  NetworkOptions,
  PoolingOptions,
  PublishedSize,
  ResidualBlockOptions,
  ResNetDepth,
  Shortcut,
  SqueezeNetVersion,
  Variant,
  VggDepth,
  VggOptions,
} from './models';

// report: what a person looks at
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

// files: the folder of a run
export { RunDirectory } from './files/run/run-directory';
export { ResumeMismatchError } from './files/run/same-run';

// random: seeds
export { permutation, RandomStream, seedOf } from './random/seeds';
