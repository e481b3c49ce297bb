import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { kindOf } from '../tfjs/layer-kind';
import { endsOf, isKeras3Call, keras2Call, asRescaling } from './calls';
import { isIdle, piecesOf } from './classes';
import { isLayerEntry, nameIn } from './draft';
import type { Draft, LayerEntry, Piece, Shape } from './draft';
import { plainValues } from './values';
import { functionalOf, shapeBy, wire } from './wiring';
import type { Translated } from './wiring';

/** What a translation reports to. */
export interface Reader {
  /** The most layers that a network may have. */
  readonly layerLimit: number;
  /** True for a file that Keras 3 wrote. */
  readonly isKeras3: boolean;
  /** The shape of a layer's input, by its path; null altogether while they are not known. */
  readonly shapes: ReadonlyMap<string, Shape> | null;
  /** Hears that the shapes must be known. */
  readonly askShapes: () => void;
  /** Hears what else the file says than the network computes. */
  readonly note: (words: string) => void;
  /** Throws: the network cannot be read. */
  readonly refuse: (why: string) => never;
}

/**
 * Says a network in the layers and keys that TensorFlow.js reads, where Keras says it otherwise.
 *
 * The config of Keras 3 becomes that of Keras 2; keys that TensorFlow.js ignores are honoured by other
 * stock layers, or refused by layer and key where their value changes what is computed; layers that do
 * something in training alone and that TensorFlow.js does not have are left out. What is not
 * understood passes as it is: to check it is up to the caller.
 *
 * @param root the entry of the model, keys in camelCase.
 */
export function translate(root: JsonValue, reader: Reader): JsonValue {
  return isLayerEntry(root) && isModel(root) ? new Translator(reader).model(root).entry : root;
}

function isModel({ className }: LayerEntry): boolean {
  const kind = kindOf(className);
  return kind === 'sequential' || kind === 'functional';
}

/** A model, and whether nothing is left of it but its input. */
interface TranslatedModel {
  readonly entry: LayerEntry;
  readonly isIdle: boolean;
  readonly shape: JsonValue;
}

class Translator {
  private layers = 0;
  /** The path of the model that is being translated. */
  private prefix = '';

  constructor(private readonly reader: Reader) {}

  model(entry: LayerEntry): TranslatedModel {
    const { config } = entry;
    const listed = isJsonObject(config) ? config.layers : config;
    if (!Array.isArray(listed)) return { entry, isIdle: false, shape: null };
    const layers = (listed as readonly JsonValue[]).map((layer) => this.layer(layer));
    const model = isJsonObject(config)
      ? this.withLayers(entry, config, layers)
      : { ...entry, config: layers.flatMap(({ entries }) => entries.map((each) => each.entry)) };
    const left = layers.filter(({ entries }) => entries.length > 0);
    const isLess = left.length < layers.length && left.length <= 1;
    const isIdle = isLess && left.every(({ isInput }) => isInput);
    return { entry: model, isIdle, shape: shapeIn(layers, config) };
  }

  private withLayers(
    entry: LayerEntry,
    config: JsonObject,
    layers: readonly Translated[],
  ): LayerEntry {
    const refuse = (why: string): never => this.reader.refuse(`model ${nameIn(config)} ${why}`);
    if (kindOf(entry.className) === 'functional') {
      const isKeras3 = this.reader.isKeras3 || layers.some((layer) => layer.isKeras3);
      const { inputLayers = null, outputLayers = null } = config;
      const ends = {
        inputLayers: endsOf(inputLayers) ?? null,
        outputLayers: endsOf(outputLayers) ?? null,
      };
      return {
        ...entry,
        config: wire({ ...config, ...ends }, layers, isKeras3, refuse),
      };
    }
    const shaped = shapeBy(layers, config.buildInputShape ?? null);
    if (shaped.some(({ entries }) => entries.some(({ reads }) => reads !== null))) {
      return functionalOf(entry, shaped, refuse);
    }
    const rest = shaped.flatMap(({ entries }) => entries.map((each) => each.entry));
    return { ...entry, config: { ...config, layers: rest } };
  }

  private layer(listed: JsonValue): Translated {
    const json = isLayerEntry(listed) ? asRescaling(listed) : listed;
    if (++this.layers > this.reader.layerLimit) {
      this.reader.refuse(`it has more than ${this.reader.layerLimit} layers`);
    }
    const kind = isLayerEntry(json) ? kindOf(json.className) : null;
    const whole = [{ entry: json, reads: null }];
    const nothing = {
      name: null,
      shape: null,
      calls: undefined,
      isInput: kind === 'input',
    } as const;
    if (!isLayerEntry(json)) return { ...nothing, entries: whole, kind: 'layer', isKeras3: false };
    const base = { ...nothing, ...this.called(json) };
    if (kind === 'sequential' || kind === 'functional') {
      const { entry, isIdle: isLeftOut, shape } = this.nested(json, base.name);
      return { ...base, kind, shape, entries: isLeftOut ? [] : [{ entry, reads: null }] };
    }
    if (!isJsonObject(json.config)) return { ...base, entries: whole, kind: 'layer' };
    const draft = this.draftOf(json, json.config);
    const config = plainValues(draft);
    const shape = config.batchInputShape ?? null;
    const pieces = this.piecesOf({ ...draft, config });
    const entries = pieces.map(({ className, config: own, reads = null }) => ({
      entry: {
        ...(own.name === config.name ? json : { name: own.name ?? null }),
        className,
        config: own,
      },
      reads,
    }));
    return { ...base, kind: 'layer', shape, entries };
  }

  private nested(json: LayerEntry, name: string | null): TranslatedModel {
    const outer = this.prefix;
    this.prefix = `${outer}${name ?? ''}/`;
    const model = this.model(json);
    this.prefix = outer;
    return model;
  }

  /** The layer's name and calls, these in the words of Keras 2. */
  private called(json: LayerEntry): Pick<Translated, 'name' | 'calls' | 'isKeras3'> {
    const { inboundNodes } = json;
    const name = nameOf(json);
    if (!Array.isArray(inboundNodes)) return { name, calls: inboundNodes, isKeras3: false };
    const draft = this.draftOf(json, isJsonObject(json.config) ? json.config : {});
    const nodes = inboundNodes as readonly JsonValue[];
    if (nodes.some(isCalledInTraining)) {
      draft.note('is called with training true, which TensorFlow.js ignores');
    }
    return {
      name,
      calls: nodes.map((node) => (isKeras3Call(node) ? keras2Call(node, draft) : node)),
      isKeras3: nodes.some(isKeras3Call),
    };
  }

  private draftOf(json: LayerEntry, config: JsonObject): Draft {
    const { isKeras3, note, refuse, shapes, askShapes } = this.reader;
    const { className } = json;
    const name = nameOf(json) ?? 'without a name';
    const words = `layer ${name.slice(0, 80)} (${className.slice(0, 80)})`;
    return {
      className,
      config,
      isKeras3,
      shape: shapes?.get(`${this.prefix}${name}`) ?? null,
      askShape() {
        if (shapes === null) askShapes();
        else refuse(`${words} cannot be computed inside the layer that wraps it`);
      },
      note: (more) => {
        note(`${words} ${more}`);
      },
      refuse: (why) => refuse(`${words} ${why}`),
    };
  }

  private piecesOf(draft: Draft): readonly Piece[] {
    if (isIdle(draft.className)) {
      draft.note('is left out: it does nothing but in training');
      return [];
    }
    const { className, config } = draft;
    if (className === 'TimeDistributed') return this.distributed(draft);
    const { layer, cell, cells } = config;
    const inner: Record<string, JsonValue> = {};
    if (isLayerEntry(layer)) inner.layer = this.inside(layer, draft);
    if (isLayerEntry(cell)) inner.cell = this.inside(cell, draft);
    if (Array.isArray(cells)) {
      inner.cells = (cells as readonly JsonValue[]).map((each) =>
        isLayerEntry(each) ? this.inside(each, draft) : each,
      );
    }
    const whole = { ...draft, config: { ...config, ...inner } };
    return piecesOf(className === 'Bidirectional' ? this.bidirectional(whole) : whole);
  }

  /** TensorFlow.js makes the backward layer of the forward one, which must say all of it. */
  private bidirectional(draft: Draft): Draft {
    const { backwardLayer = null, ...config } = draft.config;
    if (!isLayerEntry(backwardLayer)) return { ...draft, config };
    if (straight(this.inside(backwardLayer, draft)) !== straight(config.layer)) {
      draft.refuse('has a backward_layer unlike its layer, which TensorFlow.js does not compute');
    }
    return { ...draft, config: { ...config, layer: withoutDirection(config.layer) } };
  }

  /** What becomes of a layer in a wrapper that can only hold one. */
  private inside(json: LayerEntry, { refuse }: Draft): JsonValue {
    const { entries } = this.layer(json);
    if (entries.length === 1) return entries[0]!.entry;
    return refuse(`wraps ${json.className.slice(0, 80)}, which it cannot in TensorFlow.js`);
  }

  /** Each of the layers that the wrapped one becomes is wrapped for itself. */
  private distributed(draft: Draft): readonly Piece[] {
    const { className, config } = draft;
    if (!isLayerEntry(config.layer)) return [{ className, config }];
    const { entries } = this.layer(config.layer);
    return entries.map(({ entry, reads }, index) => {
      const name = index === 0 ? config.name! : `${nameIn(config)}_${index}`;
      return { className, config: { ...config, name, layer: entry }, ...(reads && { reads }) };
    });
  }
}

/** Whether a call in the words of Keras 2 asks for what a layer does in training. */
function isCalledInTraining(node: JsonValue): boolean {
  const references = Array.isArray(node) ? (node as readonly JsonValue[]) : [];
  return references.some((reference) => {
    const given = Array.isArray(reference) ? (reference as readonly JsonValue[])[3] : null;
    return isJsonObject(given) && given.training === true;
  });
}

/** The name by which a config lists a layer. */
function nameOf({ name, config }: LayerEntry): string | null {
  const own = isJsonObject(config) ? config.name : undefined;
  return typeof name === 'string' ? name : typeof own === 'string' ? own : null;
}

/** The shape of a model's input, as far as its first layer or the model itself say it. */
function shapeIn(layers: readonly Translated[], config: LayerEntry['config']): JsonValue {
  const built = isJsonObject(config) ? config.buildInputShape : null;
  return layers[0]?.shape ?? built ?? null;
}

const turned = new Set(['name', 'goBackwards', 'seed', 'buildConfig']);

/** A layer's config without what the two directions of a Bidirectional differ in. */
function straight(entry: JsonValue | undefined): string {
  const config = isLayerEntry(entry) && isJsonObject(entry.config) ? entry.config : {};
  const kept = Object.entries(config).filter(([key]) => !turned.has(key));
  return JSON.stringify(kept.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** A Bidirectional of Keras 3 names the layer in it as that of one direction: the name without that. */
function withoutDirection(layer: JsonValue | undefined): JsonValue {
  if (!isLayerEntry(layer) || !isJsonObject(layer.config)) return layer ?? null;
  const name = layer.config.name ?? null;
  if (typeof name !== 'string') return layer;
  return { ...layer, config: { ...layer.config, name: name.replace(/^forward_/, '') } };
}
