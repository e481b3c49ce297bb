/** Reads the command line strictly: what is not understood is an error, never skipped and never guessed. */
import { parseArgs } from 'node:util';
import type { Command, Key, Option } from '../config';
import { commandNames, options } from '../config';
import { ConfigError } from './error';
import { nearest } from './nearest';
import type { Setting } from './settings';
import { checkSetting } from './settings';

/** What the command line asks for; `command` is null where none is named. */
export interface Arguments {
  readonly command: Command | null;
  readonly wants: 'run' | 'help' | 'version';
  readonly settings: ReadonlyMap<Key, Setting>;
}

const SOURCE = 'command line';

/** What a flag on the command line stands for: a key and, for a switch, the value it sets. */
interface Flag {
  readonly key: Key;
  readonly option: Option;
  readonly sets: boolean | null;
}

/** Every spelling without its dashes: `rate`, `resume`, `no-resume`. */
const flags: ReadonlyMap<string, Flag> = new Map(
  [...options].flatMap(([key, option]): [string, Flag][] =>
    isSwitch(option)
      ? [
          [option.arg, { key, option, sets: true }],
          [`no-${option.arg}`, { key, option, sets: false }],
        ]
      : [[option.arg, { key, option, sets: null }]],
  ),
);

type Token = ReturnType<typeof tokenize>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

/**
 * Reads `argv` (without the node and script paths).
 *
 * @throws {ConfigError} for an unknown or repeated option, one that the command does not take, a value of the
 * wrong format, a missing or superfluous value, or an argument that belongs to nothing.
 */
export function readArguments(argv: readonly string[]): Arguments {
  const tokens = tokenize(argv);
  const asked = tokens.find((token) => token.kind === 'option' && isAbout(token.name));
  if (asked?.kind === 'option') {
    // Who asks for help is given it, whatever else is wrong: it is how the rest gets put right.
    refuseValue(asked);
    const command = tokens.map(commandOf).find((name) => name !== undefined) ?? null;
    return { command, wants: asked.name as 'help' | 'version', settings: new Map() };
  }
  refuseUnknown(tokens, argv);
  const command = readCommand(tokens);
  return { command, wants: 'run', settings: readOptions(tokens, command ?? commandNames[0]!) };
}

function readOptions(tokens: readonly Token[], command: Command): Map<Key, Setting> {
  const settings = new Map<Key, Setting>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const setting = readOption(token, flags.get(token.name)!, command);
    if (settings.has(setting.key)) {
      throw new ConfigError({ key: token.rawName, problem: 'is given twice', source: SOURCE });
    }
    settings.set(setting.key, setting);
  }
  return settings;
}

/**
 * Not `strict`: the tokens are judged here instead, since parseArgs stops at the first oddity, calls `--rate -0.1`
 * ambiguous, lets repeated options pass and knows neither commands nor nearest names.
 */
function tokenize(argv: readonly string[]) {
  const known = [...flags].map(
    ([name, { sets }]) => [name, { type: sets === null ? 'string' : 'boolean' }] as const,
  );
  return parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(known),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function isAbout(name: string): boolean {
  return name === 'help' || name === 'version';
}

function isSwitch(option: Option): boolean {
  return option.format.placeholder === '';
}

function commandOf(token: Token): Command | undefined {
  return token.kind === 'positional'
    ? commandNames.find((name) => name === token.value)
    : undefined;
}

/** Unknown options come before all else, since the values that follow them look like stray words. */
function refuseUnknown(tokens: readonly Token[], argv: readonly string[]): void {
  const command = tokens.map(commandOf).find((name) => name !== undefined) ?? commandNames[0]!;
  for (const token of tokens) {
    if (token.kind !== 'option' || (flags.has(token.name) && token.rawName.startsWith('--')))
      continue;
    // `-rate` arrives as the short options r, a, t and e: name it as it was typed.
    const typed = token.rawName.startsWith('--') ? token.rawName : argv[token.index]!;
    const names = [...flags].filter(([, { option }]) => option.commands.includes(command));
    const near = nearest(typed.replace(/^-+|=.*$/gs, ''), [
      ...names.map(([name]) => name),
      'help',
      'version',
    ]);
    throw new ConfigError({
      key: typed,
      problem: `is not an option of ${command}`,
      source: SOURCE,
      nearest: near && `--${near}`,
    });
  }
}

function readCommand(tokens: readonly Token[]): Command | null {
  let command: Command | null = null;
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'positional') continue;
    const named = commandOf(token);
    if (command !== null || named === undefined) {
      throw strayArgument(token.value, tokens[at - 1], command);
    }
    command = named;
  }
  return command;
}

/** The error for a word that is no command, such as the `no` of `--resume no`. */
function strayArgument(
  word: string,
  before: Token | undefined,
  command: Command | null,
): ConfigError {
  if (before?.kind === 'option' && flags.get(before.name)!.sets !== null) {
    return superfluousValue(before, word);
  }
  const key = JSON.stringify(word);
  if (command !== null) {
    const problem = `is one argument too many after ${command}`;
    return new ConfigError({ key, problem, source: SOURCE });
  }
  const near = nearest(word, [...commandNames, ...flags.keys()]);
  return new ConfigError({
    key,
    problem: `is not a command; there are ${commandNames.join(', ')}`,
    source: SOURCE,
    nearest: near !== null && flags.has(near) ? `--${near}` : near,
  });
}

function readOption(token: OptionToken, { key, option, sets }: Flag, command: Command): Setting {
  const spelled = token.rawName;
  if (!option.commands.includes(command)) {
    const problem = `is not an option of ${command}, but of ${option.commands.join(', ')}`;
    throw new ConfigError({ key: spelled, problem, source: SOURCE });
  }
  if (sets !== null) {
    refuseValue(token);
    return { key, value: sets, spelled, source: SOURCE };
  }
  const given = valueOf(token, option);
  return checkSetting({ key, value: option.format.read(given), spelled, source: SOURCE }, given);
}

/** The text after an option; an option in its place means that the value was forgotten. */
function valueOf(token: OptionToken, option: Option): string {
  const { value, inlineValue, rawName } = token;
  const isForgotten = value === undefined || (!inlineValue && /^-[^\d.]/.test(value));
  if (!isForgotten) return value;
  throw new ConfigError({
    key: rawName,
    problem: `needs a value, ${option.format.allowed}`,
    source: SOURCE,
    ...(value !== undefined && { received: value }),
  });
}

function refuseValue(token: OptionToken): void {
  if (token.value !== undefined) throw superfluousValue(token, token.value);
}

function superfluousValue({ name, rawName }: OptionToken, received: string): ConfigError {
  const isOff = /^(0|false|no|off|n)$/i.test(received);
  const sets = flags.get(name)?.sets;
  const problem = isAbout(name)
    ? 'takes no value'
    : `takes no value: --${name} or --${opposite(name)}`;
  const meant = isOff && sets === true ? `--no-${name}` : null;
  return new ConfigError({ key: rawName, problem, received, source: SOURCE, nearest: meant });
}

function opposite(name: string): string {
  return flags.get(name)?.sets === false ? name.slice('no-'.length) : `no-${name}`;
}
