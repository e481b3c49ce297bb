/** The help, written from the table of options: nothing in it is kept up to date by hand. */
import type { Command, Key, Option } from '../config';
import { commandNames, commands, groups, options, otherVariables } from '../config';

/** Columns of the widest line. */
export const HELP_WIDTH = 100;

const NAME_COLUMNS = 28;

/** What the help is about; `command` null means the whole program. */
export interface HelpTopic {
  readonly command: Command | null;
  readonly program: string;
  readonly version: string;
}

/** The help of a command; that of the program lists the commands and the options of the default command. */
export function helpText({ command, program, version }: HelpTopic): string {
  const shown = command ?? commandNames[0]!;
  const usage = `${program} ${command ?? '[command]'} [options]`;
  const title =
    command === null ? `Secateur ${version}: ${ABOUT}` : `${command}: ${commands[command].summary}`;
  return [
    ...wrap(title, 0),
    '',
    `Usage: ${usage}`,
    ...(command === null ? commandLines(program) : []),
    ...groups.flatMap((group) => groupLines(group, shown)),
    '',
    'Help',
    ...entry('-h, --help', 'this text; after a command, its own'),
    ...entry('--version', 'the version'),
    ...footLines(),
    ...exampleLines(shown, command === null ? program : `${program} ${command}`),
    '',
  ].join('\n');
}

const ABOUT =
  'train convolutional networks, prune them while they train, and get back a smaller network ' +
  'that computes the same function.';

function commandLines(program: string): string[] {
  const lines = commandNames.flatMap((name, at) =>
    entry(name, `${commands[name].summary}${at === 0 ? ' (when no command is named)' : ''}`),
  );
  const more = `${program} prune --help shows the options of prune. Those of ${commandNames[0]!} follow.`;
  return ['', 'Commands', ...lines, '', ...wrap(more, 0)];
}

function groupLines(group: string, command: Command): string[] {
  const shown = [...options].filter(
    ([, option]) => option.group === group && option.commands.includes(command),
  );
  if (shown.length === 0) return [];
  return ['', group, ...shown.flatMap(([key, option]) => optionLines(key, option, command))];
}

function optionLines(key: Key, option: Option, command: Command): string[] {
  const isNeeded = (commands[command].needs as readonly Key[]).includes(key);
  const facts = [
    ...(isSwitch(option) ? [] : [option.format.allowed]),
    isNeeded ? 'needed' : `default: ${option.defaultDoc ?? spell(option.default)}`,
    option.env,
  ];
  const name = isSwitch(option)
    ? `--[no-]${option.arg}`
    : `--${option.arg} ${option.format.placeholder}`;
  return [...entry(name, option.doc), ...wrap(`[${facts.join('; ')}]`, NAME_COLUMNS)];
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

function footLines(): string[] {
  const notes = [
    'A value is given as --rate 0.3 or --rate=0.3, an option once. --[no-]x stands for --x and --no-x; neither takes ' +
      'a value. In the environment a switch is true or false (or 1 or 0).',
    'The command line wins over the environment, that over the file of --config, that over the defaults. The file ' +
      'holds one JSON object with names such as "learningRate".',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no valid checkpoint, 4 disk, 75 stopped by a signal and resumable.',
  ];
  const others = Object.entries(otherVariables).flatMap(([name, doc]) => entry(name, doc));
  return [
    ...(others.length === 0 ? [] : ['', 'Other environment variables', ...others]),
    '',
    'Rules',
    ...notes.flatMap((note) => wrap(note, 2)),
  ];
}

function exampleLines(command: Command, start: string): string[] {
  const lines = commands[command].examples.flatMap(([given, meaning]) => [
    ...wrap(`# ${meaning}`, 2),
    `  ${start} ${given}`.trimEnd(),
  ]);
  return ['', 'Examples', ...lines];
}

/** A name and its description in two columns; a long name has a line of its own. */
function entry(name: string, description: string): string[] {
  const lines = wrap(description, NAME_COLUMNS);
  const label = `  ${name}`;
  if (label.length >= NAME_COLUMNS) return [label, ...lines];
  return [label.padEnd(NAME_COLUMNS) + lines[0]!.trimStart(), ...lines.slice(1)];
}

/** The words of a text in lines of at most HELP_WIDTH columns, indented. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > HELP_WIDTH) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line].map((each) => ' '.repeat(indent) + each);
}
