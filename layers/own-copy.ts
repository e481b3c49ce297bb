/**
 * Recognises what another copy of TensorFlow.js made. Two copies in one program share tensors and engines but no
 * classes: a model of the other one would be taken for something else, deep inside.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';

/** @throws {OptionError} when it is no LayersModel, or one of another copy of TensorFlow.js. */
export function requireOwnModel(model: unknown): asserts model is tf.LayersModel {
  if (model instanceof tf.LayersModel) return;
  if (model instanceof tf.GraphModel) {
    const problem = 'is a GraphModel, which has no layers any more; a tf.LayersModel has';
    throw new OptionError({ option: 'model', problem });
  }
  const { className, version } = describeForeign(model);
  if (className === null) {
    throw new OptionError({ option: 'model', allowed: 'a tf.LayersModel', received: model });
  }
  throw ofAnotherCopy(className, version);
}

/**
 * Names the other copy where it is why a network cannot be built: each copy numbers the weights of its own layers,
 * and the engine that they share takes a name once.
 *
 * @param error that building threw. @returns what is to be thrown in its place, or `error` itself.
 */
export function explainTakenName(error: unknown): unknown {
  const message = error instanceof Error ? error.message : '';
  const [, name] = /^Variable with name (.+) was already registered$/.exec(message) ?? [];
  return name === undefined ? error : ofAnotherCopy(`the weight ${name}`, null, error);
}

function ofAnotherCopy(what: string, version: string | null, cause?: unknown): OptionError {
  const made = version === null ? '' : `, ${version}`;
  const copies = findCopies().join(' and ');
  const loaded = copies === '' ? '' : ` (loaded: ${copies})`;
  const problem =
    `was made by another copy of @tensorflow/tfjs than the one that secateur computes with: ${what}${made}, ` +
    `against tfjs-layers ${tf.version_layers}${loaded}. One program must hold one copy: ` +
    '`npm ls @tensorflow/tfjs` says who brings which, `npm dedupe` or one version for all mends it';
  return new OptionError({ option: 'model', problem }, cause === undefined ? {} : { cause });
}

/** What a model of another copy says of itself; null where the value is nothing of the kind. */
interface Foreign {
  readonly className: string | null;
  /** `tfjs-layers 4.21.0` */
  readonly version: string | null;
}

function describeForeign(value: unknown): Foreign {
  const { getClassName, toJSON, layers } = (value ?? {}) as Partial<tf.LayersModel>;
  if (
    typeof getClassName !== 'function' ||
    typeof toJSON !== 'function' ||
    !Array.isArray(layers)
  ) {
    return { className: null, version: null };
  }
  const model = value as tf.LayersModel;
  return { className: `a ${model.getClassName()}`, version: versionOf(model) };
}

function versionOf(model: tf.LayersModel): string | null {
  try {
    const written = model.toJSON(null, false) as { readonly keras_version?: unknown };
    return typeof written.keras_version === 'string' ? written.keras_version : null;
  } catch {
    return null; // it says only a little more of it
  }
}

/** The copies of tfjs-layers that Node has loaded: `4.21.0 in node_modules/@tensorflow/tfjs-layers`. */
function findCopies(): string[] {
  const files = Object.keys(createRequire(__filename).cache);
  const part = path.join(path.sep, '@tensorflow', 'tfjs-layers', path.sep);
  const folders = files
    .filter((file) => file.includes(part))
    .map((file) => file.slice(0, file.lastIndexOf(part) + part.length - 1));
  return [...new Set(folders)].map((folder) => {
    const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
      readonly version: string;
    };
    return `${version} in ${path.relative('', folder)}`;
  });
}
