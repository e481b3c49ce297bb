export { BatchStatistics } from './batch-statistics';
export { callsInOrder, nameOf, tensorKey } from './call-order';
export type { OrderedCall } from './call-order';
export { hasPrunableTwin, prunable, stock, stockClassName, stockConfigOf } from './conversion';
export { SeededDropout } from './dropout';
export { clearMasks, maskedReader, maskedWeights, setMasks, zeroMasked } from './masking';
export type { MaskExtent } from './masking';
export { isPrunable, readMasked } from './prunable';
export type { LayerKeep, MaskedWeight, Prunable } from './prunable';
export {
  assignWeight,
  configOf,
  copyWeights,
  forEachLayer,
  isModel,
  modelOf,
  layerOf,
  weightReader,
  weightsByName,
} from './rebuild';
export type { InboundNode, InboundReference, LayerConfig, ModelConfig } from './rebuild';
export { watchingCalls } from './watched-calls';
export type { WatchedCall } from './watched-calls';
