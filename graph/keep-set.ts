import { OptionError } from '../errors';

/**
 * What stays of a network: the one thing that passes between the rooms. Methods produce it, layers
 * enforce it, the counter prices it, export realises it, checkpoints store it.
 */
export interface KeepSet {
  /** By channel group id, 0/1 per channel; groups that it does not name stay whole. */
  readonly groups: ReadonlyMap<string, Uint8Array>;
  /** By kernel name (`conv1/kernel`), 0/1 per single weight, row-major. */
  readonly weights: ReadonlyMap<string, Uint8Array>;
}

/** Everything stays. */
export const keepAll: KeepSet = { groups: new Map(), weights: new Map() };

/** What stays under at least one of two keep sets: removed is what both remove. */
export function union(a: KeepSet, b: KeepSet): KeepSet {
  const joined = (part: 'groups' | 'weights'): Map<string, Uint8Array> =>
    new Map(
      [...a[part]].flatMap(([name, vector]) => {
        const other = b[part].get(name);
        return other ? [[name, vector.map((kept, unit) => kept | other[unit]!)] as const] : [];
      }),
    );
  return { groups: joined('groups'), weights: joined('weights') };
}

/** Units removed of all units that the keep set names. */
export function removedUnits(keep: KeepSet): number {
  let removed = 0;
  for (const vector of [...keep.groups.values(), ...keep.weights.values()]) {
    for (const kept of vector) removed += 1 - kept;
  }
  return removed;
}

/**
 * Similarity of two keep sets as the Jaccard index of what they remove, in [0, 1]; 1 when neither
 * removes anything. Mask churn is 1 - this.
 */
export function similarity(a: KeepSet, b: KeepSet): number {
  const [before, after] = [removedUnits(a), removedUnits(b)];
  const both = removedUnits(union(a, b));
  const either = before + after - both;
  return either === 0 ? 1 : both / either;
}

type KeepJson = Record<'groups' | 'weights', Record<string, string>>;

/** The keep set as JSON: each vector as base64 of its bits, the first unit in the lowest bit. */
export function keepToJson(keep: KeepSet): KeepJson {
  const encode = (part: ReadonlyMap<string, Uint8Array>): Record<string, string> =>
    Object.fromEntries(
      [...part].map(([name, vector]) => [name, `${vector.length}:${pack(vector)}`]),
    );
  return { groups: encode(keep.groups), weights: encode(keep.weights) };
}

/**
 * Reads what `keepToJson` wrote.
 *
 * @throws {OptionError} when a vector is not of that form.
 */
export function keepFromJson(json: KeepJson): KeepSet {
  const decode = (part: Record<string, string>): Map<string, Uint8Array> =>
    new Map(Object.entries(part).map(([name, text]) => [name, unpack(name, text)]));
  return { groups: decode(json.groups), weights: decode(json.weights) };
}

function pack(vector: Uint8Array): string {
  const bytes = Buffer.alloc(Math.ceil(vector.length / 8));
  vector.forEach((kept, index) => {
    if (kept) bytes[index >> 3]! |= 1 << (index & 7);
  });
  return bytes.toString('base64');
}

function unpack(name: string, text: string): Uint8Array {
  const [, count, packed] = /^(\d+):([A-Za-z0-9+/=]*)$/.exec(text) ?? [];
  const bytes = Buffer.from(packed ?? '', 'base64');
  if (count === undefined || bytes.length !== Math.ceil(Number(count) / 8)) {
    throw new OptionError({
      option: 'keep',
      problem: `of ${name} must read "<count>:<base64>"`,
      received: text,
    });
  }
  return Uint8Array.from(
    { length: Number(count) },
    (_, index) => (bytes[index >> 3]! >> (index & 7)) & 1,
  );
}
