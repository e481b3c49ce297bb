import type * as tf from '@tensorflow/tfjs';
import { layerOf, maskedWeights, weightsByName } from '../layers';
import type { LayerKeep } from '../layers';
import { outputsBehind } from './behind';
import type { ChannelClasses, Channels } from './channels';
import { layerHandler } from './handler';
import type { Remainder } from './handler';
import type { KeepSet } from './keep-set';
import { keepAll } from './keep-set';
import { NotPrunableError } from './not-prunable-error';
import { matchingLayers, selector } from './selection';
import type { SelectableLayer, Selection } from './selection';
import { traceModel } from './trace-model';
import type { TracedCall } from './trace-model';
import { Tracer } from './tracer';
import type { Expansion, Residual, WeightSlice } from './tracer';

/** A kernel whose filters belong to a group. */
export interface Producer {
  readonly layer: string;
  /** `path/kernel` */
  readonly weight: string;
  readonly axis: number;
  /** Per channel of the group: its index along the axis. */
  readonly indices: readonly number[];
}

/** Channels that live or die one by one, each in all of the group's weights together. */
export interface ChannelGroup {
  /** Name of the first producing layer, made unique. */
  readonly id: string;
  readonly channels: number;
  readonly producers: readonly Producer[];
  /** Layers whose weights go along: BatchNormalization, depthwise convolutions. */
  readonly followers: readonly string[];
  /** Layers that read the channels. */
  readonly consumers: readonly string[];
  /** Why nothing may be removed; null for a prunable group. */
  readonly frozen: string | null;
  /** Whether a selection rule, not the network, is what freezes it. */
  readonly excluded: boolean;
  /** One class per channel. */
  readonly classes: readonly number[];
}

/** Costs of one layer for one sample; FLOPs are twice the MACs. */
export interface LayerCost {
  readonly path: string;
  readonly className: string;
  readonly macs: number;
  readonly params: number;
  readonly outputShape: tf.Shape;
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

/**
 * What a network is to pruning: its channel groups, what each controls, and what the network costs.
 *
 * Built from any LayersModel, stock or prunable; holds names and numbers only, never a tensor.
 */
export class ChannelGraph {
  readonly groups: readonly ChannelGroup[];
  /** Kernels whose filters some layer produces, the frozen ones too, unless a rule excludes the layer. */
  readonly kernels: readonly string[];
  private readonly selectable: readonly SelectableLayer[];

  private constructor(
    readonly residual: Residual,
    readonly calls: readonly TracedCall[],
    readonly slices: readonly WeightSlice[],
    readonly expansions: readonly Expansion[],
    private readonly union: ChannelClasses,
    /** Shapes of the weights by name, masks and moving statistics left out. */
    readonly weightShapes: ReadonlyMap<string, readonly number[]>,
    private readonly selection: Selection,
  ) {
    this.selectable = selectableLayers(slices, calls, selection);
    const exclusion = selector(selection, this.selectable);
    this.groups = groupsOf(union, slices, exclusion);
    this.kernels = kernelsOf(this.groups, exclusion);
  }

  /**
   * Walks the model over its calls and finds its channel groups.
   *
   * @throws {RangeError} when `only` or `skip` names a layer pattern that matches no producer.
   */
  static of(model: tf.LayersModel, options: GraphOptions = {}): ChannelGraph {
    const residual = options.residual ?? 'coupled';
    const tracer = new Tracer(model, residual);
    const { calls } = traceModel(model, tracer);
    const shapes = parameterShapes(model);
    const { slices, expansions } = tracer;
    return new ChannelGraph(residual, calls, slices, expansions, tracer.classes, shapes, options);
  }

  /** Groups from which units may be removed. */
  get prunable(): ChannelGroup[] {
    return this.groups.filter(({ frozen }) => frozen === null);
  }

  /**
   * The layers with filters that a pattern names, as `only` and `skip` do.
   *
   * @param option what the pattern was given to, for the message.
   * @throws {RangeError} when it matches none.
   */
  layersMatching(option: string, pattern: string): ReadonlySet<string> {
    return matchingLayers(option, pattern, this.selectable);
  }

  /**
   * The name of the first weight called `weight` (`gamma`) that the filters of a kernel flow into, one
   * value per filter; null where there is none.
   */
  weightBehind(kernel: string, weight: string): string | null {
    const group = this.groups.find(({ producers }) =>
      producers.some((one) => one.weight === kernel),
    );
    const axis = group?.producers.find((one) => one.weight === kernel)!.axis;
    const own = this.slices.find((slice) => slice.weight === kernel && slice.axis === axis);
    const behind = this.slices.find(
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
  outputsBehind(kernel: string): Channels[] {
    return outputsBehind(this, layerOf(kernel));
  }

  /** The group with this id; a wrong id is a RangeError. */
  group(id: string): ChannelGroup {
    const found = this.groups.find((group) => group.id === id);
    if (!found) throw new RangeError(`no channel group is named ${id}`);
    return found;
  }

  /**
   * The same network under further constraints; this graph stays as it is.
   *
   * @throws {RangeError} on an unknown group, or when groups to couple differ in their channels.
   */
  constrained({ couple, close }: Constraints): ChannelGraph {
    const union = this.union.copy();
    for (const [first, ...others] of couple) {
      const { classes } = this.group(first!);
      for (const other of others) union.unite(classes, this.group(other).classes);
    }
    for (const [id, reason] of close) union.close(this.group(id).classes, reason);
    const { residual, calls, slices, expansions, weightShapes, selection } = this;
    return new ChannelGraph(residual, calls, slices, expansions, union, weightShapes, selection);
  }

  /** The class that a channel of a call or slice belongs to: one of a group's `classes`, if of any. */
  classOf(member: number): number {
    return this.union.find(member);
  }

  /**
   * Checks that a keep set fits this network.
   *
   * @throws {NotPrunableError} when it removes from a frozen group.
   * @throws {RangeError} on an unknown group, a wrong length, a flag other than 0 and 1, a group that
   *   would lose all.
   */
  check(keep: KeepSet): void {
    for (const [id, kept] of keep.groups) {
      const { channels, frozen } = this.group(id);
      if (kept.length !== channels) {
        throw new RangeError(`keep of ${id} must have ${channels} channels, got ${kept.length}`);
      }
      requireFlags(id, kept);
      if (frozen !== null && kept.includes(0)) throw new NotPrunableError(id, frozen);
      if (!kept.includes(1)) throw new RangeError(`keep of ${id} must keep at least one channel`);
    }
    for (const [name, kept] of keep.weights) {
      const size = this.weightShapes.get(name)?.reduce((product, length) => product * length, 1);
      if (size === undefined) throw new RangeError(`no weight is named ${name}`);
      if (kept.length !== size) {
        throw new RangeError(`keep of ${name} must have ${size} weights, got ${kept.length}`);
      }
      requireFlags(name, kept);
    }
  }

  /** Answers for any class whether it stays under `keep`. */
  stays(keep: KeepSet): (member: number) => boolean {
    this.check(keep);
    const removed = new Set<number>();
    for (const [id, kept] of keep.groups) {
      this.group(id).classes.forEach((member, index) => {
        if (!kept[index]) removed.add(member);
      });
    }
    return (member) => !removed.has(this.union.find(member));
  }

  /** Per weight name and axis: which indices stay; weights and axes without channels are not named. */
  keptIndices(keep: KeepSet): Map<string, Map<number, number[]>> {
    const stays = this.stays(keep);
    const kept = new Map<string, Map<number, number[]>>();
    for (const { weight, axis, classes } of this.slices) {
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
  layerKeeps(keep: KeepSet): Map<string, LayerKeep> {
    const stays = this.stays(keep);
    const keeps = new Map<string, LayerKeep>();
    for (const { path, outputs } of this.ownOutputs()) {
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
  remainders(keep: KeepSet = keepAll): Remainder[] {
    const stays = this.stays(keep);
    const narrowed = (shape: tf.Shape, flags: readonly boolean[]): tf.Shape =>
      flags.length === 0 ? shape : [...shape.slice(0, -1), flags.filter(Boolean).length];
    return this.calls.map((call) => {
      const full = (input: number): boolean =>
        this.expansions.some((at) => at.path === call.path && at.input === input);
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

  /** Costs per layer of the network that `keep` leaves, in the order of the calls. */
  costs(keep: KeepSet = keepAll): LayerCost[] {
    const kept = this.keptIndices(keep);
    const counted = new Set<string>();
    const costs = this.remainders(keep).map((left) => {
      const { path, className } = left.call;
      const params = counted.has(path) ? 0 : this.paramsOf(path, kept);
      counted.add(path);
      const macs = layerHandler(className)?.macs?.(left) ?? 0;
      return { path, className, macs, params, outputShape: left.outputShapes[0] ?? [] };
    });
    return [...costs, ...this.expansionCosts(keep)];
  }

  /** Multiply-adds of one sample through the network that `keep` leaves. */
  macs(keep: KeepSet = keepAll): number {
    return this.costs(keep).reduce((sum, cost) => sum + cost.macs, 0);
  }

  /** Weights of the network that `keep` leaves; moving statistics are not counted. */
  params(keep: KeepSet = keepAll): number {
    return this.costs(keep).reduce((sum, cost) => sum + cost.params, 0);
  }

  /** Layers whose own weights fall silent with their output channels, with these channels' classes. */
  private *ownOutputs(): Generator<{ path: string; outputs: readonly number[] }> {
    const own = new Set(this.slices.filter(({ silenced }) => silenced).map(({ layer }) => layer));
    for (const { path, outputs } of this.calls) {
      if (own.delete(path)) yield { path, outputs: outputs[0]!.classes };
    }
  }

  private paramsOf(path: string, kept: Map<string, Map<number, number[]>>): number {
    let params = 0;
    for (const [name, shape] of this.weightShapes) {
      if (layerOf(name) !== path) continue;
      const axes = kept.get(name);
      params += shape.reduce((size, length, axis) => size * (axes?.get(axis)?.length ?? length), 1);
    }
    return params;
  }

  /** The linear maps that bring narrowed inputs back to full width; every call pays for its own. */
  private expansionCosts(keep: KeepSet): LayerCost[] {
    const stays = this.stays(keep);
    return this.expansions.flatMap(({ path, input }) => {
      const calls = this.calls.filter((call) => call.path === path);
      const { classes } = calls[0]!.inputs[input]!;
      const kept = classes.filter(stays).length;
      if (kept === classes.length) return [];
      const params = kept * classes.length;
      return calls.map(({ inputShapes }, index): LayerCost => {
        const outputShape = inputShapes[input]!;
        const positions = outputShape.slice(1, -1).reduce<number>((n, size) => n * (size ?? 1), 1);
        return {
          path: expansionName(path, input),
          className: 'Dense',
          macs: positions * params,
          params: index === 0 ? params : 0,
          outputShape,
        };
      });
    });
  }
}

function requireFlags(name: string, kept: Uint8Array): void {
  for (const flag of kept) {
    if (flag > 1) throw new RangeError(`keep of ${name} must hold 0 and 1 only, got ${flag}`);
  }
}

/** The name of the layer that export puts before input `input` of the call at `path`. */
export function expansionName(path: string, input: number): string {
  return `${path}_scatter${input}`;
}

/** Why a rule excludes a group with these producing layers, or null. */
type Exclusion = ReturnType<typeof selector>;

/**
 * Shapes of the weights that count as parameters: all but masks and moving statistics. Those of a
 * layer that is not trained are among them.
 */
function parameterShapes(model: tf.LayersModel): Map<string, readonly number[]> {
  const masks = new Set(maskedWeights(model).map(({ mask }) => mask));
  const shapes = new Map<string, readonly number[]>();
  for (const [name, weight] of weightsByName(model)) {
    const isStatistic = /\/moving_(mean|variance)$/.test(name);
    if (!isStatistic && !masks.has(weight)) shapes.set(name, weight.shape as number[]);
  }
  return shapes;
}

/** Single weights die alone: a rule asks for their own layer, not for what its filters are tied to. */
function kernelsOf(groups: readonly ChannelGroup[], exclusion: Exclusion): string[] {
  const producers = groups.flatMap((group) => group.producers);
  const open = producers.filter(({ layer }) => exclusion([layer]) === null);
  return [...new Set(open.map(({ weight }) => weight))];
}

/** Sorts classes into groups: channels whose classes have the same members. */
function groupsOf(
  union: ChannelClasses,
  slices: readonly WeightSlice[],
  exclusion: Exclusion,
): ChannelGroup[] {
  const members = new Map<number, Set<number>>(); // class -> slices that hold it
  slices.forEach(({ classes }, slice) => {
    for (const member of classes) {
      const root = union.find(member);
      const held = members.get(root) ?? new Set<number>();
      members.set(root, held.add(slice));
    }
  });
  const bySignature = new Map<string, number[]>(); // slices -> classes, in order of appearance
  for (const [root, held] of members) {
    const signature = `${[...held].join()}|${union.reason(root) ?? ''}`;
    bySignature.set(signature, [...(bySignature.get(signature) ?? []), root]);
  }
  const names = new Set<string>();
  return [...bySignature.values()].flatMap((classes) => {
    const held = [...members.get(classes[0]!)!].map((slice) => slices[slice]!);
    const group = groupOf(union, classes, held, names, exclusion);
    return group ? [group] : [];
  });
}

function groupOf(
  union: ChannelClasses,
  classes: readonly number[],
  held: readonly WeightSlice[],
  names: Set<string>,
  exclusion: Exclusion,
): ChannelGroup | null {
  const layersOf = (role: WeightSlice['role']): string[] => [
    ...new Set(held.filter((slice) => slice.role === role).map(({ layer }) => layer)),
  ];
  const producers = held
    .filter(
      ({ role, axis, weight }) => role === 'producer' && !(axis === 0 && weight.endsWith('/bias')),
    )
    .map((slice) => producerOf(union, slice, classes));
  const first = producers[0]?.layer;
  if (first === undefined) return null; // inputs of the model and constant channels
  let id = first;
  for (let copy = 2; names.has(id); copy++) id = `${first}#${copy}`;
  names.add(id);
  const rule = exclusion(producers.map(({ layer }) => layer));
  return {
    id,
    channels: classes.length,
    producers,
    followers: layersOf('follower'),
    consumers: layersOf('consumer'),
    frozen: union.reason(classes[0]!) ?? rule,
    excluded: rule !== null,
    classes,
  };
}

function producerOf(
  union: ChannelClasses,
  slice: WeightSlice,
  classes: readonly number[],
): Producer {
  const at = new Map<number, number>();
  slice.classes.forEach((member, index) => {
    const root = union.find(member);
    if (!at.has(root)) at.set(root, index);
  });
  const { layer, weight, axis } = slice;
  return { layer, weight, axis, indices: classes.map((member) => at.get(member)!) };
}

function selectableLayers(
  slices: readonly WeightSlice[],
  calls: readonly TracedCall[],
  { roles }: Selection,
): SelectableLayer[] {
  const classNames = new Map(calls.map(({ path, className }) => [path, className]));
  const producing = slices.filter(({ role }) => role === 'producer').map(({ layer }) => layer);
  return [...new Set(producing)].map((path) => ({
    path,
    className: classNames.get(path)!,
    role: roles?.get(path) ?? null,
  }));
}
