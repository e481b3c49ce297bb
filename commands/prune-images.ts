import { options } from '../config';
import type { ConfigOf } from '../config';
import { ConfigError } from '../config/error';
import type { Run } from '../config/parse';
import { countBnBatches } from '../jobs';
import { isObserving } from '../methods';

/** What speaks of images, and so has no effect where none are looked at. */
const ofImages = [
  'dataDir',
  'download',
  'subsetClasses',
  'inputScale',
  'validationFraction',
  'limitTrain',
  'limitValidation',
  'limitTest',
  'batchSize',
  'loss',
] as const satisfies readonly (keyof ConfigOf<'prune'>)[];

/**
 * Whether pruning has to look at images: for the method, for the statistics, for the accuracy, or since
 * the data set was named. With --rates a data set is a name only.
 *
 * @throws {ConfigError} when it has not, and an option speaks of them all the same.
 */
export function needsImages({ config, sources }: Run<'prune'>): boolean {
  const { method, rates, maxDrop } = config;
  const isNamed = sources.dataset === 'command line' && rates.length === 0;
  const isObserved = method !== 'none' && isObserving(method, config);
  if (isNamed || isObserved || countBnBatches(config) > 0 || maxDrop !== null) return true;
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
