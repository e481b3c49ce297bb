export { batchNormalizeTraining } from './batch-normalization';
export { softmaxCrossEntropy } from './cross-entropy';
export { installFusedGradients } from './gradients';
