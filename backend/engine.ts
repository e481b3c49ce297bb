import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { OptionError, SecateurError } from '../errors';
import { prepareEnvironment } from './environment';
import { installZeroGradients } from './comparisons';
import { installFusedGradients } from './fused';
import { doctorCommand, nativeFolder, packageRoot } from './setup/places.cjs';
import { loadStaged, readManifest } from './setup/staged.cjs';
import { installWasmKernels } from './wasm';

/** What the option `backend` accepts; `auto` takes the first rung of the ladder that works. */
export const engineChoices = ['auto', 'tensorflow', 'wasm', 'cpu'] as const;

/** One of {@link engineChoices}. */
export type EngineChoice = (typeof engineChoices)[number];

/** The TensorFlow.js backend that computes. */
export type EngineId = Exclude<EngineChoice, 'auto'>;

/** What a rung reports once it is the active backend of TensorFlow.js. */
export interface Started {
  /** Version of the native library, null where there is none. */
  readonly tensorflowVersion: string | null;
  /** Where the operations run. */
  readonly device: 'CPU' | 'GPU';
}

/** The engine in use. */
export interface Engine extends Started {
  readonly id: EngineId;
  /** Where it came from: an npm package, or the copy that the set-up staged. */
  readonly packageName: string;
  /** Why this engine is slower than it could be, and the remedy; null where it is not. */
  readonly warning: string | null;
}

/** One way to get an engine; the ladder is tried from the fastest to the slowest. */
export interface Rung {
  readonly id: EngineId;
  readonly packageName: string;
  /**
   * Looks for it without loading anything; absent where there is nothing to look for.
   *
   * @throws as `start`
   */
  find?(): void;
  /**
   * Makes it the active backend of TensorFlow.js; calling it again only switches back to it.
   *
   * @throws NotInstalledError where there is nothing to start, any other error where it is broken
   */
  start(): Promise<Started>;
}

/** A rung of the ladder is simply not there, which is no fault. */
export class NotInstalledError extends SecateurError {
  override readonly name = 'NotInstalledError';
}

/** Finds and loads packages: Node's `require` and `require.resolve`, or a test's stand-in. */
export interface PackageLoader {
  load(request: string): unknown;
  /** The file that `request` names. @throws where there is none */
  resolve(request: string): string;
}

/**
 * Starts the engine and makes it the active TensorFlow.js backend. Nothing is downloaded.
 *
 * @param choice `auto` climbs down `@tensorflow/tfjs-node-gpu`, `@tensorflow/tfjs-node`, the copy
 *   staged by the set-up, WASM, `cpu`; anything else is that engine or an error
 * @param options.threads threads within one native operation (null, the default: one per core)
 * @param options.rungs the ladder to climb (default: the five above)
 * @throws Error where a forced choice is not available, with the reason and the remedy
 */
export async function startEngine(
  choice: EngineChoice = 'auto',
  options: { threads?: number | null; rungs?: readonly Rung[] } = {},
): Promise<Engine> {
  const { rungs = ladder, threads = null } = options;
  if (!engineChoices.includes(choice)) {
    throw new OptionError({
      option: 'backend',
      allowed: `one of ${engineChoices.join(', ')}`,
      received: choice,
    });
  }
  prepareEnvironment(threads === null ? {} : { threads });
  silenceCpuBanner();
  const problems: string[] = [];
  for (const rung of rungs.filter(({ id }) => choice === 'auto' || id === choice)) {
    try {
      const started = await rung.start();
      return { ...identity(rung), ...started, warning: warningOf(rung, started, choice, problems) };
    } catch (error) {
      if (!(error instanceof NotInstalledError)) {
        problems.push(`${rung.packageName}: ${messageOf(error)}`);
      }
    }
  }
  throw new Error(
    `the engine '${choice}' is not available (${reasonOf(problems)}); ${remedyOf(choice)}`,
  );
}

/** One line that names the engine, its version, its device and what would make it faster. */
export function describeEngine(engine: Engine): string {
  const { id, packageName, tensorflowVersion, device, warning } = engine;
  const names = { tensorflow: 'TensorFlow', wasm: 'WebAssembly', cpu: 'plain JavaScript' };
  const version = tensorflowVersion === null ? '' : ` ${tensorflowVersion}`;
  const line = `engine: ${names[id]}${version} on ${device} (${packageName})`;
  return warning === null ? line : `${line}; ${warning}`;
}

/**
 * The rungs from the fastest to the slowest.
 *
 * @param packages how npm packages are found and loaded
 * @param staged the folder of the copy that the set-up staged
 */
export function ladderOf(packages: PackageLoader, staged: string): readonly Rung[] {
  return [
    installedRung('@tensorflow/tfjs-node-gpu', packages),
    installedRung('@tensorflow/tfjs-node', packages),
    stagedRung(staged),
    wasmRung(packages),
    cpuRung(),
  ];
}

/** The loader of this project's own packages, and of those beside it where it is a dependency. */
export function projectPackages(): PackageLoader {
  const load = createRequire(path.join(packageRoot(), 'package.json'));
  return { load, resolve: (request) => load.resolve(request) };
}

const ladder = ladderOf(projectPackages(), nativeFolder());

function installedRung(packageName: string, packages: PackageLoader): Rung {
  const find = (): void => {
    requireAddon(packageName, packages);
  };
  const load = once(() => {
    find();
    requireUnclaimed();
    packages.load(packageName); // registers the backend 'tensorflow'
  });
  return { id: 'tensorflow', packageName, find, start: () => startNative(load) };
}

/** Looks before loading: without its add-on tfjs-node registers its kernels, and only then fails. */
function requireAddon(packageName: string, packages: PackageLoader): void {
  let folder: string;
  try {
    folder = path.dirname(packages.resolve(`${packageName}/package.json`));
  } catch {
    throw new NotInstalledError(`${packageName} is not installed`);
  }
  const library = path.join(folder, 'lib');
  const builds = fs.existsSync(library) ? fs.readdirSync(library) : [];
  if (!builds.some((build) => fs.existsSync(path.join(library, build, 'tfjs_binding.node')))) {
    throw new Error(`its native add-on is missing from ${library}; npm rebuild ${packageName}`);
  }
}

/** One process holds one native TensorFlow: two copies would share the name and the kernels. */
function requireUnclaimed(): void {
  const factory = tf.findBackendFactory('tensorflow') as unknown; // its type forgets null
  if (factory !== null) {
    throw new Error('another native engine is already loaded in this process');
  }
}

function stagedRung(folder: string): Rung {
  const find = (): string => {
    const manifest = readManifest(folder);
    if (manifest !== null) return manifest.binding;
    if (!fs.existsSync(folder)) throw new NotInstalledError(`nothing is staged in ${folder}`);
    throw new Error(`the copy in ${folder} is incomplete (was the cache deleted?)`);
  };
  const load = once(() => {
    const binding = find();
    requireUnclaimed();
    loadStaged(folder, binding);
  });
  const packageName = '@tensorflow/tfjs-node, staged';
  return { id: 'tensorflow', packageName, find, start: () => startNative(load) };
}

async function startNative(load: () => void): Promise<Started> {
  load();
  await activate('tensorflow');
  installFusedGradients();
  const backend = tf.backend() as unknown as NativeBackend;
  return {
    tensorflowVersion: backend.binding.TF_Version,
    device: backend.isUsingGpuDevice ? 'GPU' : 'CPU',
  };
}

/** What is used here of tfjs-node's NodeJSKernelBackend. */
interface NativeBackend {
  readonly binding: { readonly TF_Version: string };
  readonly isUsingGpuDevice: boolean;
}

function wasmRung(packages: PackageLoader): Rung {
  const packageName = '@tensorflow/tfjs-backend-wasm';
  const load = once(() => {
    const wasm = quietly(() => packages.load(packageName)) as {
      setWasmPaths(folder: string): void;
    };
    wasm.setWasmPaths(path.dirname(packages.resolve(packageName)) + path.sep);
  });
  const start = async (): Promise<Started> => {
    load();
    await activate('wasm');
    installWasmKernels();
    installFusedGradients(); // off the native engine too they are cheaper than the stock ones
    return { tensorflowVersion: null, device: 'CPU' };
  };
  return { id: 'wasm', packageName, start };
}

/**
 * Loads a backend that may bring a tfjs-core of its own, beside a TensorFlow.js of another version: that says aloud
 * that the platform is known already. The flag PROD keeps it silent.
 */
function quietly<T>(load: () => T): T {
  const isSilent = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  try {
    return load();
  } finally {
    tf.env().set('PROD', isSilent);
  }
}

function cpuRung(): Rung {
  const start = async (): Promise<Started> => {
    await activate('cpu');
    return { tensorflowVersion: null, device: 'CPU' };
  };
  return { id: 'cpu', packageName: '@tensorflow/tfjs-backend-cpu', start };
}

async function activate(id: EngineId): Promise<void> {
  if (!(await tf.setBackend(id))) throw new Error(`TensorFlow.js could not initialise '${id}'`);
  installZeroGradients();
}

/** Calls `load` until it succeeds, then never again. */
function once(load: () => void): () => void {
  let done = false;
  return () => {
    if (!done) load();
    done = true;
  };
}

/**
 * The `cpu` backend greets its first write in Node with a banner that recommends tfjs-node, which
 * is this module's business. It asks the flag IS_NODE, so its first write happens without it.
 */
function silenceCpuBanner(): void {
  const isNode = tf.env().getBool('IS_NODE');
  const cpu = tf.findBackend('cpu') as tf.KernelBackend | null;
  if (cpu === null) return; // a build of TensorFlow.js without it
  tf.env().set('IS_NODE', false);
  try {
    cpu.disposeData(cpu.write(new Float32Array(1), [1], 'float32'));
  } finally {
    tf.env().set('IS_NODE', isNode);
  }
}

function identity({ id, packageName }: Rung): Pick<Engine, 'id' | 'packageName'> {
  return { id, packageName };
}

function warningOf(
  rung: Rung,
  started: Started,
  choice: EngineChoice,
  problems: readonly string[],
): string | null {
  if (rung.id === 'tensorflow') {
    const unused = rung.packageName.endsWith('-gpu') && started.device === 'CPU';
    return unused ? 'no GPU that it can use was found, so it computes on the CPU' : null;
  }
  if (choice !== 'auto')
    return 'slower than native TensorFlow; backend auto takes the best there is';
  return `native TensorFlow is not in use (${reasonOf(problems)}), so this is several times slower; ${remedyOf(choice)}`;
}

function reasonOf(problems: readonly string[]): string {
  return problems.length === 0 ? 'not installed' : problems.join('; ');
}

function remedyOf(choice: EngineChoice): string {
  const others = choice === 'auto' ? '' : ', backend auto takes the best there is';
  return `\`${doctorCommand()}\` says what is missing and how to mend it${others}`;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}
