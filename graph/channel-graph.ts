import type * as tf from '@tensorflow/tfjs';
import { OptionError } from '../errors';
import { layerOf, listMaskedWeights, weightsByName } from '../layers';
import { outputsBehind } from './behind';
import type { ChannelClasses, Channels } from './channels';
import { groupChannels, listKernels, listProducingLayers } from './grouping';
import type { ChannelGroup } from './grouping';
import { matchPattern, selector } from './selection';
import type { SelectableLayer, Selection } from './selection';
import { traceModel } from './trace-model';
import type { TracedCall } from './trace-model';
import { Tracer } from './tracer';
import type { Expansion, Residual, WeightSlice } from './tracer';

/**
 * What a network is to pruning: its channel groups, what each controls, and what the network costs.
 *
 * A record of names and numbers, never a tensor; the functions beside it ask and answer: what a keep set leaves
 * (projection.ts), what it costs (costs.ts).
 */
export interface ChannelGraph {
  readonly residual: Residual;
  /** Of each input of the model: what the calls that read it hold. */
  readonly inputs: readonly Channels[];
  /** The size at which a network of free size is counted; null counts what the model leaves free as 1. */
  readonly sized: SizedCalls | null;
  /** All calls of all layers, in the order of the data flow. */
  readonly calls: readonly TracedCall[];
  readonly slices: readonly WeightSlice[];
  readonly expansions: readonly Expansion[];
  /** Which channels live or die together. */
  readonly classes: ChannelClasses;
  /** Shapes of the weights by name, masks and moving statistics left out. */
  readonly weightShapes: ReadonlyMap<string, readonly number[]>;
  readonly selection: Selection;
  /** Layers with filters, which the patterns of a selection name. */
  readonly selectable: readonly SelectableLayer[];
  readonly groups: readonly ChannelGroup[];
  readonly groupById: ReadonlyMap<string, ChannelGroup>;
  /** Groups from which units may be removed. */
  readonly prunable: readonly ChannelGroup[];
  /** Kernels whose filters some layer produces, the frozen ones too, unless a rule excludes the layer. */
  readonly kernels: readonly string[];
}

/** The calls of a network at a size of its inputs. */
export interface SizedCalls {
  /** Of each input, without the batch. */
  readonly inputShapes: readonly (readonly number[])[];
  /** As in the graph, but for the shapes. */
  readonly calls: readonly TracedCall[];
}

export interface GraphOptions extends Selection {
  readonly residual?: Residual;
}

/** What a graph is to respect beyond what the network itself asks for. */
export interface Constraints {
  /** Ids of groups to be pruned together, channel by channel. */
  readonly couple: readonly (readonly string[])[];
  /** Ids of groups that are not to be pruned, each with the reason. */
  readonly close: ReadonlyMap<string, string>;
}

export const ChannelGraph = {
  /**
   * Walks the model, stock or prunable, over its calls and finds its channel groups.
   *
   * @throws {OptionError} when `only` or `skip` names a layer pattern that matches no producer.
   */
  of(model: tf.LayersModel, options: GraphOptions = {}): ChannelGraph {
    const residual = options.residual ?? 'coupled';
    const tracer = new Tracer(model, residual);
    const { inputs, calls } = traceModel(model, tracer);
    const { slices, expansions, classes } = tracer;
    const weightShapes = parameterShapes(model);
    return group({
      residual,
      inputs,
      sized: null,
      calls,
      slices,
      expansions,
      classes,
      weightShapes,
      selection: options,
    });
  },
};

/** What tracing finds, before it is grouped. */
type TracedNetwork = Pick<
  ChannelGraph,
  | 'residual'
  | 'inputs'
  | 'sized'
  | 'calls'
  | 'slices'
  | 'expansions'
  | 'classes'
  | 'weightShapes'
  | 'selection'
>;

function group(traced: TracedNetwork): ChannelGraph {
  const selectable = listProducingLayers(traced);
  const exclusion = selector(traced.selection, selectable);
  const groups = groupChannels(traced, exclusion);
  return {
    ...traced,
    selectable,
    groups,
    groupById: new Map(groups.map((one) => [one.id, one])),
    prunable: groups.filter(({ frozen }) => frozen === null),
    kernels: listKernels(groups, exclusion),
  };
}

/**
 * The same network under further constraints; `graph` stays as it is.
 *
 * @throws {OptionError} on an unknown group. @throws {RangeError} when groups to couple differ in their channels.
 */
export function constrain(graph: ChannelGraph, { couple, close }: Constraints): ChannelGraph {
  const classes = graph.classes.copy();
  for (const [first, ...others] of couple) {
    const own = findGroup(graph, first!).classes;
    for (const other of others) classes.unite(own, findGroup(graph, other).classes);
  }
  for (const [id, reason] of close) classes.close(findGroup(graph, id).classes, reason);
  return group({ ...graph, classes });
}

/** The group with this id; a wrong id is an OptionError. */
export function findGroup({ groupById }: ChannelGraph, id: string): ChannelGroup {
  const found = groupById.get(id);
  if (!found) throw new OptionError({ option: 'group', allowed: 'one of the graph', received: id });
  return found;
}

/** The class that a channel of a call or slice belongs to: one of a group's `classes`, if of any. */
export function findClass({ classes }: ChannelGraph, member: number): number {
  return classes.find(member);
}

/**
 * The layers with filters that a pattern names, as `only` and `skip` do.
 *
 * @param option what the pattern was given to, for the message.
 * @throws {OptionError} when it matches none.
 */
export function matchLayers(
  { selectable }: ChannelGraph,
  option: string,
  pattern: string,
): ReadonlySet<string> {
  return matchPattern(option, pattern, selectable);
}

/**
 * The name of the first weight called `weight` (`gamma`) that the filters of a kernel flow into, one
 * value per filter; null where there is none.
 */
export function findWeightBehind(
  { groups, slices }: ChannelGraph,
  kernel: string,
  weight: string,
): string | null {
  const isOfKernel = (one: { readonly weight: string }): boolean => one.weight === kernel;
  const axis = groups.flatMap(({ producers }) => producers).find(isOfKernel)?.axis;
  const own = slices.find((slice) => isOfKernel(slice) && slice.axis === axis);
  const behind = slices.find(
    (slice) =>
      slice.weight.endsWith(`/${weight}`) &&
      slice.classes.length === own?.classes.length &&
      slice.classes.every((member, index) => member === own.classes[index]),
  );
  return behind?.weight ?? null;
}

/**
 * The tensors that the readers of a kernel's filters see, behind normalisation and activation; one
 * for each call of the kernel's layer, as `outputs` of `calls` names it. See `outputsBehind`.
 */
export function findOutputsBehind(graph: ChannelGraph, kernel: string): Channels[] {
  return outputsBehind(graph, layerOf(kernel));
}

/**
 * Shapes of the weights that count as parameters: all but masks and moving statistics. Those of a
 * layer that is not trained are among them.
 */
function parameterShapes(model: tf.LayersModel): Map<string, readonly number[]> {
  const masks = new Set(listMaskedWeights(model).map(({ mask }) => mask));
  const shapes = new Map<string, readonly number[]>();
  for (const [name, weight] of weightsByName(model)) {
    const isStatistic = /\/moving_(mean|variance)$/.test(name);
    if (!isStatistic && !masks.has(weight)) shapes.set(name, weight.shape as number[]);
  }
  return shapes;
}
