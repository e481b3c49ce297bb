export { ChannelGraph, expansionName } from './channel-graph';
export type { ChannelGroup, GraphOptions, LayerCost, Producer } from './channel-graph';
export { layerHandler, registerLayerHandler } from './handler';
export type { LayerCall, LayerHandler, Remainder } from './handler';
export type { Channels } from './channels';
export { keepAll, keepFromJson, keepToJson, removedUnits, similarity } from './keep-set';
export type { KeepSet } from './keep-set';
export type { Selection } from './selection';
export type { Residual, Role, Tracer, WeightSlice } from './tracer';
