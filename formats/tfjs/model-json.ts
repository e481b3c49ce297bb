import { isForbiddenKey, isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { ModelFileError } from '../model-file-error';
import { weightSpecOf } from './weight-specs';
import type { WeightSpec } from './weight-specs';

/** Bytes of a model.json, at most. */
export const MODEL_JSON_LIMIT = 64 * 1024 * 1024;
const DEPTH_LIMIT = 64;
const VALUE_LIMIT = 2_000_000;

/** What this project writes as `convertedBy`; a program that loads the network and saves it again leaves it out. */
export const WRITER = 'Secateur';

/** Weight files that follow one another, and the weights they hold in this order. */
export interface WeightGroup {
  /** Plain file names. */
  readonly paths: readonly string[];
  readonly weights: readonly WeightSpec[];
}

/** The parts of a model.json that a network is made from. */
export interface ModelJson {
  /** As the file has it, with snake_case or camelCase keys. */
  readonly topology: JsonObject;
  readonly groups: readonly WeightGroup[];
  /** What its maker noted in it; null where there is none. */
  readonly metadata: JsonObject | null;
  /** Whether this project wrote it, and nobody after that. */
  readonly isOwn: boolean;
}

/**
 * Reads the text of a model.json.
 *
 * @param file its name, for the errors.
 * @throws {ModelFileError} when it is not JSON, nested deeper than 64, has a key such as
 *   `__proto__`, is no LayersModel, or describes weights that cannot be.
 */
export function parseModelJson(file: string, bytes: Uint8Array): ModelJson {
  refuseGiants(file, bytes);
  const json = jsonOf(file, bytes);
  refuseTraps(file, json, '$');
  const { modelTopology, weightsManifest, userDefinedMetadata, convertedBy } = partsOf(file, json);
  const groups = weightsManifest.map((group) => groupOf(file, group));
  refuseRepeats(
    file,
    'weight',
    groups.flatMap(({ weights }) => weights.map(({ name }) => name)),
  );
  refuseRepeats(
    file,
    'weight file',
    groups.flatMap(({ paths }) => paths),
  );
  const metadata = isJsonObject(userDefinedMetadata) ? userDefinedMetadata : null;
  return { topology: modelTopology, groups, metadata, isOwn: convertedBy === WRITER };
}

/** The topology and the rest of a LayersModel; other files of JSON are told what they are. */
function partsOf(file: string, json: JsonValue): JsonObject & LayersModelJson {
  const parts = isJsonObject(json) ? json : {};
  const { format, modelTopology, weightsManifest } = parts;
  const isGraph = isJsonObject(modelTopology) && Array.isArray(modelTopology.node);
  if (format === 'graph-model' || isGraph) {
    throw new ModelFileError(
      file,
      'it is a GraphModel, which holds operations and no layers: convert the Keras model it was made ' +
        'from again, with --output_format=tfjs_layers_model',
    );
  }
  if (isLayersModel(parts)) return parts;
  if (typeof parts.class_name === 'string' && isJsonObject(parts.config)) {
    throw new ModelFileError(
      file,
      "it is a Keras model's config without weights: convert the model, weights and all, with " +
        'tensorflowjs_converter --output_format=tfjs_layers_model',
    );
  }
  const held = isJsonObject(modelTopology) && weightsManifest === undefined;
  throw new ModelFileError(
    file,
    'it must be a LayersModel (modelTopology and weightsManifest)' +
      (held ? ', it says nothing of weights' : ''),
  );
}

interface LayersModelJson {
  readonly modelTopology: JsonObject;
  readonly weightsManifest: readonly JsonValue[];
}

function isLayersModel(parts: JsonObject): parts is JsonObject & LayersModelJson {
  return isJsonObject(parts.modelTopology) && Array.isArray(parts.weightsManifest);
}

/** Refuses text that would take JSON.parse a lot of memory, before it gets it. */
function refuseGiants(file: string, bytes: Uint8Array): void {
  const [quote, escape, comma] = [0x22, 0x5c, 0x2c];
  let [depth, values, inText] = [0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === quote) inText = !inText;
    else if (inText) at += byte === escape ? 1 : 0;
    else if (opens(byte)) {
      values++;
      if (++depth > DEPTH_LIMIT) {
        throw new ModelFileError(file, `it is nested deeper than ${DEPTH_LIMIT}`);
      }
    } else if (closes(byte)) depth--;
    else if (byte === comma) values++;
  }
  if (values > VALUE_LIMIT) {
    throw new ModelFileError(file, `it holds more than ${VALUE_LIMIT} values`);
  }
}

const opens = (byte: number): boolean => byte === 0x7b || byte === 0x5b; // { [
const closes = (byte: number): boolean => byte === 0x7d || byte === 0x5d; // } ]

function jsonOf(file: string, bytes: Uint8Array): JsonValue {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const what = bytes.includes(0) // which text has not
      ? 'it is not JSON but bytes, such as a weight file: name the model.json that belongs to it'
      : `it is not JSON: ${reason}`;
    throw new ModelFileError(file, what, { cause: error });
  }
}

/** Refuses keys that could reach a prototype, and numbers too large to be one (1e999). */
function refuseTraps(file: string, value: JsonValue | undefined, place: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new ModelFileError(file, `${place} must be a finite number`);
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (isForbiddenKey(key)) throw new ModelFileError(file, `${place} must not have a key ${key}`);
    refuseTraps(file, inner, `${place}.${key}`);
  }
}

function groupOf(file: string, group: JsonValue): WeightGroup {
  const { paths, weights } = isJsonObject(group) ? group : {};
  if (!Array.isArray(paths) || !Array.isArray(weights)) {
    throw new ModelFileError(file, 'each group of its weightsManifest must have paths and weights');
  }
  return {
    paths: (paths as JsonValue[]).map((name) => plainName(file, name)),
    weights: (weights as JsonValue[]).map((spec) => weightSpecOf(file, spec)),
  };
}

/** A file of the same folder: no separator, no `..`, nothing hidden; tfjs itself may write `./`. */
function plainName(file: string, name: JsonValue): string {
  const plain = typeof name === 'string' ? name.replace(/^\.\//, '') : '';
  if (!/^[^./\\:\p{Cc}][^/\\:\p{Cc}]{0,254}$/u.test(plain)) {
    const received = JSON.stringify(name).slice(0, 80);
    throw new ModelFileError(
      file,
      `its weight files must have plain names in its own folder, got ${received}`,
    );
  }
  return plain;
}

function refuseRepeats(file: string, what: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new ModelFileError(file, `it names the ${what} ${name} twice`);
    seen.add(name);
  }
}
