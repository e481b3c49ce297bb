import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { isJsonObject } from '../files';
import type { JsonObject, JsonValue } from '../files';
import { ChannelGraph, checkKeep, projectIndices } from '../graph';
import type { KeepSet, Producer, Removal } from '../graph';
import { modelOf, stockConfigOf, weightsByName } from '../layers';
import { disposeWeights } from '../layers/build-model';
import { assignWeights, hostWeight, placeAlong } from '../layers/host-weights';
import type { HostWeight } from '../layers/host-weights';

/**
 * Puts the small network's weights back into the shapes of the original, for further training.
 *
 * Every weight of a removed channel is zero, in the layers that make it and in those that read it;
 * what a removed channel need not silence (moving variance, PReLU's alpha) is the original's. The
 * result computes what `hard` computes, and hardening it again gives `hard` again.
 *
 * @param hard what `harden` made, trained further or not; borrowed.
 * @param pruning how it was made: the graph of `original` and the keep set, or its pruning.json.
 * @param original the network before; only its shapes and those weights are used. Borrowed.
 * @returns a stock model; the caller owns it.
 * @throws {OptionError} naming the weight when `hard` is not of the shape that the pruning leaves.
 * @throws {OptionError} when a pruning.json does not fit (see `pruningOf`).
 */
export function inflate(
  hard: tf.LayersModel,
  pruning: Removal | JsonValue,
  original: tf.LayersModel,
): tf.LayersModel {
  const { graph, keep } = isPruning(pruning) ? pruning : pruningOf(pruning, original);
  const kept = projectIndices(graph, keep);
  const unsilenced = new Set(
    graph.slices
      .filter(({ role, silenced }) => role === 'follower' && !silenced)
      .map(({ weight }) => weight),
  );
  const small = weightsByName(hard);
  const whole = weightsByName(original);
  const model = modelOf(stockConfigOf(original), original);
  const weights = new Map<string, HostWeight>();
  try {
    for (const name of weightsByName(model).keys()) {
      const axes = kept.get(name) ?? new Map<number, number[]>();
      const old = hostWeight(whole.get(name)!);
      const part = small.get(name);
      requireShape(name, part?.shape, narrowShape(old.shape, axes));
      const weight = inflateWeight(hostWeight(part!), old.shape, axes);
      weights.set(name, unsilenced.has(name) ? withRest(weight, old, axes) : weight);
    }
  } catch (error) {
    disposeWeights(model);
    throw error;
  }
  assignWeights(model, weights);
  return model;
}

/**
 * What two prunings in a row, the second of the hard network of the first, leave of the very first
 * network; `pruningManifest(first.graph, …)` of it is the pruning.json of both.
 *
 * @throws {OptionError} when the second removes channels that the first graph couples to others which
 *   stay, or that it has frozen: then no keep set of the first network says the same.
 */
export function composeKeep(first: Removal, second: Removal): KeepSet {
  const kept = projectIndices(first.graph, first.keep);
  const homes = homesOf(first.graph);
  const groups = new Map<string, Uint8Array>();
  for (const { id, channels } of first.graph.groups) {
    const own = first.keep.groups.get(id);
    groups.set(id, own ? own.slice() : new Uint8Array(channels).fill(1));
  }
  const places = [...placesOf(second)].flatMap(({ producer, index, stays }) => {
    const { weight, axis } = producer;
    const at = kept.get(weight)?.get(axis)?.[producer.indices[index]!] ?? -1;
    const home = homes.get(`${weight}:${axis}:${at}`);
    return home ? [{ ...home, weight, stays }] : []; // a scatter that the first export put in
  });
  for (const { id, channel, stays } of places) if (!stays) groups.get(id)![channel] = 0;
  for (const { id, channel, weight, stays } of places) {
    if (!stays || groups.get(id)![channel]) continue;
    throw new OptionError({
      option: 'second',
      problem: `leaves ${weight} a channel that ${id} couples to one which is removed`,
    });
  }
  const whole = [...groups].filter(([, flags]) => flags.includes(0));
  const keep = { groups: new Map(whole), weights: composeWeights(first, second, kept) };
  checkKeep(first.graph, keep);
  return keep;
}

/**
 * The pruning that a pruning.json tells of, for the network that it was made from.
 *
 * Which single weights were removed is not in the file: they are zeros in the weights themselves.
 *
 * @throws {OptionError} when the JSON is no pruning.json (`secateur-pruning/1`).
 * @throws {OptionError} naming the group when it does not fit the network.
 */
export function pruningOf(manifest: JsonValue, original: tf.LayersModel): Removal {
  const { format, residual = 'coupled', groups } = isJsonObject(manifest) ? manifest : {};
  const isKnown = residual === 'coupled' || residual === 'inner' || residual === 'stream';
  if (format !== 'secateur-pruning/1' || !isKnown || !Array.isArray(groups)) {
    throw new OptionError({
      option: 'pruning',
      problem: 'must have the format secateur-pruning/1 and groups, as a pruning.json',
    });
  }
  const graph = ChannelGraph.of(original, { residual: residual });
  const flags = (groups as JsonValue[]).map((json) =>
    readKeptFlags(isJsonObject(json) ? json : {}),
  );
  const keep = { groups: new Map(flags), weights: new Map<string, Uint8Array>() };
  checkKeep(graph, keep);
  return { graph, keep };
}

function isPruning(pruning: Removal | JsonValue): pruning is Removal {
  return typeof pruning === 'object' && pruning !== null && 'graph' in pruning;
}

function readKeptFlags({ id, channels, kept }: JsonObject): [string, Uint8Array] {
  const name = typeof id === 'string' ? id : '?';
  const count = Number.isInteger(channels) ? (channels as number) : -1;
  const isAscending =
    Array.isArray(kept) &&
    (kept as JsonValue[]).every(
      (at, place) =>
        Number.isInteger(at) &&
        (at as number) < count &&
        (at as number) > ((kept as number[])[place - 1] ?? -1),
    );
  if (typeof id !== 'string' || !isAscending) {
    throw new OptionError({
      option: 'pruning',
      problem: `must list ascending channels kept in group ${name}`,
    });
  }
  const flags = new Uint8Array(count);
  for (const at of kept as number[]) flags[at] = 1;
  return [name, flags];
}

function narrowShape(
  shape: readonly number[],
  axes: ReadonlyMap<number, readonly number[]>,
): readonly number[] {
  return shape.map((length, axis) => axes.get(axis)?.length ?? length);
}

function requireShape(
  name: string,
  received: readonly (number | null)[] | undefined,
  expected: readonly number[],
): void {
  if (received?.join() === expected.join()) return;
  throw new OptionError({
    option: 'small',
    problem: `must have a ${name} of shape [${expected.join()}]`,
    received: received ? `[${received.join()}]` : 'none',
  });
}

/** The part at the indices of each axis, zeros elsewhere. */
function inflateWeight(
  part: HostWeight,
  shape: readonly number[],
  axes: ReadonlyMap<number, readonly number[]>,
): HostWeight {
  let weight = part;
  for (const [axis, indices] of axes) {
    const wider = weight.shape.map((length, other) => (other === axis ? shape[axis]! : length));
    const size = wider.reduce((product, length) => product * length, 1);
    const whole = { shape: wider, values: new Float32Array(size) };
    weight = placeAlong({ part: weight, whole }, axis, indices);
  }
  return weight;
}

/** The weight where its channels stay, the original's elsewhere. */
function withRest(
  weight: HostWeight,
  original: HostWeight,
  axes: ReadonlyMap<number, readonly number[]>,
): HostWeight {
  const shape = narrowShape(original.shape, axes);
  const size = shape.reduce((product, length) => product * length, 1);
  const stays = inflateWeight(
    { shape, values: new Float32Array(size).fill(1) },
    original.shape,
    axes,
  );
  const values = weight.values.map((value, at) =>
    stays.values[at] ? value : original.values[at]!,
  );
  return { shape: original.shape, values };
}

/** Where each output index of each kernel belongs. */
function homesOf(graph: ChannelGraph): Map<string, { id: string; channel: number }> {
  const homes = new Map<string, { id: string; channel: number }>();
  for (const { id, producers } of graph.groups) {
    for (const { weight, axis, indices } of producers) {
      indices.forEach((at, channel) => homes.set(`${weight}:${axis}:${at}`, { id, channel }));
    }
  }
  return homes;
}

/** Every channel of every producer, and whether it stays. */
function* placesOf({
  graph,
  keep,
}: Removal): Generator<{ producer: Producer; index: number; stays: boolean }> {
  for (const { id, channels, producers } of graph.groups) {
    const flags = keep.groups.get(id);
    for (const producer of producers) {
      for (let index = 0; index < channels; index++) {
        yield { producer, index, stays: flags?.[index] !== 0 };
      }
    }
  }
}

/** Single weights: those of the first network, and those of the second at their old places. */
function composeWeights(
  first: Removal,
  second: Removal,
  kept: ReadonlyMap<string, ReadonlyMap<number, readonly number[]>>,
): Map<string, Uint8Array> {
  const weights = new Map([...first.keep.weights].map(([name, flags]) => [name, flags.slice()]));
  for (const [name, flags] of second.keep.weights) {
    const shape = first.graph.weightShapes.get(name);
    if (!shape) continue; // a scatter that the first export put in
    const axes = shape.map(
      (length, axis) => kept.get(name)?.get(axis) ?? Array.from({ length }, (_, at) => at),
    );
    const size = shape.reduce((product, length) => product * length, 1);
    const composed = weights.get(name) ?? new Uint8Array(size).fill(1);
    flags.forEach((stays, place) => {
      if (!stays) composed[oldPlace(place, axes, shape)] = 0;
    });
    weights.set(name, composed);
  }
  return weights;
}

/** The row-major place in a shape of a place among the indices kept of its axes. */
function oldPlace(
  place: number,
  axes: readonly (readonly number[])[],
  shape: readonly number[],
): number {
  let [rest, old, stride] = [place, 0, 1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const indices = axes[axis]!;
    old += indices[rest % indices.length]! * stride;
    rest = Math.floor(rest / indices.length);
    stride *= shape[axis]!;
  }
  return old;
}
