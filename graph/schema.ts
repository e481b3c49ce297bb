import { OptionError } from '../errors';
import { isForbiddenKey, isJsonObject } from '../files';
import type { JsonValue } from '../files';
import type { ChannelGraph } from './channel-graph';
import type { ChannelGroup } from './grouping';
import { constrain } from './channel-graph';

/**
 * Which layers lose channels together: per channel group a key `<group>_out` with what goes along.
 *
 * The list names `<layer>_bn` (BatchNormalization; `_dw` a depthwise convolution, `_alpha` a PReLU,
 * else the class in small letters), then `<layer>_out` of the coupled producers, then `<layer>_in` of
 * the readers. The list of a group that is not to be pruned is empty. Keys and lists are in the order
 * of the calls.
 */
export type Schema = Readonly<Record<string, readonly string[]>>;

const suffixes: Readonly<Record<string, string>> = {
  BatchNormalization: 'bn',
  DepthwiseConv2D: 'dw',
  PReLU: 'alpha',
};

/**
 * The dependency schema of a network, as JSON may hold it.
 *
 * Source: the base schema of the KETI pruner. As there, a Dense layer that is the key is not listed
 * once more under it, a convolution is.
 */
export function schemaOf(graph: ChannelGraph): Schema {
  const names = new Names(graph);
  const order = (group: ChannelGroup): number => names.place(group.producers[0]!.layer);
  const groups = [...graph.groups].sort((a, b) => order(a) - order(b));
  return Object.fromEntries(
    groups.map((group) => [
      keyOf(group),
      group.frozen === null
        ? names.dependents(group).filter((name) => !names.isOwn(group, name))
        : [],
    ]),
  );
}

/**
 * Reads a schema back, edited or not, and answers the graph that respects it; `graph` stays as it is.
 *
 * An edit may do two things. Naming a further `<group>_out` in a list couples that group: channel i
 * of the one goes with channel i of the other, for good or not at all; its own key may stay (with its
 * list) or go (its list moving along). Emptying a list, or removing a group from the schema
 * altogether, leaves the group whole. What must go along cannot be edited away: a list that lacks a
 * layer which the network couples, or names one that it does not, is an error.
 *
 * @throws {OptionError} when the JSON is no object of lists of names, or naming the key: an unknown layer, a group that the network cannot lose, coupled
 *   groups of different widths, a list that does not fit.
 */
export function readSchema(json: JsonValue, graph: ChannelGraph): ChannelGraph {
  const lists = listsOf(json);
  const names = new Names(graph);
  const groups = new Map(graph.groups.map((group) => [keyOf(group), group]));
  for (const key of lists.keys()) requireGroup(key, groups, names);
  const bundles = bundlesOf(lists, groups, names);
  for (const bundle of bundles) checkBundle(bundle, lists, names);
  const pruned = new Set(bundles.flat());
  const close = new Map<string, string>();
  for (const [key, group] of groups) {
    if (pruned.has(group) || group.frozen !== null) continue;
    close.set(group.id, lists.has(key) ? 'its list in the schema is empty' : 'not in the schema');
  }
  return constrain(graph, { couple: bundles.map((bundle) => bundle.map(({ id }) => id)), close });
}

const keyOf = ({ id }: ChannelGroup): string => `${id}_out`;

/** What the schema calls the layers of a graph. */
class Names {
  private readonly places = new Map<string, number>();
  private readonly classNames = new Map<string, string>();

  constructor(graph: ChannelGraph) {
    graph.calls.forEach(({ path, className }, place) => {
      if (this.places.has(path)) return;
      this.places.set(path, place);
      this.classNames.set(path, className);
    });
  }

  /** The place of a layer's first call. */
  place(layer: string): number {
    return this.places.get(layer)!;
  }

  has(layer: string): boolean {
    return this.places.has(layer);
  }

  /** All that goes along with a group, its producers among them. */
  dependents({ followers, producers, consumers }: ChannelGroup): string[] {
    const inOrder = (layers: readonly string[], suffix: (layer: string) => string): string[] =>
      [...new Set(layers)]
        .sort((a, b) => this.place(a) - this.place(b))
        .map((layer) => `${layer}_${suffix(layer)}`);
    return [
      ...inOrder(followers, (layer) => this.suffix(layer)),
      ...inOrder(
        producers.map(({ layer }) => layer),
        () => 'out',
      ),
      ...inOrder(consumers, () => 'in'),
    ];
  }

  /** Whether the name repeats a key that is a Dense layer. */
  isOwn(group: ChannelGroup, name: string): boolean {
    return name === keyOf(group) && this.classNames.get(group.id) === 'Dense';
  }

  private suffix(layer: string): string {
    const className = this.classNames.get(layer)!;
    return suffixes[className] ?? className.toLowerCase();
  }
}

function schemaError(problem: string): OptionError {
  return new OptionError({ option: 'schema', problem });
}

function listsOf(json: JsonValue): Map<string, readonly string[]> {
  if (!isJsonObject(json)) {
    throw schemaError('must be an object of lists, such as { "conv1_out": [] }');
  }
  return new Map(
    Object.entries(json).map(([key, list]) => {
      const isList =
        Array.isArray(list) && list.every((name: JsonValue) => typeof name === 'string');
      if (isList && !isForbiddenKey(key)) return [key, list];
      const received = JSON.stringify(list).slice(0, 80);
      throw schemaError(`key ${key} must have a list of names, got ${received}`);
    }),
  );
}

function requireGroup(key: string, groups: ReadonlyMap<string, ChannelGroup>, names: Names): void {
  if (groups.has(key)) return;
  const layer = key.slice(0, Math.max(key.lastIndexOf('_'), 0));
  const home = [...groups].find(([, { producers }]) =>
    producers.some((producer) => `${producer.layer}_out` === key),
  );
  if (home) throw schemaError(`key ${key}: its channels are listed under ${home[0]}`);
  const what = names.has(layer) ? `${layer} produces no channels` : 'the network has no such layer';
  throw schemaError(`key ${key}: ${what}; keys are ${[...groups.keys()].join(', ')}`);
}

/** Groups that the lists prune, those that are to go together in one bundle. */
function bundlesOf(
  lists: ReadonlyMap<string, readonly string[]>,
  groups: ReadonlyMap<string, ChannelGroup>,
  names: Names,
): ChannelGroup[][] {
  let bundles: ChannelGroup[][] = [];
  for (const [key, list] of lists) {
    if (list.length === 0) continue;
    const own = groups.get(key)!;
    const known = new Set(names.dependents(own));
    const tied = list.flatMap((name) => (known.has(name) ? [] : (groups.get(name) ?? [])));
    for (const other of tied) requireTie(key, own, other, lists);
    const joined = new Set([own, ...tied]);
    for (const bundle of bundles) {
      if (bundle.some((group) => joined.has(group))) bundle.forEach((group) => joined.add(group));
    }
    bundles = bundles.filter((bundle) => !bundle.some((group) => joined.has(group)));
    bundles.push([...joined]);
  }
  return bundles;
}

function requireTie(
  key: string,
  own: ChannelGroup,
  other: ChannelGroup,
  lists: ReadonlyMap<string, readonly string[]>,
): void {
  if (own.channels !== other.channels) {
    throw schemaError(
      `key ${key} has ${own.channels} channels and cannot go with ${keyOf(other)}, ` +
        `which has ${other.channels}`,
    );
  }
  if (lists.get(keyOf(other))?.length === 0) {
    throw schemaError(
      `key ${key} goes with ${keyOf(other)}, whose own list is empty: not to be pruned`,
    );
  }
}

/** Refuses what the network cannot lose, and lists that say less or more than it couples. */
function checkBundle(
  bundle: readonly ChannelGroup[],
  lists: ReadonlyMap<string, readonly string[]>,
  names: Names,
): void {
  const keys = new Set(bundle.map(keyOf));
  const key = [...lists.keys()].find((candidate) => keys.has(candidate))!;
  const frozen = bundle.find((group) => group.frozen !== null);
  if (frozen) {
    throw schemaError(`key ${key}: ${frozen.id} cannot be pruned: ${frozen.frozen}`);
  }
  const needed = new Set(bundle.flatMap((group) => names.dependents(group)));
  const listed = new Set(bundle.flatMap((group) => lists.get(keyOf(group)) ?? []));
  const missing = [...needed].find((name) => !listed.has(name) && !keys.has(name));
  if (missing !== undefined) {
    throw schemaError(`key ${key} must list ${missing}, which goes along`);
  }
  const strange = [...listed].find((name) => !needed.has(name) && !keys.has(name));
  if (strange !== undefined) {
    const layer = strange.slice(0, Math.max(strange.lastIndexOf('_'), 0));
    const why = names.has(layer) ? 'does not go along' : 'is of no layer of the network';
    throw schemaError(`key ${key} lists ${strange}, which ${why}`);
  }
}
