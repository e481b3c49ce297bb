export {
  ChannelGraph,
  constrain,
  findClass,
  findGroup,
  findOutputsBehind,
  findWeightBehind,
  matchLayers,
} from './channel-graph';
export type { Constraints, GraphOptions } from './channel-graph';
export { countCosts, countMacs, countParams, expansionName } from './costs';
export type { LayerCost } from './costs';
export type { ChannelGroup, Producer } from './grouping';
export {
  checkKeep,
  projectCalls,
  projectClasses,
  projectIndices,
  projectLayers,
} from './projection';
export { layerHandler, registerLayerHandler } from './handler';
export type { LayerCall, LayerHandler, Remainder } from './handler';
export type { Channels } from './channels';
export { NotPrunableError } from './not-prunable-error';
export { requireMasks } from './require-masks';
export type { Unit } from './require-masks';
export { keepAll, keepFromJson, keepToJson, removedUnits, similarity, union } from './keep-set';
export type { KeepSet } from './keep-set';
export { Network } from './network';
export type { Removal } from './network';
export { dotOf } from './dot';
export { readSchema, schemaOf } from './schema';
export type { Schema } from './schema';
export type { Selection } from './selection';
export type { Residual, Role, Tracer, WeightSlice } from './tracer';
