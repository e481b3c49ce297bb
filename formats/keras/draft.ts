import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';

/** A layer as a config lists it, keys in camelCase. */
export interface LayerEntry extends JsonObject {
  readonly className: string;
  readonly config: JsonObject | readonly JsonValue[];
}

/** Whether a value has what every layer of a config has: a class name and a config. */
export function isLayerEntry(entry: JsonValue | undefined): entry is LayerEntry {
  if (!isJsonObject(entry)) return false;
  const { className, config } = entry;
  return typeof className === 'string' && typeof config === 'object' && config !== null;
}

/** A shape, batch first; null where a length is free. */
export type Shape = readonly (number | null)[];

/** One layer while it is being translated. */
export interface Draft {
  readonly className: string;
  /** Keys in camelCase; those that TensorFlow.js does not read may be there still. */
  readonly config: JsonObject;
  /** True for a file that Keras 3 wrote: what TensorFlow.js makes of it without us is no truth. */
  readonly isKeras3: boolean;
  /**
   * The shape of its input, batch first, null where a length is free; null altogether while it is not known:
   * whoever then calls `askShape` is asked again with it, and answers meanwhile with what makes an output
   * of the right shape.
   */
  readonly shape: Shape | null;
  readonly askShape: () => void;
  /** Says something that the reader of the file should know; begins with the layer. */
  readonly note: (words: string) => void;
  /** Throws: the layer's words cannot be said in layers of TensorFlow.js. */
  readonly refuse: (why: string) => never;
}

/** Which of a piece's inputs: the layer's own, or what the piece with this index made. */
export type Source = 'input' | number;

/** One of the stock layers that together compute what one layer of the file does. */
export interface Piece {
  readonly className: string;
  readonly config: JsonObject;
  /** What it reads; without it the piece before, and the first one the layer's own inputs. */
  readonly reads?: readonly Source[];
}

/** A piece behind the layer, with a name of its own. */
export function behind(
  { config }: Draft,
  suffix: string,
  className: string,
  own: JsonObject = {},
  reads?: readonly Source[],
): Piece {
  const name = `${nameIn(config)}_${suffix}`;
  return { className, config: { name, trainable: true, ...own }, ...(reads && { reads }) };
}

/** The name that a config has; empty where it is none. */
export function nameIn({ name }: JsonObject): string {
  return typeof name === 'string' ? name : '';
}

/** A value of a config as a message shows it. */
export function show(value: JsonValue | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value).slice(0, 80);
}
