/** Reads of an ONNX file what counts need, from the bytes alone. */
import { Reader } from 'protobufjs/minimal';

/** One operation as the file has it. */
export interface ReadNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What the file says: free lengths are null. */
export interface ReadModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly nodes: readonly ReadNode[];
  /** Lengths of the constants, float32 and int64, by name. */
  readonly constants: ReadonlyMap<string, readonly number[]>;
  /** Shapes of inputs, outputs and what is between, by name. */
  readonly shapes: ReadonlyMap<string, readonly (number | null)[]>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

type Fields = Map<number, (Uint8Array | number)[]>;

/** The fields of one message by number: messages and text as bytes, numbers as numbers. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = Reader.create(bytes);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const value = valueOf(reader, tag & 7);
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), value]);
  }
  return fields;
}

function valueOf(reader: Reader, wireType: number): Uint8Array | number {
  if (wireType === 2) return reader.bytes();
  return wireType === 5 ? reader.float() : Number(reader.int64());
}

const messages = (fields: Fields, field: number): Fields[] =>
  (fields.get(field) ?? []).map((bytes) => fieldsOf(bytes as Uint8Array));
const texts = (fields: Fields, field: number): string[] =>
  (fields.get(field) ?? []).map((bytes) => Buffer.from(bytes as Uint8Array).toString());
const numbers = (fields: Fields, field: number): number[] => (fields.get(field) ?? []) as number[];

/** Decodes an ONNX file. */
export function readOnnx(bytes: Uint8Array): ReadModel {
  const model = fieldsOf(bytes);
  const graph = messages(model, 7)[0]!;
  const named = (field: number): [string, (number | null)[]][] =>
    messages(graph, field).map((info) => {
      const tensor = messages(messages(info, 2)[0]!, 1)[0]!;
      const lengths = messages(messages(tensor, 2)[0]!, 1).map((of) => numbers(of, 1)[0] ?? null);
      return [texts(info, 1)[0]!, lengths];
    });
  return {
    irVersion: numbers(model, 1)[0]!,
    opset: numbers(messages(model, 8)[0]!, 2)[0]!,
    nodes: messages(graph, 1).map((node) => ({
      operator: texts(node, 4)[0]!,
      inputs: texts(node, 1),
      outputs: texts(node, 2),
    })),
    constants: new Map(messages(graph, 5).map((of) => [texts(of, 8)[0]!, numbers(of, 1)] as const)),
    shapes: new Map([...named(11), ...named(12), ...named(13)]),
    inputs: named(11).map(([name]) => name),
    outputs: named(12).map(([name]) => name),
  };
}

const product = (lengths: readonly (number | null)[]): number =>
  lengths.reduce<number>((size, length) => size * (length ?? 1), 1);

/** Inputs that are trained, by operator; the others are statistics, shapes and limits. */
const trained: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  Gemm: [1, 2],
  MatMul: [1],
  BatchNormalization: [1, 2],
  PRelu: [1],
};

/** Multiply-adds of one sample and trained weights, recounted from the file. */
export function recountOnnx({ nodes, constants, shapes }: ReadModel): {
  macs: number;
  params: number;
} {
  let macs = 0;
  const counted = new Set<string>();
  for (const { operator, inputs, outputs } of nodes) {
    for (const index of trained[operator] ?? []) {
      if (inputs[index] !== undefined) counted.add(inputs[index]);
    }
    if (!['Conv', 'Gemm', 'MatMul'].includes(operator)) continue;
    // [n, out, h, w] of Conv: every weight meets every position; [n, ..., out] of the others.
    const shape = shapes.get(outputs[0]!)!;
    const positions = operator === 'Conv' ? shape.slice(2) : shape.slice(1, -1);
    macs += product(constants.get(inputs[1]!)!) * product(positions);
  }
  const params = [...counted].reduce((sum, name) => sum + product(constants.get(name)!), 0);
  return { macs, params };
}
