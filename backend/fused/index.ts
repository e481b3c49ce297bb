export { batchNormalizeTraining } from './batch-normalization';
export { sigmoidCrossEntropy, softmaxCrossEntropy } from './cross-entropy';
export { distillationLoss } from './distillation';
export { installFusedGradients } from './gradients';
