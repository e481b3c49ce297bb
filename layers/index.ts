// the prunable variants of stock layers, and back
export { hasPrunableTwin, prunable, stock, stockClassName, stockConfigOf } from './conversion';
export { isPrunable, readMasked } from './prunable';
export type { LayerKeep, MaskedWeight, Prunable } from './prunable';
export { clearMasks, createMaskedReader, listMaskedWeights, setMasks, zeroMasked } from './masking';
export type { MaskExtent } from './masking';
export { SeededDropout } from './dropout';

// what two copies of TensorFlow.js in one program mix up
export { requireOwnModel } from './own-copy';

// the weights of a model, by name
export { assignWeight, copyWeights, layerOf, weightReader, weightsByName } from './rebuild';
export {
  arrayOf,
  captureWeights,
  requireFiniteWeights,
  tensorOf,
  weightNotFinite,
  weightsHash,
} from './weight-values';
export { NotFiniteError } from './not-finite-error';
export { frozenLayers } from './frozen';
export { findTrained } from './trained-weights';

// what would act on them when a file is opened
export { dropActingConstraints, droppedConstraints } from './acting-constraints';
export type { DroppedConstraint } from './acting-constraints';

// a model as its config, its layers and their calls
export { configOf, forEachLayer, isModel, modelOf } from './rebuild';
export type { InboundNode, InboundReference, LayerConfig, ModelConfig } from './rebuild';
export { callsInOrder, nameOf, tensorKey } from './call-order';
export type { OrderedCall } from './call-order';

// what happens in its layers as it computes
export { namingFailures, watchingCalls } from './watched-calls';
export type { WatchedCall } from './watched-calls';
export { BatchStatistics } from './batch-statistics';

// what a model leaves
export { disposeWeights } from './build-model';
