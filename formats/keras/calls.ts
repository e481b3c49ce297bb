import { isJsonObject } from '../../files';
import type { JsonObject, JsonValue } from '../../files';
import { show } from './draft';
import type { Draft, LayerEntry } from './draft';

/** One call of a layer as Keras 3 lists it: arguments by place and by name, tensors among them. */
interface Call extends JsonObject {
  readonly args: readonly JsonValue[];
}

/** Merging layers, and the operations of the same names, which take their tensors one by one. */
const merging = new Set(['Add', 'Multiply', 'Maximum', 'Minimum']);

/** Layers that take further tensors as their first states. */
const recurrent = new Set(['RNN', 'SimpleRNN', 'GRU', 'LSTM', 'ConvLSTM2D', 'Bidirectional']);

/** What an operation with one number makes of its tensor: [scale, offset]; null where no Rescaling does. */
type Line = (number: number, isFirst: boolean) => readonly [number, number] | null;

const lines: Readonly<Record<string, Line>> = {
  Add: (number) => [1, number],
  Subtract: (number, isFirst) => (isFirst ? [-1, number] : [1, -number]),
  Multiply: (number) => [number, 0],
  TrueDivide: (number, isFirst) => (isFirst ? null : [1 / number, 0]),
  Divide: (number, isFirst) => (isFirst ? null : [1 / number, 0]),
};

/** An operation of Keras 3 on a tensor and a number (`x / 255`) as the layer that computes it; others as they are. */
export function asRescaling(entry: LayerEntry): LayerEntry {
  const { className, inboundNodes, config } = entry;
  const nodes = Array.isArray(inboundNodes) ? (inboundNodes as readonly JsonValue[]) : [];
  const [node] = nodes;
  if (nodes.length !== 1 || !isJsonObject(config) || !isKeras3Call(node!)) return entry;
  const line = lineOf(className, node);
  if (line === null) return entry;
  const [scale, offset] = line;
  const call = { args: node.args.filter((argument) => typeof argument !== 'number'), kwargs: {} };
  const own = { name: config.name ?? null, trainable: true, scale, offset };
  return { ...entry, className: 'Rescaling', config: own, inboundNodes: [call] };
}

/** [scale, offset] of an operation on a tensor and a number; null for anything else. */
function lineOf(className: string, { args }: Call): readonly [number, number] | null {
  const at = args.findIndex((argument) => typeof argument === 'number');
  if (!Object.hasOwn(lines, className) || args.length !== 2 || at < 0) return null;
  const line = lines[className]!(args[at] as number, at === 0);
  return line?.every(Number.isFinite) ? line : null;
}

/** Whether a call is in the words of Keras 3. */
export function isKeras3Call(node: JsonValue): node is Call {
  return isJsonObject(node) && Array.isArray(node.args);
}

/**
 * A call of Keras 3 as Keras 2 lists it: [layer, call, output, {}] per tensor that it reads.
 *
 * Refuses an argument that is no such tensor and changes what the call computes.
 */
export function keras2Call(node: Call, draft: Draft): JsonValue[] {
  const [inputs, ...others] = node.args;
  const read = tensorsOf(inputs, draft);
  for (const other of others) {
    if (merging.has(draft.className)) read.push(...tensorsOf(other, draft));
    else if (other !== null) draft.refuse('is called with more arguments than its input');
  }
  const named = Object.entries(isJsonObject(node.kwargs) ? node.kwargs : {});
  return named.reduce((all, argument) => [...all, ...nameTensors(argument, draft)], read);
}

/** The tensors of an argument that is given by name; without effect are null, and false for `training`. */
function nameTensors([name, value]: [string, JsonValue], draft: Draft): JsonValue[] {
  if (value === null || (name === 'training' && value === false)) return [];
  if (name === 'initialState' && recurrent.has(draft.className)) return tensorsOf(value, draft);
  return draft.refuse(`is called with ${name} ${show(value)}`);
}

function tensorsOf(value: JsonValue | undefined, draft: Draft): JsonValue[] {
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).flatMap((item) => tensorsOf(item, draft));
  }
  const config = isJsonObject(value) && value.className === 'KerasTensor' ? value.config : null;
  const history = isJsonObject(config) ? config.kerasHistory : null;
  if (!Array.isArray(history)) return draft.refuse(`is called with ${show(value)}, no tensor`);
  return [[...(history as readonly JsonValue[]).slice(0, 3), {}]];
}

/** How deep inputs or outputs may lie in lists and records of one another. */
const DEEPEST = 8;

/**
 * `inputLayers` or `outputLayers` as a list of references: Keras 3 writes one alone, and both versions write them by
 * name, or in lists of lists, where the model was made so.
 */
export function endsOf(ends: JsonValue | undefined, depth = 0): JsonValue | undefined {
  if (depth > DEEPEST) return ends;
  if (isJsonObject(ends)) {
    const names = Object.keys(ends).sort(); // as Keras orders what has names
    return names.flatMap((name) => endsOf(ends[name], depth + 1) ?? []);
  }
  if (!Array.isArray(ends)) return ends;
  const list = ends as readonly JsonValue[];
  if (list.length === 3 && typeof list[0] === 'string') return [list];
  return list.flatMap((item) => (isNest(item) ? (endsOf(item, depth + 1) ?? []) : [item]));
}

function isNest(item: JsonValue): boolean {
  return isJsonObject(item) || (Array.isArray(item) && typeof item[0] === 'object');
}
