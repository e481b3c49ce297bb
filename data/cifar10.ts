import { openCifar, type CifarLayout } from './cifar';
import type { DataSetEntry } from './data-set';

/** The published binary version of CIFAR-10. */
export const cifar10Layout: CifarLayout = {
  folder: 'cifar-10-batches-bin',
  labels: [10],
  train: {
    files: [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`),
    imagesPerFile: 10_000,
  },
  test: { files: ['test_batch.bin'], imagesPerFile: 10_000 },
  archive: {
    name: 'cifar-10-binary.tar.gz',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    bytes: 170_052_171,
    sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
  },
};

/**
 * CIFAR-10: 60,000 colour photographs, 32 x 32, in 10 classes; needs `folder` (see `openCifar`).
 *
 * Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
 */
export const cifar10: DataSetEntry = {
  title: 'CIFAR-10',
  classes: [
    'airplane',
    'automobile',
    'bird',
    'cat',
    'deer',
    'dog',
    'frog',
    'horse',
    'ship',
    'truck',
  ],
  height: 32,
  width: 32,
  channels: 3,
  // The figures of Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016, and of the FPGM code.
  mean: [125.3 / 255, 123.0 / 255, 113.9 / 255],
  deviation: [63.0 / 255, 62.1 / 255, 66.7 / 255],
  augmentation: { pad: 4, flip: true },
  // He et al., "Filter Pruning via Geometric Median", CVPR 2019, section 4.1, but for the cosine.
  recipe: {
    epochs: 200,
    batchSize: 128,
    learningRate: 0.1,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: 'cosine',
    limitTrain: 0,
    limitValidation: 0,
    limitTest: 0,
  },
  open: (options) => openCifar(cifar10Layout, options),
};
