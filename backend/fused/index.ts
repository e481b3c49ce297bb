export { batchNormalizeTraining } from './batch-normalization';
export { sigmoidCrossEntropy, softmaxCrossEntropy } from './cross-entropy';
export { installFusedGradients } from './gradients';
