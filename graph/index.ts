// a network: its model, its graph, what was removed
export { Network } from './network';
export type { Removal } from './network';

// the graph: channel groups and the slices of weights that belong to them
export {
  ChannelGraph,
  constrain,
  findClass,
  findGroup,
  findOutputsBehind,
  findWeightBehind,
  matchLayers,
} from './channel-graph';
export type { Constraints, GraphOptions, SizedCalls } from './channel-graph';
export type { ChannelGroup, Producer } from './grouping';
export { frozenReason } from './selection';
export type { Selection } from './selection';
export type { Residual, Role, WeightSlice } from './tracer';
export { NotPrunableError } from './not-prunable-error';

// how large its inputs are
export {
  chooseInputShapes,
  countAt,
  describeShape,
  describeSizes,
  refuseSize,
} from './input-shapes';
export { boundIntegers } from './integer-inputs';

// a keep set, and what it leaves
export { keepAll, keepFromJson, keepToJson, removedUnits, similarity, union } from './keep-set';
export type { KeepSet } from './keep-set';
export { describeKept } from './describe-kept';
export {
  checkKeep,
  projectCalls,
  projectClasses,
  projectIndices,
  projectLayers,
} from './projection';
export { requireMasks } from './require-masks';
export type { Unit } from './require-masks';

// costs
export { countCosts, countMacs, countParams, expansionName } from './costs';
export type { LayerCost } from './costs';

// as a person reads it
export { dotOf } from './dot';
export { readSchema, schemaOf } from './schema';
export type { Schema } from './schema';

// a handler for each class of layers
export { handledClasses, layerHandler, registerLayerHandler } from './handler';
export type { LayerCall, LayerHandler, Remainder } from './handler';
export type { Channels } from './channels';
export type { Tracer } from './tracer';
