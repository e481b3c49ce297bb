import type { ChannelGraph, WeightSlice } from '../graph';
import { findClass } from '../graph';

/** A weight of a reader: index i of its axis belongs to channel floor(i / factor) of the input. */
export interface ReadingWeight {
  readonly weight: string;
  readonly axis: number;
  readonly factor: number;
}

/** A layer whose kernels read the channels of one of its inputs: a convolution, a Dense layer. */
export interface Reader {
  readonly path: string;
  /** Which of its inputs. */
  readonly input: number;
  /** The class of each channel of that input. */
  readonly classes: readonly number[];
  /** [n, ..., channels], of the first call. */
  readonly inputShape: readonly (number | null)[];
  readonly weights: readonly ReadingWeight[];
}

/** The readers of a network by path; layers that read in a way which is not known are not among them. */
export function readersOf(graph: ChannelGraph): Map<string, Reader> {
  const slices = new Map<string, WeightSlice[]>();
  for (const slice of graph.slices) {
    if (slice.role !== 'consumer') continue;
    slices.set(slice.layer, [...(slices.get(slice.layer) ?? []), slice]);
  }
  const readers = new Map<string, Reader>();
  for (const { path, inputs, inputShapes } of graph.calls) {
    const own = slices.get(path);
    if (!own || readers.has(path)) continue;
    inputs.forEach((channels, input) => {
      const classes = channels.classes.map((member) => findClass(graph, member));
      const weights = own.map((slice) => matchReader(graph, slice, classes));
      if (weights.includes(null) || readers.has(path)) return;
      const inputShape = inputShapes[input]!;
      readers.set(path, { path, input, classes, inputShape, weights: weights as ReadingWeight[] });
    });
  }
  return readers;
}

/** How a weight reads these channels; null when it reads others. */
function matchReader(
  graph: ChannelGraph,
  { weight, axis, classes }: WeightSlice,
  input: readonly number[],
): ReadingWeight | null {
  const factor = classes.length / input.length;
  const fits =
    Number.isInteger(factor) &&
    classes.every((member, at) => findClass(graph, member) === input[Math.floor(at / factor)]);
  return fits ? { weight, axis, factor } : null;
}

/** Classes that end in a call which is no reader, such as a Dot: it may need them all. */
export function classesReadElsewhere(
  graph: ChannelGraph,
  readers: ReadonlyMap<string, Reader>,
): Set<number> {
  const elsewhere = new Set<number>();
  for (const { path, inputs, outputs } of graph.calls) {
    const passed = new Set(
      outputs.flatMap(({ classes }) => classes.map((member) => findClass(graph, member))),
    );
    inputs.forEach(({ classes }, input) => {
      if (readers.get(path)?.input === input) return;
      for (const member of classes) {
        const root = findClass(graph, member);
        if (!passed.has(root)) elsewhere.add(root);
      }
    });
  }
  return elsewhere;
}
