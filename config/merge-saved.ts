/** A run that goes on: the options that it began with, and what a later call may change of them. */
import { isDeepStrictEqual } from 'node:util';
import type { ConfigOf, Key } from '../config';
import { entryOf } from '../data/catalogue';
import { usualLimits } from '../data/recipe';
import { ConfigError } from './error';
import { isSamePlace } from './paths';
import { resolveTraining } from './resolve';
import { differences } from './saved';

type Config = ConfigOf<'train'>;

/** What a later call says: its options, and where each came from. */
interface Call {
  readonly config: Config;
  readonly sources: Readonly<Record<string, string>>;
}

/**
 * The options of a run that goes on. What the run left to the recipe may be said outright; more epochs than it
 * began with are added to it.
 *
 * @param saved what its config.json holds.
 * @param folder of the run, for messages.
 * @throws {ConfigError} when the call changes what shapes the run.
 */
export function mergeSaved(
  call: Call,
  saved: Readonly<Record<string, unknown>>,
  folder: string,
): Config {
  const { config, sources } = call;
  const usual = fillIn({ ...config, ...saved });
  const isOfRun = (key: string): boolean =>
    sources[key] === 'default' ||
    isSamePlace(key as Key, saved[key], config[key as keyof Config]) ||
    (saved[key] === null && isDeepStrictEqual(usual[key], config[key as keyof Config]));
  const kept = Object.entries(saved).filter(([key]) => isOfRun(key));
  const merged: Config = { ...config, ...Object.fromEntries(kept) };
  const lengthened = { ...merged, ...lengthen(call, saved, usual.epochs) };
  const [first] = differences(saved, lengthened);
  if (!first) return lengthened;
  const begun =
    first.saved === null && usual[first.key] !== null
      ? `${JSON.stringify(usual[first.key])}, as the recipe says`
      : JSON.stringify(first.saved);
  throw new ConfigError({
    key: first.flag,
    problem: `must be what the run ${folder} began with, ${begun}`,
    received: first.current,
    source: sources[first.key] ?? 'default',
  });
}

/** The options with all that the recipe makes of those that say nothing. */
function fillIn(config: Config): Record<string, unknown> & { readonly epochs: number } {
  const { recipe, classes } = entryOf(config.dataset);
  const { subsetClasses, validationFraction } = config;
  const share = [subsetClasses.length || classes.length, classes.length] as const;
  return {
    ...resolveTraining(config),
    ...usualLimits(recipe, { share, validationFraction }),
  };
}

/** `--epochs` beyond those that a run began with, as the epochs added to it. */
function lengthen(
  { config: { epochs, moreEpochs }, sources }: Call,
  saved: Readonly<Record<string, unknown>>,
  begun: number,
): Partial<Pick<Config, 'epochs' | 'moreEpochs'>> {
  const before = typeof saved.moreEpochs === 'number' ? saved.moreEpochs : 0;
  const isTotal = sources.epochs !== 'default' && epochs !== null && epochs > begun;
  if (sources.moreEpochs !== 'default' || !isTotal) {
    if (sources.moreEpochs === 'default' || moreEpochs >= before) return {};
    throw refuseShorter('--more-epochs', before, moreEpochs, sources.moreEpochs);
  }
  const added = epochs - begun;
  if (added < before) throw refuseShorter('--epochs', begun + before, epochs, sources.epochs);
  return { epochs: (saved.epochs ?? null) as number | null, moreEpochs: added };
}

function refuseShorter(
  key: string,
  least: number,
  received: number,
  source = 'default',
): ConfigError {
  const problem = `must be ${least} or more, to which the run has been lengthened`;
  return new ConfigError({ key, problem, received, source });
}
