import { factsOf, isObserving, methodIds } from '../../../methods/catalogue';
import type { RandomStream } from '../../../random/seeds';
import { chance, oneOf } from '../../graph/fixtures/random-graph';

/** The images that a method which observes sees, few for plain JavaScript. */
const few = [
  '--limit-train',
  '8',
  '--limit-test',
  '4',
  '--batch-size',
  '4',
  '--observe-batches',
  '1',
];

/** Options of `prune` beside where it reads and writes; methods that look at images where there are some. */
export function drawArguments(random: RandomStream, hasImages: boolean): string[] {
  const seeing = methodIds.filter((id) => isObserving(id, { entropyOf: 'activations' }));
  const blind = methodIds.filter((id) => !isObserving(id, {}) && id !== 'slimming');
  const method = hasImages
    ? oneOf(random, seeing)
    : chance(random, 0.02)
      ? 'slimming'
      : oneOf(random, [...blind, 'norm-filter', 'fpgm'] as const);
  const isOfFilters = factsOf(method).unit === 'filter';
  return [
    ...['--method', method, '--rate', oneOf(random, ['0.34', '0.5', '0.7'])],
    ...['--seed', `${random.integer(1000)}`],
    ...(method === 'entropy-filter' && hasImages ? ['--entropy-of', 'activations'] : []),
    ...(hasImages ? few : []),
    ...(chance(random, 0.4) ? ['--prune-frozen'] : []),
    ...(isOfFilters ? ofFilters(random) : []),
    ...(!isOfFilters && chance(random, 0.2) ? ['--scope', 'global'] : []),
  ];
}

function ofFilters(random: RandomStream): string[] {
  return [
    ...['--residual', oneOf(random, ['coupled', 'coupled', 'inner', 'stream'])],
    ...['--merge', oneOf(random, ['mean', 'sum', 'max', 'and', 'or', 'score'])],
    ...(chance(random, 0.2) ? ['--scope', oneOf(random, ['global', 'adaptive'])] : []),
    ...(chance(random, 0.1) ? ['--round-to', '2'] : []),
    ...(chance(random, 0.1) ? ['--min-keep', '2'] : []),
  ];
}
