/**
 * The modules of `--register`, found before the table of options is made: what they register becomes part of it. What
 * is wrong with the options otherwise comes to light when they are parsed.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { modulePath } from '../config/module-path';
import { readInputText } from '../files/input-file';
import { plainPath } from '../files/plain-path';
import { sha256 } from '../files/sha256';
import { configName, RUNS } from '../files/run/run-status';
import { findNewestRuns, pickToResume } from '../files/run/newest-runs';

/** A module that is to be loaded. */
export interface NamedModule {
  /** Absolute path. */
  readonly file: string;
  /** Who names it: `command line`, `environment variable X` or `file F`. */
  readonly source: string;
}

/**
 * The modules that a call names: on the command line, else in the environment, else in the file of `--config`, else, where a
 * run is resumed, those that it began with.
 *
 * @param argv without the node and script paths.
 */
export async function findModules(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<NamedModule[]> {
  const given = readGiven(argv, env);
  const ofVariable = listOf(env.SECATEUR_REGISTER);
  if (given.register.length > 0) return name(given.register, 'command line');
  if (ofVariable.length > 0) return name(ofVariable, 'environment variable SECATEUR_REGISTER');
  const ofConfig = given.config === undefined ? [] : await readSaved(given.config);
  if (ofConfig.length > 0) return name(ofConfig, `file ${given.config!}`);
  if (!given.resume) return [];
  const newest = await findNewestRuns(RUNS).catch(() => null);
  const run = given.runDir ?? (newest && pickToResume(newest, given));
  if (!run) return [];
  const file = join(run, configName);
  return name(await readSaved(file), `file ${file}`);
}

interface Given {
  readonly register: readonly string[];
  readonly config: string | undefined;
  readonly resume: boolean;
  readonly onNan: string | undefined;
  readonly runDir: string | undefined;
}

/** What the command line, or else the environment, says of modules and of the places that may name some. */
function readGiven(argv: readonly string[], env: NodeJS.ProcessEnv): Given {
  const { values, tokens } = parseArgs({
    args: [...argv],
    options: {
      register: { type: 'string', multiple: true },
      config: { type: 'string' },
      'run-dir': { type: 'string' },
      'on-nan': { type: 'string' },
      resume: { type: 'boolean' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const resumed = findResumed(tokens);
  return {
    register: [values.register ?? []].flat().flatMap(listOf),
    config: placeOf(values.config) ?? placeOf(env.SECATEUR_CONFIG),
    resume: resumed !== null || /^(true|1)$/i.test(env.SECATEUR_RESUME ?? ''),
    onNan: textOf(values['on-nan']) ?? env.SECATEUR_ON_NAN,
    runDir: placeOf(values['run-dir']) ?? placeOf(resumed?.folder) ?? placeOf(env.SECATEUR_RUN_DIR),
  };
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];

/** `--resume`, `--resume DIR` or `--resume=DIR`; a word that is no folder leads to no run. */
function findResumed(tokens: readonly Token[]): { readonly folder: string | undefined } | null {
  const at = tokens.findIndex((token) => token.kind === 'option' && token.name === 'resume');
  const [resume, behind] = [tokens[at], tokens[at + 1]];
  if (resume?.kind !== 'option') return null;
  return { folder: behind?.kind === 'positional' ? behind.value : resume.value };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function placeOf(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : plainPath(text);
}

function listOf(text: unknown): string[] {
  if (typeof text !== 'string') return [];
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '');
}

/** Each file once, however often it is named. */
function name(files: readonly string[], source: string): NamedModule[] {
  return [...new Set(files.map(modulePath))].map((file) => ({ file, source }));
}

/**
 * What a run remembers of its modules: by each file's name the SHA-256 of its content, so that one that has changed since
 * is told from the one that the run began with. Nothing of what a module loads itself, and nothing where there are none.
 */
export function identifyModules(files: readonly string[]): { register?: Record<string, string> } {
  if (files.length === 0) return {};
  const entries = files.map((file) => {
    return [basename(file), sha256(readFileSync(file))] as const;
  });
  return { register: Object.fromEntries(entries) };
}

/** What a file of options registers; nothing where it cannot be read, which whoever needs it will say. */
async function readSaved(file: string): Promise<string[]> {
  try {
    const { register } = JSON.parse(await readInputText(file)) as { readonly register?: unknown };
    return Array.isArray(register) ? register.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}
