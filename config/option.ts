/** What an entry of the table of options is, and which commands share one. */
import type { Command } from './commands';
import { commandNames } from './commands';
import type { Format } from './formats';

/** The headings of the help, in its order. */
export const groups = ['Model', 'Data', 'Pruning', 'Training', 'Engine', 'Run'] as const;

/** One option before it has its names. */
export interface OptionEntry<T, C extends Command> {
  /** What the option does, without a full stop. */
  readonly doc: string;
  readonly group: (typeof groups)[number];
  readonly format: Format<T>;
  readonly default: NoInfer<T>; // the format alone says what the type is
  /** What the default means where its value does not say it. */
  readonly defaultDoc?: string;
  /** The commands that take it. */
  readonly commands: readonly C[];
  /** Whether a resumed run may change it: true where the trained network does not depend on it. */
  readonly mayChange?: boolean;
  /** Whether a list may be given in several options, one after the other. */
  readonly mayRepeat?: boolean;
  /** Whether it is of one call only and is not saved with a run. */
  readonly isOfTheCall?: boolean;
}

/** One option of the schema: `arg` and `env` are its names on the command line and in the environment. */
export type Option<T = unknown, C extends Command = Command> = OptionEntry<T, C> & {
  readonly arg: string;
  readonly env: string;
};

/** An entry whose type is what its format and its commands say. */
export function option<T, const C extends Command>(entry: OptionEntry<T, C>): OptionEntry<T, C> {
  return entry;
}

export const everywhere = commandNames;
export const whereModels = [
  'train',
  'prune',
  'evaluate',
  'sensitivity',
  'export',
  'flops',
  'graph',
] as const;
export const whereBuilt = ['train', 'export', 'flops', 'graph'] as const;
export const whereData = ['train', 'evaluate', 'prune'] as const;
export const wherePruned = ['train', 'prune'] as const;
export const whereChosen = ['train', 'prune', 'sensitivity'] as const;
export const whereComputed = ['train', 'prune', 'evaluate', 'sensitivity', 'export'] as const;

/** What the default of an option means that `resolve.ts` fills in. */
export const recipe = "the data set's recipe";
