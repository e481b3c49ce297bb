import type * as tf from '@tensorflow/tfjs';
import { UnsupportedLayerError } from '../unsupported-layer-error';
import type { HostWeight } from '../../layers/host-weights';
import { INT64 } from './messages';
import type { Attribute, Dimension, Initializer, OnnxNode, ValueInfo } from './messages';

/**
 * A tensor of the network: its name in the file and its shape as tfjs has it, batch size null.
 *
 * In the file a tensor of rank 4 is NCHW, where tfjs has NHWC; all others are as in tfjs.
 */
export interface Value {
  readonly name: string;
  readonly shape: tf.Shape;
}

/** What writes one call of a layer of its class; answers its outputs. */
export type OnnxWriter = (site: Site) => Value[];

/** The file under way: operations, constants and shapes. */
export class Sheet {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Initializer>();
  readonly values: ValueInfo[] = [];
  private readonly names = new Set<string>();

  /** A name that no other tensor of the file has. */
  name(wanted: string): string {
    let free = wanted;
    for (let copy = 2; this.names.has(free); copy++) free = `${wanted}_${copy}`;
    this.names.add(free);
    return free;
  }

  /** Adds a constant, once for each name. */
  constant(name: string, make: () => Omit<Initializer, 'name'>): string {
    if (!this.initializers.has(name)) this.initializers.set(name, { name, ...make() });
    return name;
  }
}

/** One call of a layer, as its writer sees it. */
export class Site {
  /**
   * @param inputs what the call reads.
   * @param outputShapes as tfjs has them, batch size null.
   * @param own the layer's weights by their own names.
   */
  constructor(
    readonly path: string,
    readonly className: string,
    readonly config: Readonly<Record<string, unknown>>,
    readonly inputs: readonly Value[],
    readonly outputShapes: readonly tf.Shape[],
    private readonly own: (weight: string) => HostWeight | undefined,
    private readonly sheet: Sheet,
  ) {}

  /** The first input. */
  get input(): Value {
    return this.inputs[0]!;
  }

  /** The first output's shape. */
  get outputShape(): tf.Shape {
    return this.outputShapes[0]!;
  }

  /** A weight of the layer; undefined when it has none of that name. */
  weight(name: string): HostWeight | undefined {
    return this.own(name);
  }

  /**
   * Adds an operation and answers its output.
   *
   * @param shape the output's, as tfjs has it.
   */
  node(
    operator: string,
    inputs: readonly string[],
    shape: tf.Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    const name = this.sheet.name(`${this.path}/${operator}`);
    this.sheet.nodes.push({ name, operator, inputs, outputs: [name], attributes });
    this.sheet.values.push({ name, shape: STORED(shape) });
    return { name, shape };
  }

  /**
   * Numbers as a constant of the file, named `path/label`, behind it the rank where a shared layer has them
   * at several.
   */
  floats(label: string, { shape, values }: HostWeight): string {
    const name = `${this.path}/${label}`;
    const known = this.sheet.initializers.get(name)?.shape.length ?? shape.length;
    const own = known === shape.length ? name : `${name}:${shape.length}`;
    return this.sheet.constant(own, () => ({ shape, values }));
  }

  /** A list of whole numbers as a constant. */
  integers(...list: number[]): string {
    if (!list.every(Number.isSafeInteger)) {
      this.refuse(`asks for ${JSON.stringify(list)}, which are no whole numbers`);
    }
    const make = (): Omit<Initializer, 'name'> => ({
      shape: [list.length],
      values: BigInt64Array.from(list, BigInt),
    });
    return this.sheet.constant(`int64[${list.join()}]`, make);
  }

  /** A single number as a constant. */
  scalar(value: number): string {
    const make = (): Omit<Initializer, 'name'> => ({
      shape: [],
      values: Float32Array.of(value),
    });
    return this.sheet.constant(`float32(${value})`, make);
  }

  /** A tensor in the order in which tfjs has it: the name of one that is no NCHW. */
  plain({ name, shape }: Value): string {
    if (shape.length !== 4) return name;
    return this.transposed(name, [0, 2, 3, 1], shape, PLAIN);
  }

  /** The value of a tensor that is in the order of tfjs. */
  stored(name: string, shape: tf.Shape): Value {
    if (shape.length !== 4) return { name, shape };
    return { name: this.transposed(name, [0, 3, 1, 2], shape), shape };
  }

  /** A tensor with its channels behind the batch, as convolutions and poolings of the file read it. */
  channelsFirst({ name, shape }: Value): string {
    const { length } = shape;
    if (length === 4) return name; // it is stored so
    return this.transposed(name, [0, length - 1, ...axesFrom(1, length - 1)], channelsFirst(shape), PLAIN); // prettier-ignore
  }

  /**
   * Adds an operation whose output has its channels behind the batch, and answers that as it is stored.
   *
   * @param shape the output's, as tfjs has it.
   */
  channelsFirstNode(
    operator: string,
    inputs: readonly string[],
    shape: tf.Shape,
    attributes: Readonly<Record<string, Attribute>>,
  ): Value {
    const { length } = shape;
    if (length === 4) return this.node(operator, inputs, shape, attributes);
    const { name } = this.node(operator, inputs, channelsFirst(shape), attributes);
    const back = this.transposed(name, [0, ...axesFrom(2, length), 1], shape, PLAIN);
    return { name: back, shape };
  }

  /** Adds an operation on tensors in the order of tfjs and answers its output, which is in that order too. */
  plainNode(
    operator: string,
    inputs: readonly string[],
    shape: tf.Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const name = this.sheet.name(`${this.path}/${operator}`);
    this.sheet.nodes.push({ name, operator, inputs, outputs: [name], attributes });
    this.sheet.values.push({ name, shape: PLAIN(shape) });
    return name;
  }

  /** A tensor of whole numbers as what constants are looked up by. */
  indices({ name }: { readonly name: string }): string {
    const output = this.sheet.name(`${this.path}/Cast`);
    this.sheet.nodes.push({ name: output, operator: 'Cast', inputs: [name], outputs: [output], attributes: { to: { int: INT64 } } }); // prettier-ignore
    return output;
  }

  /** Reorders the axes; `shape` is the result's as tfjs has it. */
  transposed(name: string, perm: readonly number[], shape: tf.Shape, order = STORED): string {
    const output = this.sheet.name(`${this.path}/Transpose`);
    const attributes = { perm: { ints: perm } };
    this.sheet.nodes.push({ name: output, operator: 'Transpose', inputs: [name], outputs: [output], attributes }); // prettier-ignore
    this.sheet.values.push({ name: output, shape: order(shape) });
    return output;
  }

  /** A tensor in the order of tfjs with axes of length 1 put in front of `axis`; `shape` is the result's. */
  unsqueezed(name: string, axis: number, shape: tf.Shape, count: number): string {
    const axes = this.integers(...Array.from({ length: count }, (_, at) => axis + at));
    const output = this.sheet.name(`${this.path}/Unsqueeze`);
    this.sheet.nodes.push({ name: output, operator: 'Unsqueeze', inputs: [name, axes], outputs: [output], attributes: {} }); // prettier-ignore
    this.sheet.values.push({ name: output, shape: PLAIN(shape) });
    return output;
  }

  /** A tensor in the order of tfjs with another shape of as many values. */
  reshaped(name: string, shape: tf.Shape): string {
    const unknown = shape.slice(1).filter((length) => length === null).length;
    if (unknown > 1) this.refuse('makes a shape with more than one free length besides the batch');
    const target = this.integers(0, ...shape.slice(1).map((length) => length ?? -1));
    const output = this.sheet.name(`${this.path}/Reshape`);
    this.sheet.nodes.push({ name: output, operator: 'Reshape', inputs: [name, target], outputs: [output], attributes: {} }); // prettier-ignore
    this.sheet.values.push({ name: output, shape: PLAIN(shape) });
    return output;
  }

  /** An option of the layer that must have one value, or be absent. */
  require(option: string, allowed: unknown): void {
    const value = this.config[option];
    if (value === undefined || value === null || value === allowed) return;
    this.refuse(
      `has ${option} ${JSON.stringify(value)}, written is ${JSON.stringify(allowed)} only`,
    );
  }

  /** Throws the error that names the layer. */
  refuse(reason: string): never {
    throw new UnsupportedLayerError('onnx', this.path, this.className, reason);
  }
}

/** Axes from one on to before another. */
const axesFrom = (first: number, end: number): number[] =>
  Array.from({ length: end - first }, (_, at) => first + at);

/** The shape with its channels behind the batch. */
const channelsFirst = (shape: tf.Shape): tf.Shape => [
  shape[0]!,
  shape.at(-1)!,
  ...shape.slice(1, -1),
];

/** A shape in the order of tfjs: the batch is 'N', other free lengths have no name. */
export const PLAIN = (shape: tf.Shape): Dimension[] =>
  shape.map((length, axis) => length ?? (axis === 0 ? 'N' : null));

/** The shape of an input of the file: each free length has a name of its own. */
export const namedShape = (input: string, shape: tf.Shape): Dimension[] =>
  PLAIN(shape).map((length, axis) => length ?? `${input}_${axis}`);

/** A shape as the file has it: NCHW for NHWC. */
export const STORED = (shape: tf.Shape): Dimension[] => {
  const plain = PLAIN(shape);
  if (plain.length !== 4) return plain;
  const [n, h, w, c] = plain as [Dimension, Dimension, Dimension, Dimension];
  return [n, c, h, w];
};

/** The axis of the file for an axis of tfjs, which may be negative. */
export function mapAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  return rank === 4 ? [0, 2, 3, 1][positive]! : positive;
}
