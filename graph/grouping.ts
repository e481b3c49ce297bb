/** Channels become groups: those whose classes have the same members are ranked against one another. */
import type { ChannelClasses } from './channels';
import type { SelectableLayer, Selection, selector } from './selection';
import type { TracedCall } from './trace-model';
import type { WeightSlice } from './tracer';

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

/** Why a rule excludes a group with these producing layers, or null. */
type Exclusion = ReturnType<typeof selector>;

/** What tracing finds of the weights. */
interface TracedSlices {
  readonly slices: readonly WeightSlice[];
  readonly classes: ChannelClasses;
}

/** Single weights die alone: a rule asks for their own layer, not for what its filters are tied to. */
export function listKernels(groups: readonly ChannelGroup[], exclusion: Exclusion): string[] {
  const producers = groups.flatMap((group) => group.producers);
  const open = producers.filter(({ layer }) => exclusion([layer]) === null);
  return [...new Set(open.map(({ weight }) => weight))];
}

/** Sorts classes into groups: channels whose classes have the same members. */
export function groupChannels(
  { classes: union, slices }: TracedSlices,
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

/** The layers with filters, each once. */
export function listProducingLayers({
  slices,
  calls,
  selection,
}: {
  readonly slices: readonly WeightSlice[];
  readonly calls: readonly TracedCall[];
  readonly selection: Selection;
}): SelectableLayer[] {
  const classNames = new Map(calls.map(({ path, className }) => [path, className]));
  const producing = slices.filter(({ role }) => role === 'producer').map(({ layer }) => layer);
  return [...new Set(producing)].map((path) => ({
    path,
    className: classNames.get(path)!,
    role: selection.roles?.get(path) ?? null,
  }));
}
