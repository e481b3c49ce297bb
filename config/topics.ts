/** What the help is asked about: `--help prune`, `help pruning`, `prune --help data`. */
import type { Command } from '../config';
import { commandNames, groups, options } from '../config';
import { ConfigError } from './error';
import { nearest } from './nearest';

/** A heading of the help. */
export type Section = (typeof groups)[number];

/** A command, null for the whole program, and the sections that are shown alone, none for all of them. */
export interface Topic {
  readonly command: Command | null;
  readonly sections: readonly Section[];
}

/** The headings under which a command has options. */
export function sectionsOf(command: Command): Section[] {
  return groups.filter((group) =>
    [...options.values()].some(
      (option) => option.group === group && option.commands.includes(command),
    ),
  );
}

/**
 * The topic that words name, in any order and case.
 *
 * @param elsewhere the command that is named elsewhere on the command line.
 * @throws {ConfigError} for a word that names neither a command nor a section of its help.
 */
export function readTopic(words: readonly string[], elsewhere: Command | null): Topic {
  const lower = words.map((word) => word.toLowerCase());
  const command = commandNames.find((name) => lower.includes(name)) ?? elsewhere;
  const offered = sectionsOf(command ?? commandNames[0]!);
  const others = lower.filter((word) => word !== command);
  const sections = others.map((word) => {
    const section = offered.find((name) => name.toLowerCase() === word);
    if (section === undefined) throw noTopic(word, command, offered);
    return section;
  });
  return { command, sections };
}

function noTopic(word: string, command: Command | null, offered: readonly Section[]): ConfigError {
  const sections = offered.map((section) => section.toLowerCase());
  const named = command === null ? commandNames : [];
  const known = [...sections, ...named].join(', ');
  const problem = `is no topic of the help${command === null ? '' : ` of ${command}`}; there are ${known}`;
  const near = nearest(word, [...sections, ...named]);
  return new ConfigError({
    key: JSON.stringify(word),
    problem,
    source: 'command line',
    nearest: near,
  });
}
