/**
 * The messages of ONNX that a network needs, as protocol buffers.
 *
 * Field numbers: onnx.proto of ONNX 1.12 (IR version 8, opset 17).
 */
import { createRequire } from 'node:module';
import type * as protobuf from 'protobufjs/minimal';
import type { Writer } from 'protobufjs/minimal';

/** A length of a tensor: a number, the name of a length that is free, or null where nothing is known. */
export type Dimension = number | string | null;

/** A named tensor's type: float32 of this shape. */
export interface ValueInfo {
  readonly name: string;
  readonly shape: readonly Dimension[];
}

/** A constant tensor: float32 or int64 values, row-major. */
export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

/** An attribute: its value under the name of its type. */
export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly text: string };

/** One operation. */
export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A network as ONNX sees it. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Shapes of tensors in between, for readers. */
  readonly values: readonly ValueInfo[];
}

const IR_VERSION = 8;
const OPSET = 17;
const FLOAT = 1;
/** The type of whole numbers. */
export const INT64 = 7;
const BYTES = 2; // the wire type of everything that has a length

/** Encodes a whole ONNX file. */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const writer = createWriter();
  writer.uint32(tag(1, 0)).int64(IR_VERSION);
  writer.uint32(tag(2, BYTES)).string('secateur');
  message(writer, 7, () => {
    encodeGraph(writer, graph);
  });
  message(writer, 8, () => {
    writer.uint32(tag(1, BYTES)).string('');
    writer.uint32(tag(2, 0)).int64(OPSET);
  });
  return writer.finish();
}

/** Loaded here: who writes no ONNX needs no protocol buffers. `require`, since writers of formats do not wait. */
function createWriter(): Writer {
  const load = createRequire(__filename);
  const { Writer } = load('protobufjs/minimal') as typeof protobuf;
  return Writer.create();
}

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

function message(writer: Writer, field: number, write: () => void): void {
  writer.uint32(tag(field, BYTES)).fork();
  write();
  writer.ldelim();
}

function encodeGraph(writer: Writer, graph: OnnxGraph): void {
  const all = <T>(
    field: number,
    items: readonly T[],
    encode: (w: Writer, item: T) => void,
  ): void => {
    for (const item of items) {
      message(writer, field, () => {
        encode(writer, item);
      });
    }
  };
  all(1, graph.nodes, encodeNode);
  writer.uint32(tag(2, BYTES)).string(graph.name);
  all(5, graph.initializers, encodeInitializer);
  all(11, graph.inputs, encodeValueInfo);
  all(12, graph.outputs, encodeValueInfo);
  all(13, graph.values, encodeValueInfo);
}

function encodeNode(writer: Writer, node: OnnxNode): void {
  for (const input of node.inputs) writer.uint32(tag(1, BYTES)).string(input);
  for (const output of node.outputs) writer.uint32(tag(2, BYTES)).string(output);
  writer.uint32(tag(3, BYTES)).string(node.name);
  writer.uint32(tag(4, BYTES)).string(node.operator);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    message(writer, 5, () => {
      writer.uint32(tag(1, BYTES)).string(name);
      encodeAttribute(writer, attribute);
    });
  }
}

/** Value and type (field 20): FLOAT 1, INT 2, STRING 3, INTS 7. */
function encodeAttribute(writer: Writer, attribute: Attribute): void {
  let type: number;
  if ('float' in attribute) {
    writer.uint32(tag(2, 5)).float(attribute.float);
    type = 1;
  } else if ('int' in attribute) {
    writer.uint32(tag(3, 0)).int64(attribute.int);
    type = 2;
  } else if ('text' in attribute) {
    writer.uint32(tag(4, BYTES)).bytes(Buffer.from(attribute.text));
    type = 3;
  } else {
    for (const value of attribute.ints) writer.uint32(tag(8, 0)).int64(value);
    type = 7;
  }
  writer.uint32(tag(20, 0)).int32(type);
}

function encodeInitializer(writer: Writer, { name, shape, values }: Initializer): void {
  for (const length of shape) writer.uint32(tag(1, 0)).int64(length);
  writer.uint32(tag(2, 0)).int32(values instanceof Float32Array ? FLOAT : INT64);
  writer.uint32(tag(8, BYTES)).string(name);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  writer.uint32(tag(9, BYTES)).bytes(bytes);
}

function encodeValueInfo(writer: Writer, { name, shape }: ValueInfo): void {
  writer.uint32(tag(1, BYTES)).string(name);
  const dimension = (length: Dimension): void => {
    if (typeof length === 'number') writer.uint32(tag(1, 0)).int64(length);
    else if (length !== null) writer.uint32(tag(2, BYTES)).string(length);
  };
  message(writer, 2, () => {
    message(writer, 1, () => {
      writer.uint32(tag(1, 0)).int32(FLOAT);
      message(writer, 2, () => {
        for (const length of shape) {
          message(writer, 1, () => {
            dimension(length);
          });
        }
      });
    });
  });
}
