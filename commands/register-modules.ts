import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { ConfigError } from '../config/error';
import { listRegistered } from '../jobs';
import type { NamedModule } from './find-modules';

/** What a module exports: itself, by this name, or as its default. */
type Register = (secateur: object, instance: typeof tf) => unknown;

/**
 * Loads the modules of `--register`, one after the other, and has each register what it knows.
 *
 * A module exports a function (`module.exports`, `default` or `register`), which gets the public library and the
 * TensorFlow.js of this program; one that registers as it is loaded needs none.
 *
 * @param library what `index.ts` exports.
 * @returns a line for each module: what it registered.
 * @throws {ConfigError} naming the file: it is not there, fails, registers nothing, or what is there already.
 */
export async function registerModules(
  modules: readonly NamedModule[],
  library: object,
): Promise<string[]> {
  const said: string[] = [];
  for (const named of modules) {
    const before = listRegistered();
    await runModule(named, library);
    const added = findAdded(named, before);
    said.push(`${basename(named.file)} registers ${added.join(', ')}`);
  }
  return said;
}

async function runModule(named: NamedModule, library: object): Promise<void> {
  requireFile(named);
  try {
    const register = pickFunction(await load(named.file));
    await register?.(library, tf);
  } catch (error) {
    throw refuse(named, `fails: ${describe(error, named.file)}`);
  }
}

function requireFile(named: NamedModule): void {
  if (!existsSync(named.file)) throw refuse(named, 'does not exist');
  if (!statSync(named.file).isFile()) throw refuse(named, 'is no file');
}

/** An ES module by `import`; all else by `require`, which ts-node hears too. */
async function load(file: string): Promise<unknown> {
  const isEsModule = (error: unknown): boolean =>
    /^ERR_REQUIRE_(ESM|ASYNC_MODULE)$/.test(String((error as NodeJS.ErrnoException).code));
  if (!file.endsWith('.mjs')) {
    try {
      return createRequire(__filename)(file);
    } catch (error) {
      if (!isEsModule(error)) throw error;
    }
  }
  return import(pathToFileURL(file).href);
}

/** The function of a module, undefined where it exports none. */
function pickFunction(exported: unknown): Register | undefined {
  if (typeof exported === 'function') return exported as Register;
  if (typeof exported !== 'object' || exported === null) return undefined;
  const { register, default: usual } = exported as { register?: unknown; default?: unknown };
  if (typeof register === 'function') return register as Register;
  return usual === exported ? undefined : pickFunction(usual);
}

/** What a module has added. @throws {ConfigError} when that is nothing, or a class that was there. */
function findAdded(named: NamedModule, before: ReadonlyMap<string, unknown>): string[] {
  const after = [...listRegistered()];
  const replaced = after.find(([key, value]) => before.has(key) && before.get(key) !== value);
  if (replaced) throw refuse(named, `registers the ${replaced[0]}, which there is already`);
  const added = after.map(([key]) => key).filter((key) => !before.has(key));
  if (added.length > 0) return added;
  throw refuse(
    named,
    'registers nothing: it must export a function (secateur, tf) that calls tf.serialization.registerClass, ' +
      'secateur.registerLayerHandler, registerMethod, registerDataSet or registerNetwork',
  );
}

function refuse({ file, source }: NamedModule, problem: string): ConfigError {
  return new ConfigError({ key: `--register ${file}`, problem, source });
}

/** What a module threw, with the line of its own where it is known. */
function describe(error: unknown, file: string): string {
  if (!(error instanceof Error)) return String(error);
  const [words] = error.message.split('\n'); // of a module that is not there the rest is who asked for it
  const behind = error.stack?.split(file).slice(1) ?? [];
  const at = behind.map((rest) => /^:(\d+)/.exec(rest)?.[1]).find((line) => line !== undefined);
  return at === undefined ? words! : `${words!} (line ${at})`;
}
