/** What a keep set leaves of a network: of its classes, its weights, its layers and its calls. */
import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { layerOf } from '../layers';
import type { LayerKeep } from '../layers';
import { findGroup } from './channel-graph';
import type { ChannelGraph } from './channel-graph';
import type { Remainder } from './handler';
import type { KeepSet } from './keep-set';
import { keepAll } from './keep-set';
import { NotPrunableError } from './not-prunable-error';

/**
 * Checks that a keep set fits this network.
 *
 * @throws {NotPrunableError} when it removes from a frozen group.
 * @throws {OptionError} on an unknown group, a wrong length, a flag other than 0 and 1, a group that
 *   would lose all.
 */
export function checkKeep(graph: ChannelGraph, keep: KeepSet): void {
  for (const [id, kept] of keep.groups) {
    const { channels, frozen } = findGroup(graph, id);
    if (kept.length !== channels) {
      throw keepError(`of ${id} must have ${channels} channels`, kept.length);
    }
    requireFlags(id, kept);
    if (frozen !== null && kept.includes(0)) throw new NotPrunableError(id, frozen);
    if (!kept.includes(1)) throw keepError(`of ${id} must keep at least one channel`, 0);
  }
  for (const [name, kept] of keep.weights) {
    const size = graph.weightShapes.get(name)?.reduce((product, length) => product * length, 1);
    if (size === undefined) throw keepError('must name weights of the network', name);
    if (kept.length !== size) {
      throw keepError(`of ${name} must have ${size} weights`, kept.length);
    }
    requireFlags(name, kept);
  }
}

/** Answers for any class whether it stays under `keep`. */
export function projectClasses(graph: ChannelGraph, keep: KeepSet): (member: number) => boolean {
  checkKeep(graph, keep);
  const removed = new Set<number>();
  for (const [id, kept] of keep.groups) {
    findGroup(graph, id).classes.forEach((member, index) => {
      if (!kept[index]) removed.add(member);
    });
  }
  return (member) => !removed.has(graph.classes.find(member));
}

/** Per weight name and axis: which indices stay; weights and axes without channels are not named. */
export function projectIndices(
  graph: ChannelGraph,
  keep: KeepSet,
): Map<string, Map<number, number[]>> {
  const stays = projectClasses(graph, keep);
  const kept = new Map<string, Map<number, number[]>>();
  for (const { weight, axis, classes } of graph.slices) {
    const axes = kept.get(weight) ?? new Map<number, number[]>();
    axes.set(
      axis,
      classes.flatMap((member, index) => (stays(member) ? [index] : [])),
    );
    kept.set(weight, axes);
  }
  return kept;
}

/** What stays of each layer that loses outputs or single weights: the masks of its weights. */
export function projectLayers(graph: ChannelGraph, keep: KeepSet): Map<string, LayerKeep> {
  const stays = projectClasses(graph, keep);
  const keeps = new Map<string, LayerKeep>();
  for (const { path, outputs } of ownOutputs(graph)) {
    const kept = Uint8Array.from(outputs, (member) => (stays(member) ? 1 : 0));
    if (kept.includes(0)) keeps.set(path, { outputs: kept });
  }
  for (const [name, kernel] of keep.weights) {
    const path = layerOf(name);
    keeps.set(path, { ...keeps.get(path), kernel });
  }
  return keeps;
}

/**
 * Each call with what stays of its tensors.
 *
 * @throws {NotPrunableError} when a tensor would be left without channels: a slice of a group whose
 *   other channels stay.
 */
export function projectCalls(graph: ChannelGraph, keep: KeepSet = keepAll): Remainder[] {
  const stays = projectClasses(graph, keep);
  const narrowed = (shape: tf.Shape, flags: readonly boolean[]): tf.Shape =>
    flags.length === 0 ? shape : [...shape.slice(0, -1), flags.filter(Boolean).length];
  return graph.calls.map((call) => {
    const full = (input: number): boolean =>
      graph.expansions.some((at) => at.path === call.path && at.input === input);
    const inputs = call.inputs.map(({ classes }, index) =>
      classes.map((member) => full(index) || stays(member)),
    );
    const outputs = call.outputs.map(({ classes }) => classes.map(stays));
    if ([...inputs, ...outputs].some((flags) => flags.length > 0 && !flags.includes(true))) {
      throw new NotPrunableError(call.path, 'it would be left without channels');
    }
    return {
      call,
      inputs,
      outputs,
      inputShapes: call.inputShapes.map((shape, index) => narrowed(shape, inputs[index]!)),
      outputShapes: call.outputShapes.map((shape, index) => narrowed(shape, outputs[index]!)),
    };
  });
}

/** Layers whose own weights fall silent with their output channels, with these channels' classes. */
function* ownOutputs({
  slices,
  calls,
}: ChannelGraph): Generator<{ path: string; outputs: readonly number[] }> {
  const own = new Set(slices.filter(({ silenced }) => silenced).map(({ layer }) => layer));
  for (const { path, outputs } of calls) {
    if (own.delete(path)) yield { path, outputs: outputs[0]!.classes };
  }
}

function keepError(problem: string, received: unknown): OptionError {
  return new OptionError({ option: 'keep', problem, received });
}

function requireFlags(name: string, kept: Uint8Array): void {
  for (const flag of kept) {
    if (flag > 1) throw keepError(`of ${name} must hold 0 and 1 only`, flag);
  }
}
