/**
 * The one table of options: a convict schema with, for each option, its documentation, format, default and group
 * in the help, and the commands that take it. Parsing, help, validation and the types come from it.
 *
 * It is joined from config/options, a file a group with its rules at its foot; the names that options take come from
 * the catalogues. Nothing here loads TensorFlow, so that `--help` answers at once. A new option is one entry whose
 * default changes nothing, so that older runs still resume.
 */
import type { Command } from './config/commands';
import type { Format } from './config/formats';
import { kebab } from './config/nearest';
import type { Option } from './config/option';
import { dataOptions } from './config/options/data';
import { engineOptions } from './config/options/engine';
import { modelOptions } from './config/options/model';
import { pruningOptions } from './config/options/pruning';
import { runOptions } from './config/options/run';
import { trainingOptions } from './config/options/training';

export { commandNames, commands } from './config/commands';
export type { Command } from './config/commands';
export { ids } from './config/ids';
export { groups } from './config/option';
export type { Option } from './config/option';

/** The convict schema, by the key under which a config file holds the option. */
export const schema = named({
  ...modelOptions,
  ...dataOptions,
  ...pruningOptions,
  ...trainingOptions,
  ...engineOptions,
  ...runOptions,
});

/**
 * Variables that start with SECATEUR_ and are no option, with what each one does: the set-up of the engine reads
 * them. They are listed here since a variable that nobody reads is an error.
 */
export const otherVariables: Readonly<Record<string, string>> = {
  SECATEUR_CACHE: 'folder of the native engine, which several checkouts share',
  SECATEUR_NATIVE: 'off: installing does not set up the native engine',
};

/** The key of an option, as a config file spells it. */
export type Key = keyof typeof schema;

/** The options by key, in the order of the table. */
export const options = new Map(Object.entries(schema)) as ReadonlyMap<Key, Option>;

type ValueOf<K extends Key> = (typeof schema)[K]['format'] extends Format<infer T> ? T : never;

/** The resolved options of one command: only those that it takes. */
export type ConfigOf<C extends Command> = {
  readonly [K in Key as C extends (typeof schema)[K]['commands'][number] ? K : never]: ValueOf<K>;
};

/** Every option there is; a command holds those that it takes. */
export type AllOptions = { readonly [K in Key]: ValueOf<K> };

type Named<E> = { readonly [K in keyof E]: E[K] & { readonly arg: string; readonly env: string } };

/** Adds the two names that follow from the key: `learningRate`, `--learning-rate`, `SECATEUR_LEARNING_RATE`. */
function named<E extends Record<string, object>>(entries: E): Named<E> {
  const pairs = Object.entries(entries).map(([key, entry]) => {
    const arg = kebab(key);
    return [key, { ...entry, arg, env: `SECATEUR_${arg.toUpperCase().replaceAll('-', '_')}` }];
  });
  return Object.fromEntries(pairs) as Named<E>; // same keys, each value with its names added
}
