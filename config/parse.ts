/** From the command line, the environment and a config file to the typed options of one command. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import convict from 'convict';
import type { Command, ConfigOf, Key } from '../config';
import { commandNames, options, schema } from '../config';
import { plainPath } from '../files/plain-path';
import { readArguments } from './arguments';
import { HELP_WIDTH, helpText } from './help';
import { withNamedMethod } from './importance';
import { withModulePaths } from './module-path';
import { refuseNetworkName } from './network-name';
import { withOwnNames } from './own-names';
import { resolvePaths } from './paths';
import { withPatternRate } from './pattern-rate';
import { checkTogether, refuseTaken } from './check';
import { pickSaved } from './saved';
import type { Setting } from './settings';
import { readConfigFile, readEnvironment } from './settings';

/** A command with its resolved options and, for each option, where its value came from. */
export type Run<C extends Command = Command> = {
  [K in C]: {
    readonly action: 'run';
    readonly command: K;
    readonly config: ConfigOf<K>;
    /** `default`, `file F`, `environment variable X` or `command line`. */
    readonly sources: Readonly<Record<keyof ConfigOf<K>, string>>;
  };
}[C];

/** Text to print and stop with exit code 0: help, version or the options in use. */
export interface Print {
  readonly action: 'print';
  readonly stdout: string;
  /** Goes beside it to stderr; empty mostly. */
  readonly stderr: string;
}

/** What the caller has to do. */
export type Invocation = Run | Print;

/** How the program presents itself. */
export interface About {
  /** What the user types to start it, as the help shows it. */
  readonly program?: string;
  /** Columns of the terminal that shows the help. */
  readonly columns?: number;
}

/**
 * Resolves the options: default < file < environment < command line.
 *
 * @param argv without the node and script paths.
 * @throws {ConfigError} for anything that is not understood or not allowed; nothing is ignored.
 */
export function parse(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  about: About = {},
): Invocation {
  const { program = 'secateur', columns = HELP_WIDTH } = about;
  refuseTaken();
  const { command: named, wants, sections, settings: given } = readArguments(argv);
  const command = named ?? commandNames[0]!;
  if (wants === 'help') {
    return print(helpText({ command: named, sections, program, version: version(), columns }));
  }
  if (wants === 'version') return print(`${version()}\n`);

  const asked = gatherSettings(given, env, command);
  refuseNetworkName(asked, command);
  const placed = resolvePaths(withModulePaths(asked), command);
  const owned = withOwnNames(placed, command);
  const settings = withPatternRate(withNamedMethod(owned));
  const run = resolve(command, settings);
  checkTogether(command, run.config, settings);
  return printsConfig(settings) ? printConfig(run) : run;
}

/** The settings of all sources; the later wins. */
function gatherSettings(
  given: ReadonlyMap<Key, Setting>,
  env: NodeJS.ProcessEnv,
  command: Command,
): ReadonlyMap<Key, Setting> {
  const environment = readEnvironment(env, command);
  const file = (given.get('config') ?? environment.get('config'))?.value as string | undefined; // has its format
  const fromFile = file === undefined ? [] : readConfigFile(plainPath(file), command);
  return new Map([...fromFile, ...environment, ...given]);
}

/**
 * Hands the settings to convict and takes the options of the command from it. convict gets neither the command line
 * nor the environment, since it guesses where it does not understand.
 */
function resolve(command: Command, settings: ReadonlyMap<Key, Setting>): Run {
  const config = convict<Record<string, unknown>>(schema, { args: [], env: {} });
  for (const { key, value } of settings.values()) config.set(key, value);
  config.validate({ allowed: 'strict' });
  const all = config.getProperties();
  const keys = [...options]
    .filter(([, option]) => option.commands.includes(command))
    .map(([key]) => key);
  // Every value has passed its format and every key belongs to the command: the type says no more.
  return {
    action: 'run',
    command,
    config: Object.fromEntries(keys.map((key) => [key, all[key]])),
    sources: Object.fromEntries(keys.map((key) => [key, settings.get(key)?.source ?? 'default'])),
  } as Run;
}

function printsConfig(settings: ReadonlyMap<Key, Setting>): boolean {
  return settings.get('printConfig')?.value === true;
}

/** The options as a file that `--config` reads, and beside it where those that are not defaults come from. */
function printConfig(run: Run): Print {
  const values: Record<string, unknown> = { ...run.config };
  const origins = Object.entries(run.sources)
    .filter(([key, source]) => source !== 'default' && key !== 'printConfig')
    .map(([key, source]) => `${key} = ${JSON.stringify(values[key])} (${source})\n`);
  return {
    ...print(`${JSON.stringify(pickSaved(run.config), null, 2)}\n`),
    stderr: origins.join(''),
  };
}

function print(stdout: string): Print {
  return { action: 'print', stdout, stderr: '' };
}

/** The version in the nearest package.json above, which is the package's own in the sources and in dist/. */
function version(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
