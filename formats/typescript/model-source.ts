import type * as tf from '@tensorflow/tfjs';
import { callsInOrder, isModel, nameOf, tensorKey } from '../../layers';
import type { LayerConfig, ModelConfig, OrderedCall } from '../../layers';
import { BlockTree } from './block-tree';
import type { SourceBlock } from './block-tree';
import { layerExpression } from './layer-expression';
import type { ExpressionOptions } from './layer-expression';
import { identifier, literal, Names, objectLiteral, quote } from './literal';

/** How the functions of a source file are written. */
export interface FunctionOptions extends ExpressionOptions {
  /** Blocks that get functions of their own, by layer path. */
  readonly blocks: ReadonlyMap<string, SourceBlock>;
}

/** A run of calls that one line makes: a single one, or a block. */
interface Unit {
  readonly block: string | null;
  readonly calls: OrderedCall[];
}

/** The function under way: its lines, what is known under which name, its shared layers. */
interface Body {
  readonly tree: BlockTree;
  readonly prefix: string;
  readonly model: tf.LayersModel;
  readonly shared: ReadonlyMap<string, string>;
  readonly outputs: ReadonlySet<string>;
  readonly block: string | null;
  readonly names: Names;
  /** The text that stands for a tensor, by its key. */
  readonly tensors: Map<string, string>;
  readonly lines: string[];
}

/** Writes a model and the models and blocks inside it as functions, the inner ones first. */
export class ModelSource {
  /** The finished functions. */
  readonly functions: string[] = [];
  private readonly functionNames: Names;
  private readonly declared: string[] = [...GLOBALS];

  constructor(
    private readonly options: FunctionOptions,
    layerNames: readonly string[],
  ) {
    this.functionNames = new Names([...layerNames.map(identifier), ...GLOBALS]);
  }

  /**
   * Adds the function that builds a model.
   *
   * @param declaration `export function build` or the like.
   * @param prefix the model's path, '' or ending in '/'.
   */
  addModel(declaration: string, model: tf.LayersModel, config: ModelConfig, prefix: string): void {
    const lines = config.inputLayers
      ? this.functional(model, config, prefix)
      : this.sequential(model, config, prefix);
    this.functions.push(`${declaration}(): tf.LayersModel {\n${indented(lines)}\n}`);
  }

  private sequential(model: tf.LayersModel, config: ModelConfig, prefix: string): string[] {
    const layers = config.layers.map((entry) => `    ${this.layer(model, entry, prefix)},`);
    return [
      'return tf.sequential({',
      `  name: ${quote(config.name)},`,
      '  layers: [',
      ...layers,
      '  ],',
      '});',
    ];
  }

  private functional(model: tf.LayersModel, config: ModelConfig, prefix: string): string[] {
    const calls = callsInOrder(config);
    const names = new Names(this.declared);
    const tensors = new Map<string, string>();
    const lines: string[] = [];
    for (const [name] of config.inputLayers!) {
      const entry = config.layers.find((layer) => nameOf(layer) === name)!;
      const input = names.give(name);
      tensors.set(tensorKey(name, 0), input);
      lines.push(`const ${input} = ${inputExpression(entry)};`);
    }
    const shared = this.sharedLayers({ model, config, prefix, names, lines });
    const ends = config.outputLayers!.map(([name, call, at]) => tensorKey(name, call, at));
    const outputs = new Set(ends);
    const tree = new BlockTree(this.options.blocks, prefix);
    this.body({ tree, prefix, model, shared, outputs, block: null, names, tensors, lines }, calls);
    const listed = (keys: readonly string[]): string =>
      keys.length === 1
        ? tensors.get(keys[0]!)!
        : `[${keys.map((key) => tensors.get(key)!).join(', ')}]`;
    const inputs = listed(config.inputLayers!.map(([name]) => tensorKey(name, 0)));
    lines.push(
      `return tf.model({ name: ${quote(config.name)}, inputs: ${inputs}, outputs: ${listed(ends)} });`,
    );
    return lines;
  }

  /** Declares the layers that are called more than once; answers their variables by name. */
  private sharedLayers(into: {
    model: tf.LayersModel;
    config: ModelConfig;
    prefix: string;
    names: Names;
    lines: string[];
  }): Map<string, string> {
    const shared = new Map<string, string>();
    for (const entry of into.config.layers) {
      if ((entry.inboundNodes?.length ?? 0) < 2) continue;
      const variable = into.names.give(`${nameOf(entry)}_layer`);
      shared.set(nameOf(entry), variable);
      into.lines.push(`const ${variable} = ${this.layer(into.model, entry, into.prefix)};`);
    }
    return shared;
  }

  /** The expression that makes one layer; a nested model gets a function. */
  private layer(model: tf.LayersModel, entry: LayerConfig, prefix: string): string {
    const path = prefix + nameOf(entry);
    const inner = model.getLayer(nameOf(entry));
    if (!isModel(inner)) return layerExpression(entry, path, this.options);
    const name = this.declare(`${nameOf(entry)}_model`);
    this.addModel(`function ${name}`, inner, entry.config as unknown as ModelConfig, `${path}/`);
    return `${name}()`;
  }

  private declare(name: string): string {
    const given = this.functionNames.give(name);
    this.declared.push(given);
    return given;
  }

  /** Writes the calls of a function, those of a block inside it as one line each. */
  private body(body: Body, calls: readonly OrderedCall[]): void {
    for (const unit of unitsInOrder(calls, body)) {
      if (unit.block === null) this.call(body, unit.calls[0]!);
      else this.block(body, unit.block, unit.calls, calls);
    }
  }

  private call(body: Body, { entry, name, node, index }: OrderedCall): void {
    const layer = body.shared.get(name) ?? this.layer(body.model, entry, body.prefix);
    const variable = body.names.give(localName(name, body.block));
    const read = node.map(([source, call, output]) =>
      body.tensors.get(tensorKey(source, call, output))!,
    );
    const outputs = outputCount(body.model.getLayer(name));
    const maker = outputs === 1 ? 'apply' : 'applyAll';
    const callArguments = node[0]?.[3] ?? {};
    const given = [read.length === 1 ? read[0]! : `[${read.join(', ')}]`];
    if (Object.keys(callArguments).length > 0) given.push(literal(callArguments));
    body.lines.push(`const ${variable} = ${maker}(${layer}, ${given.join(', ')});`);
    for (let output = 0; output < outputs; output++) {
      body.tensors.set(
        tensorKey(name, index, output),
        outputs === 1 ? variable : `${variable}[${output}]!`,
      );
    }
  }

  /** Writes a block's calls as a function, and the line that calls it. */
  private block(
    body: Body,
    block: string,
    calls: readonly OrderedCall[],
    around: readonly OrderedCall[],
  ): void {
    const inner = edges(calls, around, body.outputs);
    const names = new Names(this.declared);
    const parameters = inner.reads.map((_, at) =>
      names.give(inner.reads.length === 1 ? 'x' : `x${at + 1}`),
    );
    const tensors = new Map(inner.reads.map((key, at) => [key, parameters[at]!]));
    const outputs = new Set(inner.makes);
    const lines: string[] = [];
    this.body({ ...body, block, names, tensors, lines, outputs }, calls);
    const type = (count: number): string =>
      count === 1 ? TENSOR : `[${Array.from({ length: count }, () => TENSOR).join(', ')}]`;
    const made = inner.makes.map((key) => tensors.get(key)!);
    lines.push(`return ${made.length === 1 ? made[0]! : `[${made.join(', ')}]`};`);
    const name = this.declare(`${block}_block`);
    const declared = parameters.map((parameter) => `${parameter}: ${TENSOR}`).join(', ');
    this.functions.push(
      `/** The ${body.tree.kindOf(block)} ${body.prefix}${block}. */\n` +
        `function ${name}(${declared}): ${type(made.length)} {\n${indented(lines)}\n}`,
    );
    const given = inner.reads.map((key) => body.tensors.get(key)!).join(', ');
    const variable = body.names.give(localName(block, body.block));
    body.lines.push(`const ${variable} = ${name}(${given});`);
    inner.makes.forEach((key, at) => {
      body.tensors.set(key, made.length === 1 ? variable : `${variable}[${at}]`);
    });
  }
}

const TENSOR = 'tf.SymbolicTensor';
/** Names that every source file has. */
const GLOBALS = ['tf', 'apply', 'applyAll', 'build', 'loadWeights', 'weightsOf', 'weightOrder'];

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

/** A layer's name without the name of the block around it. */
function localName(name: string, block: string | null): string {
  return block === null ? name : name.slice(block.length + 1);
}

function outputCount(layer: tf.layers.Layer): number {
  return isModel(layer) ? layer.outputs.length : layer.inboundNodes[0]!.outputTensors.length;
}

function inputExpression({ config }: LayerConfig): string {
  const { name, batchInputShape, dtype, sparse } = config as {
    name: string;
    batchInputShape: tf.Shape;
    dtype?: string;
    sparse?: boolean;
  };
  const shape =
    batchInputShape[0] === null
      ? (['shape', literal(batchInputShape.slice(1))] as const)
      : (['batchShape', literal(batchInputShape)] as const);
  const others = [
    ...(dtype && dtype !== 'float32' ? [['dtype', quote(dtype)] as const] : []),
    ...(sparse ? [['sparse', 'true'] as const] : []),
  ];
  return `tf.input(${objectLiteral([['name', quote(name)], shape, ...others])})`;
}

/** The calls as single ones and blocks, each after what it reads; a block in a cycle is dissolved. */
function unitsInOrder(calls: readonly OrderedCall[], body: Body): Unit[] {
  const makers = new Map(calls.map((call) => [`${call.name}:${call.index}`, call]));
  for (;;) {
    const units = unitsOf(calls, body);
    const unitOf = new Map(
      units.flatMap((unit) => unit.calls.map((call) => [call, unit] as const)),
    );
    const done = new Set<Unit>();
    const isReady = (unit: Unit): boolean =>
      unit.calls.every(({ node }) =>
        node.every(([layer, index]) => {
          const source = makers.get(`${layer}:${index}`);
          const maker = source && unitOf.get(source);
          return maker === undefined || maker === unit || done.has(maker);
        }),
      );
    let waiting = units;
    for (let ready = waiting.filter(isReady); ready.length > 0; ready = waiting.filter(isReady)) {
      done.add(ready[0]!);
      waiting = waiting.filter((unit) => unit !== ready[0]);
    }
    const stuck = waiting.find(({ block }) => block !== null);
    if (stuck === undefined) return [...done];
    body.tree.dissolve(stuck.block!);
  }
}

function unitsOf(calls: readonly OrderedCall[], { tree, shared, block }: Body): Unit[] {
  const blocks = new Map<string, Unit>();
  const units: Unit[] = [];
  for (const call of calls) {
    const inner = shared.has(call.name) ? null : tree.childOf(block, call.name);
    const known = inner === null ? undefined : blocks.get(inner);
    if (known) {
      known.calls.push(call);
      continue;
    }
    const unit: Unit = { block: inner, calls: [call] };
    units.push(unit);
    if (inner !== null) blocks.set(inner, unit);
  }
  return units;
}

/** What a block reads of the calls around it, and what of it they or the function's result read. */
function edges(
  calls: readonly OrderedCall[],
  around: readonly OrderedCall[],
  outputs: ReadonlySet<string>,
): { reads: string[]; makes: string[] } {
  const keysOf = (list: readonly OrderedCall[]): string[] =>
    list.flatMap(({ node }) => node.map(([layer, call, output]) => tensorKey(layer, call, output)));
  const own = new Set(calls.map(({ name, index }) => `${name}:${index}`));
  const isOwn = (key: string): boolean => own.has(key.slice(0, key.lastIndexOf(':')));
  const others = around.filter((call) => !calls.includes(call));
  const reads = new Set(keysOf(calls).filter((key) => !isOwn(key)));
  const makes = new Set([...keysOf(others), ...outputs].filter(isOwn));
  return { reads: [...reads], makes: [...makes] };
}
