import type { DataSetEntry } from './data-set';
import { noDownload, openIdxFolder } from './idx-folder';

/** Where the Debian package dataset-fashion-mnist puts its files. */
const DEBIAN_FOLDER = '/usr/share/datasets/fashion-mnist';

/**
 * Fashion-MNIST: 70,000 pictures of clothes, 28 x 28, grey. Read from `folder`, by default from where
 * the Debian package `dataset-fashion-mnist` puts them.
 *
 * Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST", 2017, arXiv:1708.07747.
 */
export const fashionMnist: DataSetEntry = {
  title: 'Fashion-MNIST',
  classes: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  height: 28,
  width: 28,
  channels: 1,
  // Over the 60,000 training images, by channelStatistics; test/data/statistics.test.ts repeats it.
  mean: [0.28604],
  deviation: [0.35302],
  augmentation: { pad: 2, flip: true },
  recipe: {
    epochs: 20,
    batchSize: 128,
    learningRate: 0.1,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: 'cosine',
    limitTrain: 0,
    limitValidation: 0,
    limitTest: 0,
  },
  open({ folder, download }) {
    if (download) {
      return Promise.reject(noDownload('fashion-mnist'));
    }
    return Promise.resolve().then(() => openIdxFolder(folder ?? DEBIAN_FOLDER, PUBLISHED));
  },
};

const PUBLISHED = {
  classes: 10,
  // After decompression: distributions compress the same files differently.
  checksums: {
    'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
    'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
    't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
    't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
  },
  remedy: 'install the Debian package dataset-fashion-mnist or name a folder that holds the files',
};
