import type { Channels } from './channels';
import { layerHandler } from './handler';
import type { TracedCall } from './trace-model';
import type { WeightSlice } from './tracer';

/**
 * What the readers of a layer's output channels see: per call of the layer the last tensor of the chain
 * of layers that treat each value by itself (normalisations, activations, dropout).
 *
 * The chain ends where a tensor has several readers or none, and before a call that has several inputs,
 * has a kernel, mixes positions, or changes the shape or the channels.
 *
 * @param network all its calls in the order of the data flow, and its weights.
 * @param layer its path.
 * @returns tensors as the calls' `outputs` name them, in the order of the layer's calls.
 */
export function outputsBehind(
  network: { readonly calls: readonly TracedCall[]; readonly slices: readonly WeightSlice[] },
  layer: string,
): Channels[] {
  const { calls, slices } = network;
  const readers = readersByTensor(calls);
  // A layer that is called again may read the channels that it makes: those alone do not tell.
  const mixing = new Set(slices.filter(({ role }) => role !== 'follower').map((one) => one.layer));
  const isOfChain = (call: TracedCall): boolean => !mixing.has(call.path) && isByValue(call);
  return calls
    .filter(({ path }) => path === layer)
    .map((call) => {
      let last = call;
      for (;;) {
        const next = readers.get(last.outputs[0]!) ?? [];
        if (next.length !== 1 || !isOfChain(next[0]!)) return last.outputs[0]!;
        last = next[0]!;
      }
    });
}

function readersByTensor(calls: readonly TracedCall[]): Map<Channels, TracedCall[]> {
  const readers = new Map<Channels, TracedCall[]>();
  for (const call of calls) {
    for (const input of call.inputs) readers.set(input, [...(readers.get(input) ?? []), call]);
  }
  return readers;
}

/** Whether each output value of a call is made of the one input value at its place. */
function isByValue(call: TracedCall): boolean {
  const { inputs, outputs, inputShapes, outputShapes, className } = call;
  return (
    inputs.length === 1 &&
    outputs.length === 1 &&
    isSame(inputShapes[0]!, outputShapes[0]!) &&
    isSame(inputs[0]!.classes, outputs[0]!.classes) &&
    layerHandler(className)?.mixesPositions?.(call) !== true
  );
}

function isSame<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
