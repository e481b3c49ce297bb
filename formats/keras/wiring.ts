import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { nameIn } from './draft';
import type { LayerEntry, Source } from './draft';

/** A layer of the translated model, without its calls. */
interface Placed {
  readonly entry: JsonValue;
  /** Null where it reads the entry before, and the first one what the file's layer reads. */
  readonly reads: readonly Source[] | null;
}

/** What became of one layer of the file. */
export interface Translated {
  /** Null for what is no layer. */
  readonly name: string | null;
  /** The last one makes what the file's layer made; none where the layer is left out. */
  readonly entries: readonly Placed[];
  /** Calls of the file's layer, in the words of Keras 2; whatever else the file has there. */
  readonly calls: JsonValue | undefined;
  /** True where the calls were in the words of Keras 3. */
  readonly isKeras3: boolean;
  /** The class of the file's layer. */
  readonly kind: 'sequential' | 'functional' | 'layer';
  readonly isInput: boolean;
  /** The shape that the file gives the layer's input. */
  readonly shape: JsonValue;
}

type Refuse = (why: string) => never;

/** A reference to the output of a call: [layer, call, output, ...]. */
type Reference = readonly [string, number, ...JsonValue[]];

function isReference(json: JsonValue): json is Reference {
  return Array.isArray(json) && typeof json[0] === 'string' && typeof json[1] === 'number';
}

const listOf = (json: JsonValue | undefined): readonly JsonValue[] =>
  Array.isArray(json) ? (json as readonly JsonValue[]) : [];

const nameOf = ({ entry }: Placed): string =>
  isJsonObject(entry) && isJsonObject(entry.config) ? nameIn(entry.config) : '';

/** The number of a layer's first call: a model is its own call before. */
const firstCallOf = ({ kind }: Translated): number => (kind === 'layer' ? 0 : 1);

/** The config of a functional model whose layers were translated: who read a layer reads what became of it. */
export function wire(
  config: JsonObject,
  layers: readonly Translated[],
  isKeras3: boolean,
  refuse: Refuse,
): JsonObject {
  const wiring = new Wiring(layers, refuse);
  if (isKeras3) wiring.countCalls();
  const ends = {
    inputLayers: wiring.ends(config.inputLayers, false),
    outputLayers: wiring.ends(config.outputLayers, isKeras3),
  };
  return { ...config, layers: layers.flatMap((layer) => wiring.called(layer)), ...ends };
}

class Wiring {
  private readonly byName: ReadonlyMap<string | null, Translated>;
  /** Nested models whose calls the file counts from 0, where this library counts from 1. */
  private readonly shifted = new Set<string>();

  constructor(
    private readonly layers: readonly Translated[],
    private readonly refuse: Refuse,
  ) {
    this.byName = new Map(layers.map((layer) => [layer.name, layer]));
  }

  /** Finds out how the calls of a file of Keras 3 are counted, which converters may have changed half. */
  countCalls(): void {
    for (const { calls, isKeras3 } of this.layers) {
      for (const reference of listOf(calls).flatMap(listOf)) {
        if (!isReference(reference)) continue;
        const [layer, call] = reference;
        if (isKeras3 || call === 0) this.shifted.add(layer);
      }
    }
  }

  /** The references at which the model begins or ends. */
  ends(ends: JsonValue | undefined, isOutput: boolean): JsonValue {
    if (!Array.isArray(ends)) return ends ?? null;
    return (ends as readonly JsonValue[]).map((end) => {
      if (!isReference(end)) return end;
      const [name, call, ...rest] = end;
      const isOwn = isOutput && this.byName.get(name)?.kind === 'sequential';
      const isZero = isOutput && call === 0 && this.byName.get(name)?.kind === 'functional';
      return this.redirected([name, isOwn || isZero ? call + 1 : call, ...rest]);
    });
  }

  /** What became of a layer, with its calls. */
  called(layer: Translated): JsonValue[] {
    const { entries, calls } = layer;
    if (!Array.isArray(calls)) return entries.map(({ entry }) => entry);
    const reads = (calls as readonly JsonValue[]).map((node) => this.counted(node));
    return entries.map((placed, index) => {
      const sources = placed.reads ?? [index === 0 ? 'input' : index - 1];
      const inboundNodes = reads.map((read, call): JsonValue => {
        if (sources.length === 1 && sources[0] === 'input') return read;
        return sources.flatMap((source): readonly JsonValue[] =>
          source === 'input' ? listOf(read) : [[nameOf(entries[source]!), call, 0, {}]],
        );
      });
      return isJsonObject(placed.entry) ? { ...placed.entry, inboundNodes } : placed.entry;
    });
  }

  /** A call whose references lead to what became of the layers that it reads. */
  private counted(node: JsonValue): JsonValue {
    if (!Array.isArray(node)) return node;
    return (node as readonly JsonValue[]).map((json) =>
      isReference(json) ? this.redirected(this.shift(json)) : json,
    );
  }

  private shift([name, call, ...rest]: Reference): Reference {
    const isShifted =
      this.shifted.has(name) && (this.byName.get(name)?.kind ?? 'layer') !== 'layer';
    return [name, isShifted ? call + 1 : call, ...rest];
  }

  private redirected(reference: Reference): JsonValue {
    let at = reference;
    for (let steps = 0; steps <= this.layers.length; steps++) {
      const layer = this.byName.get(at[0]);
      if (!layer) return at;
      const last = layer.entries.at(-1);
      if (last) return layer.entries.length === 1 ? at : [nameOf(last), ...at.slice(1)];
      const read = listOf(listOf(layer.calls)[at[1] - firstCallOf(layer)]);
      const [input] = read;
      if (input === undefined || read.length > 1 || !isReference(input)) {
        return this.refuse(
          `has the layer ${at[0]}, which cannot be left out: it must have one input`,
        );
      }
      at = this.shift(input);
    }
    return this.refuse('has layers that read one another in a cycle');
  }
}

/** A Sequential as a functional model: one of its layers became several that do not follow one another. */
export function functionalOf(
  entry: LayerEntry,
  layers: readonly Translated[],
  refuse: Refuse,
): LayerEntry {
  const { name = null, trainable = true } = entry.config as JsonObject;
  const shape = layers[0]?.shape ?? null;
  if (shape === null || typeof name !== 'string') {
    return refuse('must say the shape of its input: one of its layers needs several in its place');
  }
  const begins = layers[0]?.isInput === true;
  const input = begins ? layers[0]! : inputOf(`${name}_input`, shape);
  const rest = begins ? layers.slice(1) : layers;
  let last = input;
  const called = rest.map((layer): Translated => {
    const calls = [[[last.name, firstCallOf(last), 0, {}]]];
    last = layer;
    return { ...layer, calls };
  });
  const ends = {
    inputLayers: [[input.name, 0, 0]],
    outputLayers: [[last.name, firstCallOf(last), 0]],
  };
  const config = wire(
    { name, trainable, ...ends },
    [{ ...input, calls: [] }, ...called],
    false,
    refuse,
  );
  return {
    ...entry,
    className: 'Model',
    config: { ...config, layers: listOf(config.layers).map(listReferences) },
  };
}

/** Layers of a functional model have their names twice. */
function listReferences(entry: JsonValue): JsonValue {
  if (!isJsonObject(entry) || !isJsonObject(entry.config)) return entry;
  return { ...entry, name: entry.config.name ?? null };
}

/** An input in place of what is left out. */
function inputOf(name: string, batchInputShape: JsonValue): Translated {
  const config = { name, batchInputShape, dtype: 'float32', sparse: false };
  const entry = { className: 'InputLayer', name, config };
  const rest = { calls: [], isKeras3: false, isInput: true, kind: 'layer' } as const;
  return { ...rest, name, shape: batchInputShape, entries: [{ entry, reads: null }] };
}

/**
 * The layers of a Sequential with the shape of its input at the first one, though that be left out.
 *
 * @param built the shape that the model itself notes; null where it does not.
 */
export function shapeBy(layers: readonly Translated[], built: JsonValue): readonly Translated[] {
  const [first, ...others] = layers;
  const shape = first?.shape ?? built;
  if (!first || shape === null) return layers;
  const [head, ...tail] = first.entries;
  if (!head) return [inputOf(first.name ?? 'input', shape), ...others];
  const { entry } = head;
  if (first.kind !== 'layer' || !isUnshaped(entry)) return layers;
  const config = { ...entry.config, batchInputShape: shape };
  return [
    { ...first, shape, entries: [{ ...head, entry: { ...entry, config } }, ...tail] },
    ...others,
  ];
}

function isUnshaped(entry: JsonValue): entry is JsonObject & { readonly config: JsonObject } {
  return isJsonObject(entry) && isJsonObject(entry.config) && !entry.config.batchInputShape;
}
