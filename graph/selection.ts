import { OptionError } from '../errors';
import { createGlob } from './glob';

/**
 * Which layers may lose filters. A pattern is one of
 *
 *   a glob of layer paths: `*` within a name, `**` across, `?` one character
 *   `class:` and a glob of class names: `class:Conv2D`, `class:Conv*`
 *   `role:` and a glob of what layers are to their blocks: `role:block.inner`
 */
export interface Selection {
  /** Only groups with a producer that matches are prunable. */
  readonly only?: readonly string[] | undefined;
  /** Groups with a producer that matches are not. */
  readonly skip?: readonly string[] | undefined;
  /** By layer path what a layer is to its block, for the patterns `role:...`. Default none. */
  readonly roles?: ReadonlyMap<string, string> | undefined;
  /** Paths of layers that the network does not train: groups with such a producer are not prunable. Default none. */
  readonly frozen?: ReadonlySet<string> | undefined;
}

/** What a pattern may ask of a layer that has filters. */
export interface SelectableLayer {
  readonly path: string;
  /** The stock class. */
  readonly className: string;
  /** What it is to its block; null where it is part of none. */
  readonly role: string | null;
}

/**
 * The layers that a pattern matches: one at least.
 *
 * @param option what the pattern was given to, for the message: `skip`.
 * @throws {OptionError} when it matches none: a rule without effect is a mistake.
 */
export function matchPattern(
  option: string,
  pattern: string,
  layers: readonly SelectableLayer[],
): ReadonlySet<string> {
  const kind = (['class', 'role'] as const).find((prefix) => pattern.startsWith(`${prefix}:`));
  const isNamed = createGlob(kind ? pattern.slice(kind.length + 1) : pattern);
  const asked = (layer: SelectableLayer): string | null => layer[fields[kind ?? 'path']];
  const found = layers.filter((layer) => {
    const name = asked(layer);
    return name !== null && isNamed(name);
  });
  if (found.length > 0) return new Set(found.map(({ path }) => path));
  const known = [...new Set(layers.flatMap((layer) => asked(layer) ?? []))];
  const among = known.length > 0 ? `there are ${known.join(', ')}` : 'none of them has a role';
  throw new OptionError({
    option,
    problem: `${pattern} matches no layer that has filters; ${among}`,
  });
}

const fields = { path: 'path', class: 'className', role: 'role' } as const;

/** Why a group with a producer that the network does not train is left whole. */
export function frozenReason(layer: string): string {
  return `${layer} is frozen in the network (trainable: false)`;
}

/**
 * A question for each group, asked with its producing layers: why the selection excludes it, or null.
 *
 * @throws {OptionError} when a pattern matches no layer.
 */
export function selector(
  { only, skip, frozen }: Selection,
  layers: readonly SelectableLayer[],
): (producers: readonly string[]) => string | null {
  const all = (option: string, patterns: readonly string[]): Set<string> =>
    new Set(patterns.flatMap((pattern) => [...matchPattern(option, pattern, layers)]));
  const selected = only && all('only', only);
  const left = all('skip', skip ?? []);
  return (producers) => {
    const skipped = producers.find((layer) => left.has(layer));
    if (skipped !== undefined) return `${skipped} is skipped (skip)`;
    const still = frozen && producers.find((layer) => frozen.has(layer));
    if (still !== undefined) return frozenReason(still);
    const isSelected = !selected || producers.some((layer) => selected.has(layer));
    return isSelected ? null : 'not selected (only)';
  };
}
