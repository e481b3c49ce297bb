import type * as tf from '@tensorflow/tfjs';
import type { ConfigOf } from '../config';
import { options } from '../config';
import { ConfigError } from '../config/error';
import type { Run } from '../config/parse';
import { resolveImages } from '../config/resolve';
import type { DataSet } from '../data';
import type { Methodology } from '../methods';
import { dataOf } from './data';
import { checkFits } from './network';
import type { Terminal } from './terminal';

type Config = ConfigOf<'prune'>;

/** What speaks of images, and so has no effect where none are looked at. */
const ofImages = [
  'dataDir',
  'download',
  'subsetClasses',
  'validationFraction',
  'limitTrain',
  'limitValidation',
  'limitTest',
  'batchSize',
] as const satisfies readonly (keyof Config)[];

/** Images, and how many go into a batch. */
export interface Images {
  readonly data: DataSet;
  readonly batchSize: number;
}

/** Training batches for BatchNormalization where a search judges by accuracy and nothing is said. */
const BN_BATCHES = 10;

/** Training batches on which BatchNormalization is measured anew. */
export function bnBatchesOf({ bnBatches, maxDrop }: Config): number {
  return bnBatches ?? (maxDrop === null ? 0 : BN_BATCHES);
}

/**
 * Whether pruning has to look at images: for the method, for the statistics, for the accuracy, or since
 * the data set was named. With --rates a data set is a name only.
 *
 * @throws {ConfigError} when it has not, and an option speaks of them all the same.
 */
export function needsImages(
  { config, sources }: Run<'prune'>,
  method: Methodology | null,
): boolean {
  const isNamed = sources.dataset === 'command line' && config.rates.length === 0;
  const isObserved = method !== null && method.observes !== 'nothing';
  if (isNamed || isObserved || bnBatchesOf(config) > 0 || config.maxDrop !== null) return true;
  for (const key of ofImages) {
    if (sources[key] !== 'command line') continue;
    throw new ConfigError({
      key: `--${options.get(key)!.arg}`,
      problem:
        'has no effect on prune, which looks at images only with --dataset (without --rates), ' +
        '--max-drop, --bn-batches or a method that observes the network',
      received: config[key],
      source: sources[key],
    });
  }
  return false;
}

/** Loads the images and checks that the network is made for them. */
export async function imagesOf(
  config: Config,
  model: tf.LayersModel,
  { progress }: Pick<Terminal, 'progress'>,
): Promise<Images> {
  const choice = resolveImages(config);
  const data = await dataOf(choice);
  const { height, width, channels } = data.train;
  checkFits({ model, source: config.model! }, [height, width, channels], data.classes.length);
  progress.note(
    `images of ${data.name}: ${data.train.count} training, ${data.validation.count} validation`,
  );
  return { data, batchSize: choice.batchSize };
}
