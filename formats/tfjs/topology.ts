import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { CallCheck } from './calls';
import { canPlay, kindOf, roleOf } from './layer-kind';
import type { LayerKind } from './layer-kind';
import { isLayerEntry } from '../keras/draft';
import type { LayerEntry, Shape } from '../keras/draft';
import { translate } from '../keras/translate';
import { ModelFileError } from '../model-file-error';
import { isName } from './weight-specs';

/** Layers of a network, at most, those of nested models included. */
const LAYER_LIMIT = 5_000;
/** Samples of a batch whose size the file fixes, at most: stateful layers hold states for them. */
const BATCH_LIMIT = 65_536;

/** A topology that can be built. */
export interface Topology {
  /** The model's class and config with the keys in camelCase, as tfjs itself reads them. */
  readonly model: JsonObject;
  /** True where some layers only stand for what they become once the shapes of their inputs are known. */
  readonly needsShapes: boolean;
}

/**
 * Checks a model's topology before tfjs builds it, which would take some faults for an endless loop.
 *
 * @param topology as model.json has it: a Keras or tfjs config, or a Keras model's file with
 *   `model_config`.
 * @param note hears what the file says and the model does not do.
 * @param shapes of the layers' inputs by path, from the model that was built without them.
 * @throws {ModelFileError} naming the layer: a class that is not registered, a name that is missing
 *   or used twice, a call of a layer that is not there, a cycle.
 */
export function checkTopology(
  file: string,
  topology: JsonObject,
  note: (words: string) => void = () => undefined,
  shapes: ReadonlyMap<string, Shape> | null = null,
): Topology {
  const root = topology.model_config ?? topology;
  let needsShapes = false;
  const model = translate(camelCased(root), {
    shapes,
    askShapes() {
      needsShapes = true;
    },
    layerLimit: LAYER_LIMIT,
    isKeras3: isOfKeras3(topology),
    note,
    refuse(why) {
      throw new ModelFileError(file, why);
    },
  });
  const check = new TopologyCheck(file);
  const kind = check.layer(model, 'the model');
  if (kind !== 'sequential' && kind !== 'functional') {
    throw new ModelFileError(file, 'its topology must be that of a model, got that of one layer');
  }
  const { className, config } = model as LayerEntry; // nothing that was not checked
  return { model: { className, config }, needsShapes };
}

/** Whether Keras 3 wrote a topology: it notes its version, beside the model or in it. */
function isOfKeras3(topology: JsonObject): boolean {
  const { model_config: model, keras_version: version } = topology;
  const noted = version ?? (isJsonObject(model) ? model.keras_version : null);
  return typeof noted === 'string' && noted.startsWith('3.');
}

/** One walk over a topology. */
class TopologyCheck {
  private layers = 0;
  private readonly calls: CallCheck;

  constructor(private readonly file: string) {
    this.calls = new CallCheck((reason) => this.refuse(reason));
  }

  /** Checks a layer or model with all that it holds and returns what it is. */
  layer(entry: JsonValue | undefined, place: string): LayerKind {
    if (++this.layers > LAYER_LIMIT) this.refuse(`it has more than ${LAYER_LIMIT} layers`);
    if (!isLayerEntry(entry)) {
      this.refuse(`${place} must have a class name and a config`);
    }
    const { className, config } = entry;
    const kind = kindOf(className);
    if (kind === null) {
      this.refuse(
        `${place} has the class ${className.slice(0, 80)}, which is no layer that TensorFlow.js ` +
          'knows; the option register FILE.js teaches it: a module that registers the class of a layer of your own ' +
          '(tf.serialization.registerClass)',
      );
    }
    if (kind === 'sequential' || kind === 'functional') this.model(config, kind, place);
    else if (isJsonObject(config)) {
      if (className === 'InputLayer') this.requireShape(config, place);
      this.parts(config, place);
    } else this.refuse(`${place} must have an object for a config`);
    return kind;
  }

  private model(config: LayerEntry['config'], kind: LayerKind, place: string): void {
    const isBare = Array.isArray(config); // how old Keras files write a Sequential
    const layers = isBare ? config : (config as JsonObject).layers;
    if (!Array.isArray(layers) || layers.length === 0 || (isBare && kind === 'functional')) {
      this.refuse(`${place} must have a list of layers`);
    }
    const kinds = new Map<string, LayerKind>();
    for (const [index, entry] of (layers as JsonValue[]).entries()) {
      const name = this.nameOf(entry, kind, place) ?? `${index}`;
      if (kinds.has(name)) this.refuse(`${place} has two layers with the name ${name}`);
      kinds.set(name, this.layer(entry, `layer ${name}`));
    }
    if (kind === 'functional') this.calls.check(config as JsonObject, kinds, place);
  }

  /** tfjs takes the name of the entry for references and that of the config for the layer. */
  private nameOf(entry: JsonValue, kind: LayerKind, place: string): string | null {
    const { name: listed, config } = isJsonObject(entry) ? entry : {};
    const own = isJsonObject(config) ? config.name : listed;
    const name = kind === 'functional' ? listed : own;
    if (kind === 'sequential' && Array.isArray(config)) return null; // a bare Sequential has none
    if (!isName(name)) {
      this.refuse(`each layer of ${place} must have a name, got ${excerpt(name)}`);
    }
    if (own !== name) {
      this.refuse(`layer ${name} must have the same name in its config, got ${excerpt(own)}`);
    }
    return name;
  }

  /** The layer inside a wrapper, the cells of a recurrent layer, the shape of an input. */
  private parts(config: JsonObject, place: string): void {
    const { layer, cell, cells, batchInputShape } = config;
    const inner = [layer, cell, ...(Array.isArray(cells) ? (cells as JsonValue[]) : [])];
    for (const part of inner) {
      if (isJsonObject(part)) this.layer(part, `what ${place} wraps`);
    }
    for (const [key, part] of Object.entries(config)) this.role(key, part, place);
    if (batchInputShape !== undefined && batchInputShape !== null) {
      this.inputShape(batchInputShape, place);
    }
  }

  /** A constraint, initializer, regularizer or activation that is given as an object. */
  private role(key: string, part: JsonValue, place: string): void {
    const role = roleOf(key);
    const className = isJsonObject(part) ? part.className : undefined;
    if (role === null || typeof className !== 'string' || canPlay(className, role)) return;
    const name = className.slice(0, 80);
    this.refuse(`${place} has the ${role} ${name}, which TensorFlow.js does not know`);
  }

  private requireShape({ batchInputShape, inputShape }: JsonObject, place: string): void {
    if ((batchInputShape ?? inputShape ?? null) !== null) return;
    this.refuse(`${place} must say the shape of the input, null for what is free in it`);
  }

  private inputShape(shape: JsonValue, place: string): void {
    const isLength = (length: JsonValue): boolean =>
      length === null || (Number.isSafeInteger(length) && (length as number) >= 0);
    if (!Array.isArray(shape) || !(shape as JsonValue[]).every(isLength)) {
      this.refuse(
        `${place} must have an input shape of whole numbers and null, got ${excerpt(shape)}`,
      );
    }
    const batch = (shape as (number | null)[])[0] ?? 0;
    if (batch > BATCH_LIMIT) {
      this.refuse(`${place} must have a batch of at most ${BATCH_LIMIT}, got ${batch}`);
    }
  }

  private refuse(reason: string): never {
    throw new ModelFileError(this.file, reason);
  }
}

const namedFirst = new Set(['inboundNodes', 'inputLayers', 'outputLayers', 'kerasHistory']);

/**
 * A config as tfjs reads it: keys and texts in camelCase, except names and the layer names with
 * which references begin.
 */
function camelCased(value: JsonValue, key?: string): JsonValue {
  if (typeof value === 'string') return camelCase(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const isReference = key !== undefined && namedFirst.has(key);
    return (value as JsonValue[]).map((item, index) =>
      isReference && index === 0 && typeof item === 'string' ? item : camelCased(item, key),
    );
  }
  const entries = Object.entries(value).map(([inner, item]): [string, JsonValue] => {
    const name = camelCase(inner);
    return [name, inner === 'name' && typeof item === 'string' ? item : camelCased(item, name)];
  });
  return Object.fromEntries(entries);
}

function camelCase(text: string): string {
  if (text.length <= 1) return text;
  return text.replace(/_+(\w|$)/g, (_, letter: string) => letter.toUpperCase());
}

function excerpt(value: JsonValue | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value).slice(0, 80);
}
