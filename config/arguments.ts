/** Reads the command line strictly: what is not understood is an error, never skipped and never guessed. */
import { parseArgs } from 'node:util';
import type { Command, Key, Option } from '../config';
import { commandNames, options } from '../config';
import { adviceOn, optionAliases } from './aliases';
import { ConfigError } from './error';
import { nearest } from './nearest';
import type { Setting } from './settings';
import { checkSetting } from './settings';
import { readTopic } from './topics';
import type { Section } from './topics';

/** What the command line asks for; `command` is null where none is named. */
export interface Arguments {
  readonly command: Command | null;
  readonly wants: 'run' | 'help' | 'version';
  /** Of the help that is wanted; none for all of it. */
  readonly sections: readonly Section[];
  readonly settings: ReadonlyMap<Key, Setting>;
}

const SOURCE = 'command line';

/** What a flag on the command line stands for: a key and, for a switch, the value it sets. */
interface Flag {
  readonly key: Key;
  readonly option: Option;
  readonly sets: boolean | null;
}

/** Every spelling without its dashes: `rate`, `resume`, `no-resume`, and other names, `lr`. */
const flags: ReadonlyMap<string, Flag> = new Map([
  ...[...options].flatMap(([key, option]): [string, Flag][] =>
    isSwitch(option)
      ? [
          [option.arg, { key, option, sets: true }],
          [`no-${option.arg}`, { key, option, sets: false }],
        ]
      : [[option.arg, { key, option, sets: null }]],
  ),
  ...Object.entries(optionAliases).map(([name, key]): [string, Flag] => [
    name,
    { key, option: options.get(key)!, sets: null },
  ]),
]);

type Token = ReturnType<typeof tokenize>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

/**
 * Reads `argv` (without the node and script paths).
 *
 * @throws {ConfigError} for an unknown or repeated option, one that the command does not take, a value of the
 * wrong format, a missing or superfluous value, or an argument that belongs to nothing.
 */
export function readArguments(argv: readonly string[]): Arguments {
  const tokens = nameResumedRun(tokenize(argv));
  const about = readQuestion(tokens);
  if (about !== null) return { ...about, settings: new Map() };
  refuseUnknown(tokens, argv);
  const command = readCommand(tokens);
  const settings = readOptions(tokens, command ?? commandNames[0]!);
  return { command, wants: 'run', sections: [], settings };
}

/**
 * What is asked about the program; null where nothing is. Who asks for help is given it, whatever else is wrong: it is
 * how the rest gets put right.
 */
function readQuestion(tokens: readonly Token[]): Omit<Arguments, 'settings'> | null {
  const at = tokens.findIndex(isQuestion);
  const asked = tokens[at];
  if (asked === undefined || asked.kind === 'option-terminator') return null;
  const wants = asked.kind === 'option' ? asked.name : asked.value;
  const command = tokens.map(commandOf).find((name) => name !== undefined) ?? null;
  if (wants === 'version') {
    if (asked.kind === 'option') refuseValue(asked);
    return { command, wants, sections: [] };
  }
  const inline = asked.kind === 'option' && asked.value !== undefined ? [asked.value] : [];
  const topic = readTopic([...inline, ...wordsAfter(tokens, at)], command);
  return { ...topic, wants: 'help' };
}

/** `--help`, `-h`, or the word `help` where a command is expected or right after it; `version` likewise. */
function isQuestion(token: Token, at: number, tokens: readonly Token[]): boolean {
  if (token.kind === 'option') return isAbout(token.name);
  if (token.kind !== 'positional' || !isAbout(token.value)) return false;
  return tokens.slice(0, at).every((before) => commandOf(before) !== undefined);
}

function wordsAfter(tokens: readonly Token[], at: number): string[] {
  const words: string[] = [];
  for (const token of tokens.slice(at + 1)) {
    if (token.kind !== 'positional') break;
    words.push(token.value);
  }
  return words;
}

/** `--resume DIR` is `--resume --run-dir DIR`. */
function nameResumedRun(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token, at): Token[] => {
    const before = tokens[at - 1];
    const isFolder =
      token.kind === 'positional' && isResume(before) && before.value === undefined && isPath(token.value); // prettier-ignore
    if (isFolder) return [runDirToken(token, token.value)];
    if (!isResume(token) || token.value === undefined || !isPath(token.value)) return [token];
    const { index, name, rawName, value } = token;
    const resume = { kind: 'option', index, name, rawName, value: undefined } as const;
    return [{ ...resume, inlineValue: undefined }, runDirToken(token, value)];
  });
}

function isResume(token: Token | undefined): token is OptionToken {
  return token?.kind === 'option' && token.name === RESUME;
}

/** Whether a word can be meant as a folder, and not as the value of a switch or as a command. */
function isPath(word: string): boolean {
  const isSwitched = /^(0|1|true|false|yes|no|on|off|y|n)?$/i.test(word);
  return !isSwitched && !isAbout(word) && !commandNames.some((name) => name === word);
}

function runDirToken({ index }: Token, value: string): OptionToken {
  const name = options.get('runDir')!.arg;
  return { kind: 'option', index, name, rawName: `--${RESUME}`, value, inlineValue: true };
}

const RESUME = options.get('resume')!.arg;

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
      version: { type: 'boolean', short: 'v' },
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
    const advice = adviceOn(typed.replace(/^-+|=.*$/gs, ''));
    throw new ConfigError({
      key: typed,
      problem: `is not an option of ${command}${advice === null ? '' : `: ${advice}`}`,
      source: SOURCE,
      nearest: advice === null && near !== null ? `--${near}` : null,
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
