import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {
  describeEngine,
  ladderOf,
  NotInstalledError,
  projectPackages,
  startEngine,
} from './engine';
import type { Engine, EngineChoice, EngineId, Rung } from './engine';
import { native } from './fused/native';
import { findProgram, run } from './setup/commands.cjs';
import { officialObstacle } from './setup/official.cjs';
import { cacheRoot, nativeFolder, napiVersion, packageRoot } from './setup/places.cjs';
import { tryEngine } from './setup/smoke.cjs';
import { readManifest } from './setup/staged.cjs';
import { buildNeeds, compilerOf, pythonWithPip } from './setup/wheel.cjs';
import type { BuildNeeds } from './setup/wheel.cjs';

/** One rung of the engine ladder, as it was found. */
export interface RungDiagnosis {
  readonly id: EngineId;
  readonly packageName: string;
  readonly state: 'works' | 'broken' | 'not installed';
  /** Version and device where it works, the reason where it does not. */
  readonly detail: string;
}

/** One thing that the set-up of the native engine uses. */
export interface ToolDiagnosis {
  readonly name: string;
  readonly found: boolean;
  /** Where it is and its version, or what is wrong. */
  readonly detail: string;
}

/** Everything that decides which engine computes; plain data, fit for JSON. */
export interface Diagnosis {
  readonly system: {
    readonly node: string;
    /** Node-API version that a binding is built for. */
    readonly napi: number;
    /** Operating system and processor, such as `linux-x64`. */
    readonly platform: string;
    readonly cores: number;
  };
  /** The engine that was started, or null where the one asked for is not available. */
  readonly engine: Engine | null;
  /** Why `engine` is null; null where it is not. */
  readonly failure: string | null;
  readonly rungs: readonly RungDiagnosis[];
  /** TensorFlow operations that the native engine uses in place of many: true where it has it. */
  readonly fusedOperations: Readonly<Record<string, boolean>> | null;
  /** Whether this Node runs the vector instructions that make WASM usable. */
  readonly wasmSimd: boolean;
  readonly tools: readonly ToolDiagnosis[];
  readonly cache: {
    readonly folder: string;
    /** Sizes in bytes. */
    readonly entries: readonly { readonly key: string; readonly bytes: number }[];
  };
  /** The one command that makes the native engine ready; null where it is. */
  readonly remedy: string | null;
}

const fusedOperations = [
  'FusedBatchNormV3',
  'ReluGrad',
  'Relu6Grad',
  'BroadcastTo',
  'SoftmaxCrossEntropyWithLogits',
  'SparseSoftmaxCrossEntropyWithLogits',
];

/**
 * Tries every engine and looks for everything that the native one is set up with. Afterwards the
 * engine that `choice` asks for is the active one. Nothing is downloaded; whether the official
 * binary's host answers is found out by one connection.
 *
 * @param options.threads as for `startEngine`
 */
export async function diagnose(
  choice: EngineChoice = 'auto',
  options: { threads?: number } = {},
): Promise<Diagnosis> {
  const obstacle = officialObstacle();
  const rungs: RungDiagnosis[] = [];
  for (const rung of ladderOf(projectPackages(), nativeFolder())) rungs.push(await examine(rung));
  const { engine, failure } = await attempt(choice, options);
  return {
    system: {
      node: process.version,
      napi: napiVersion(),
      platform: `${process.platform}-${process.arch}`,
      cores: os.availableParallelism(),
    },
    engine,
    failure,
    rungs,
    fusedOperations: engine?.id === 'tensorflow' ? detectFused() : null,
    wasmSimd: (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) === true,
    tools: examineTools(await obstacle),
    cache: { folder: cacheRoot(), entries: cacheEntries(cacheRoot()) },
    remedy: remedyFor(rungs, buildNeeds()),
  };
}

/** A diagnosis as text, one fact a line, the remedy last. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const { system, engine, failure, rungs, tools, cache, wasmSimd } = diagnosis;
  return [
    `Node ${system.node} (Node-API ${system.napi}) on ${system.platform}, ${count(system.cores, 'core')}`,
    engine === null ? `engine: none; ${failure ?? 'unknown'}` : describeEngine(engine),
    ...section(
      'Engines, fastest first',
      rungs.map(({ packageName, state, detail }) => [state === 'works', packageName, detail]),
    ),
    ...section(
      'Set-up of the native engine',
      tools.map(({ name, found, detail }) => [found, name, detail]),
    ),
    '',
    ...describeFused(diagnosis.fusedOperations),
    `WASM vector instructions: ${wasmSimd ? 'yes' : 'no'}`,
    `cache: ${cache.folder} (${cache.entries.length === 0 ? 'empty' : ''}${cache.entries
      .map(({ key, bytes }) => `${key}, ${Math.round(bytes / 1e6)} MB`)
      .join('; ')})`,
    '',
    diagnosis.remedy === null
      ? 'The native engine is ready.'
      : `To make the native engine ready:\n  ${diagnosis.remedy}`,
  ].join('\n');
}

/**
 * The one command that makes the native engine ready, or null where one works.
 *
 * @param rungs as `diagnose` found them
 * @param needs what building the binding lacks
 * @param env where SECATEUR_NATIVE and PATH are looked up
 */
export function remedyFor(
  rungs: readonly Pick<RungDiagnosis, 'id' | 'state'>[],
  needs: BuildNeeds,
  env: NodeJS.ProcessEnv = process.env,
): string | null {
  if (rungs.some(({ id, state }) => id === 'tensorflow' && state === 'works')) return null;
  // It cannot be built on such a system, but an official package may exist for it.
  if (needs.unsupported !== null) return 'npm install @tensorflow/tfjs-node';
  const script = path.relative(process.cwd(), setupScript());
  const setUp = `${env.SECATEUR_NATIVE === 'off' ? 'SECATEUR_NATIVE= ' : ''}node ${script}`;
  if (needs.missing.length === 0) return setUp;
  if (findProgram(['apt-get'], env) === null) {
    return `${setUp}  # after you have installed ${needs.missing.join(' and ')}`;
  }
  const asRoot = process.getuid?.() === 0 ? '' : 'sudo ';
  return `${asRoot}apt-get install -y ${needs.packages.join(' ')} && ${setUp}`;
}

function setupScript(): string {
  return path.join(packageRoot(), 'backend', 'setup', 'postinstall.cjs');
}

async function examine(rung: Rung): Promise<RungDiagnosis> {
  const { id, packageName } = rung;
  try {
    return { id, packageName, state: 'works', detail: await tryRung(rung) };
  } catch (error) {
    const state = error instanceof NotInstalledError ? 'not installed' : 'broken';
    return { id, packageName, state, detail: messageOf(error) };
  }
}

/** Native engines are tried in a process of their own: this one can hold only one of them. */
async function tryRung(rung: Rung): Promise<string> {
  if (rung.id !== 'tensorflow') {
    await rung.start();
    return 'computes on the CPU';
  }
  rung.find?.();
  const manifest = readManifest(nativeFolder());
  const staged = rung.packageName.endsWith('staged') && manifest !== null;
  const target = staged ? [nativeFolder(), manifest.binding] : [rung.packageName];
  const { tensorflow, device } = tryEngine(...target);
  return `TensorFlow ${tensorflow} on ${device}`;
}

async function attempt(
  choice: EngineChoice,
  options: { threads?: number },
): Promise<{ engine: Engine | null; failure: string | null }> {
  try {
    return { engine: await startEngine(choice, options), failure: null };
  } catch (error) {
    return { engine: null, failure: messageOf(error) };
  }
}

function detectFused(): Record<string, boolean> {
  return Object.fromEntries(fusedOperations.map((name) => [name, native(name) !== null]));
}

function examineTools(obstacle: string | null): ToolDiagnosis[] {
  const compiler = compilerOf();
  const python = pythonWithPip();
  const folder = process.env.TF_DIR;
  return [
    {
      name: 'official binary',
      found: obstacle === null,
      detail: obstacle ?? 'its download host answers',
    },
    {
      name: 'C++ compiler',
      found: compiler !== null,
      detail: compiler === null ? 'not found' : versionOf(compiler[0]!, ['--version']),
    },
    {
      name: 'python3 with pip',
      found: python !== null,
      detail: python === null ? 'not found' : versionOf(python, ['-m', 'pip', '--version']),
    },
    ...(folder ? [{ name: 'TF_DIR', found: fs.existsSync(folder), detail: folder }] : []),
  ];
}

/** The first line of what a program says of its version, or why it says nothing. */
function versionOf(program: string, args: readonly string[]): string {
  try {
    return run(program, args, { seconds: 30 }).split('\n', 1)[0]!;
  } catch (error) {
    return `${program}: ${messageOf(error)}`;
  }
}

function cacheEntries(root: string): { key: string; bytes: number }[] {
  const folder = path.join(root, 'native');
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((key) => readManifest(path.join(folder, key)) !== null)
    .map((key) => ({ key, bytes: bytesIn(path.join(folder, key)) }));
}

/** Bytes of the files below `folder`; what a link points to is not counted. */
function bytesIn(folder: string): number {
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile())
    .reduce((sum, file) => sum + fs.statSync(path.join(file.parentPath, file.name)).size, 0);
}

function describeFused(found: Diagnosis['fusedOperations']): string[] {
  if (found === null) return [];
  const lacking = Object.keys(found).filter((name) => !found[name]);
  const verdict = lacking.length === 0 ? 'all there' : `lacking ${lacking.join(', ')}`;
  return [`fused operations: ${verdict}`];
}

function section(title: string, rows: readonly [boolean, string, string][]): string[] {
  const width = Math.max(...rows.map(([, name]) => name.length));
  const lines = rows.map(
    ([good, name, detail]) => `  ${good ? 'yes' : 'no '}  ${name.padEnd(width)}  ${detail}`,
  );
  return ['', title, ...lines];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
