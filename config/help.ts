/** The help, written from the table of options: nothing in it is kept up to date by hand. */
import type { Command, Key, Option } from '../config';
import { commandNames, commands, groups, options, otherVariables } from '../config';
import { wrapCommand, wrapWords } from '../report/wrap';
import { optionAliases, valueAliases } from './aliases';
import type { Meaning } from './aliases';
import { sectionsOf } from './topics';
import type { Topic } from './topics';

/** What the help is about, and how wide it may be. */
export interface HelpTopic extends Topic {
  readonly program: string;
  readonly version: string;
  /** Of the terminal; lines are not made longer than people like to read. */
  readonly columns: number;
}

/** Columns of the widest line, however wide the terminal: longer ones are hard to read. */
export const HELP_WIDTH = 100;

/** The help of a command, or of some of its sections; that of the program lists the commands and the options of the default command. */
export function helpText(topic: HelpTopic): string {
  const { command, sections, program, version } = topic;
  const page = new Page(Math.min(topic.columns, HELP_WIDTH));
  const shown = command ?? commandNames[0]!;
  const start = command === null ? program : `${program} ${command}`;
  if (sections.length > 0) {
    const lines = sections.flatMap((section) => groupLines(page, section, shown));
    return [...lines.slice(1), '', ...page.words(`All of it: ${start} --help`), ''].join('\n');
  }
  const usage = `${program} ${command ?? '[command]'} [options]`;
  const title =
    command === null ? `Secateur ${version}: ${ABOUT}` : `${command}: ${commands[command].summary}`;
  return [
    ...page.words(title),
    '',
    `Usage: ${usage}`,
    ...(command === null ? commandLines(page, program) : []),
    '',
    ...page.words(sectionWords(shown, start)),
    ...groups.flatMap((group) => groupLines(page, group, shown)),
    '',
    'Help',
    ...page.entry(
      '-h, --help [TOPIC]',
      'this text; of a command or of a section, such as --help pruning',
    ),
    ...page.entry('-v, --version', 'the version'),
    ...footLines(page),
    ...exampleLines(page, shown, start),
    '',
  ].join('\n');
}

function sectionWords(command: Command, start: string): string {
  const names = sectionsOf(command).map((section) => section.toLowerCase());
  return `Sections: ${names.join(', ')}. ${start} --help ${names.at(-1)!} shows one alone.`;
}

const ABOUT =
  'train convolutional networks, prune them while they train, and get back a smaller network ' +
  'that computes the same function.';

function commandLines(page: Page, program: string): string[] {
  const lines = commandNames.flatMap((name, at) =>
    page.entry(name, `${commands[name].summary}${at === 0 ? ' (when no command is named)' : ''}`),
  );
  const more = `${program} prune --help shows the options of prune. Those of ${commandNames[0]!} follow.`;
  return ['', 'Commands', ...lines, '', ...page.words(more)];
}

function groupLines(page: Page, group: string, command: Command): string[] {
  const shown = [...options].filter(
    ([, option]) => option.group === group && option.commands.includes(command),
  );
  if (shown.length === 0) return [];
  return ['', group, ...shown.flatMap(([key, option]) => optionLines(page, key, option, command))];
}

function optionLines(page: Page, key: Key, option: Option, command: Command): string[] {
  const isNeeded = (commands[command].needs as readonly Key[]).includes(key);
  const facts = [
    ...(isSwitch(option) ? [] : [option.format.allowed]),
    isNeeded ? 'needed' : `default: ${option.defaultDoc ?? spell(option.default)}`,
    option.env,
  ];
  const name = isSwitch(option)
    ? `--[no-]${option.arg}`
    : `--${option.arg} ${option.format.placeholder}`;
  return [
    ...page.entry(name, option.doc),
    ...page.below(`[${facts.join('; ')}]`),
    ...otherNames(key, command).flatMap((names) => page.below(names)),
  ];
}

/** Other names of an option and of its values, with what they stand for where that is not plain. */
function otherNames(key: Key, command: Command): string[] {
  const names = Object.entries(optionAliases).filter(([, of]) => of === key);
  const values = Object.entries(valueAliases[key] ?? {}).filter(([, meaning]) =>
    isTaken(meaning, command),
  );
  return [
    ...(names.length === 0 ? [] : [`also ${names.map(([name]) => `--${name}`).join(', ')}`]),
    ...(values.length === 0
      ? []
      : [
          `also ${values.map(([name, meaning]) => `${name} (${spellMeaning(key, meaning)})`).join(', ')}`,
        ]),
  ];
}

function isTaken(meaning: Meaning, command: Command): boolean {
  return (Object.keys(meaning) as Key[]).every((key) =>
    options.get(key)!.commands.includes(command),
  );
}

/** `norm-filter --regrowth soft` */
function spellMeaning(key: Key, { [key]: own, ...others }: Meaning): string {
  const rest = Object.entries(others).map(
    ([other, value]) => `--${options.get(other as Key)!.arg} ${String(value)}`,
  );
  return [String(own), ...rest].join(' ');
}

function isSwitch(option: Option): boolean {
  return option.format.placeholder === '';
}

/** A default as the user would type it. */
function spell(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' ? value : JSON.stringify(value).replace(/[[\]]/g, '');
}

function footLines(page: Page): string[] {
  const notes = [
    'A value is given as --rate 0.3 or --rate=0.3, an option once. --[no-]x stands for --x and --no-x; neither takes ' +
      'a value. In the environment a switch is true or false (or 1 or 0).',
    'The command line wins over the environment, that over the file of --config, that over the defaults. The file ' +
      'holds one JSON object with names such as "learningRate".',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no valid checkpoint, 4 disk, 75 stopped by a signal and resumable.',
  ];
  const others = Object.entries(otherVariables).flatMap(([name, doc]) => page.entry(name, doc));
  return [
    ...(others.length === 0 ? [] : ['', 'Other environment variables', ...others]),
    '',
    'Rules',
    ...notes.flatMap((note) => page.words(note, 2)),
  ];
}

function exampleLines(page: Page, command: Command, start: string): string[] {
  const lines = commands[command].examples.flatMap(([given, meaning]) => [
    ...page.words(`# ${meaning}`, 2),
    ...wrapCommand(`${start} ${given}`.trimEnd(), page.columns),
  ]);
  return ['', 'Examples', ...lines];
}

/** Lines of the help: names and, beside or below them, what is said of them. */
class Page {
  private readonly nameColumns: number;

  constructor(readonly columns: number) {
    this.nameColumns = columns < 72 ? 6 : 28; // below that too little is left beside the names
  }

  words(text: string, indent = 0): string[] {
    return wrapWords(text, this.columns, { indent });
  }

  /** What is said of a name, on lines of its own. */
  below(text: string): string[] {
    return this.words(text, this.nameColumns);
  }

  /** A name and its description in two columns; a long name has a line of its own. */
  entry(name: string, description: string): string[] {
    const lines = this.below(description);
    const label = `  ${name}`;
    if (label.length >= this.nameColumns) return [label, ...lines];
    return [label.padEnd(this.nameColumns) + lines[0]!.trimStart(), ...lines.slice(1)];
  }
}
