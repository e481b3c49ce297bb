import { OptionError } from '../../errors';
import { removedCount } from './counts';
import { lowest, without } from './ranking';
import type { Ranking } from './ranking';

/** In which pieces a method of single weights removes them. */
export type Pattern =
  /** Each weight by itself. */
  | { readonly kind: 'none' }
  /** Of each `of` consecutive weights along the input axis the best `keep` stay. */
  | { readonly kind: 'n:m'; readonly keep: number; readonly of: number }
  /** Whole blocks of `inputs` x `filters` weights, edge blocks smaller. */
  | { readonly kind: 'block'; readonly inputs: number; readonly filters: number };

/** The forms that `patternOf` reads. */
export const PATTERN_FORMS = 'none, N:M with 1 <= N < M (2:4), or a block RxC (4x1)';

/**
 * Reads `none`, `2:4` (2 of each 4 stay) or `4x1` (blocks of 4 inputs and 1 filter).
 *
 * @throws {OptionError} when the text is of no such form.
 */
export function patternOf(text: string): Pattern {
  const [, first, sign, second] = /^([1-9]\d{0,8})([:x])([1-9]\d{0,8})$/.exec(text) ?? [];
  const [one, other] = [Number(first), Number(second)];
  if (text === 'none') return { kind: 'none' };
  if (sign === 'x') return { kind: 'block', inputs: one, filters: other };
  if (sign === ':' && one < other) return { kind: 'n:m', keep: one, of: other };
  throw new OptionError({ option: 'pattern', allowed: PATTERN_FORMS, received: text });
}

/** Whether `patternOf` reads the text. */
export function isPattern(text: string): boolean {
  try {
    patternOf(text);
    return true;
  } catch {
    return false;
  }
}

/** The text that `patternOf` reads. */
export function patternText(pattern: Pattern): string {
  switch (pattern.kind) {
    case 'none':
      return 'none';
    case 'n:m':
      return `${pattern.keep}:${pattern.of}`;
    case 'block':
      return `${pattern.inputs}x${pattern.filters}`;
  }
}

/** The rate that a pattern stands for, 1 - N/M; null where it leaves the rate free. */
export function patternRate(pattern: Pattern): number | null {
  return pattern.kind === 'n:m' ? (pattern.of - pattern.keep) / pattern.of : null;
}

/** A kernel cut into cells of adjacent weights; those at the edges may be smaller. */
export interface Cells {
  /** The cell of each weight, row-major in the kernel's own shape. */
  readonly of: Uint32Array;
  /** Weights of each cell. */
  readonly sizes: Uint32Array;
}

/**
 * Cuts a kernel into cells of `inputs` x `filters` weights, at each position of its window alone.
 *
 * The inputs are the last axis beside that of the filters: `in` of [kh, kw, in, out], of [in, out] and
 * of a transposed [kh, kw, out, in]. Cells are numbered position by position, along the inputs, then
 * along the filters.
 *
 * @param filterAxis the axis of the filters; the kernel has two axes or more.
 */
export function cellsOf(
  shape: readonly number[],
  filterAxis: number,
  { inputs, filters }: { readonly inputs: number; readonly filters: number },
): Cells {
  const last = shape.length - 1;
  const inputAxis = filterAxis === last ? last - 1 : last;
  const columns = Math.ceil(shape[filterAxis]! / filters);
  let position = Math.ceil(shape[inputAxis]! / inputs) * columns; // cells of one window position
  // A cell's number is a sum of what each axis adds to it.
  const parts: number[][] = [];
  for (let axis = last; axis >= 0; axis--) {
    const indices = Array.from({ length: shape[axis]! }, (_, index) => index);
    if (axis === filterAxis) parts[axis] = indices.map((index) => Math.floor(index / filters));
    else if (axis === inputAxis) {
      parts[axis] = indices.map((index) => Math.floor(index / inputs) * columns);
    } else {
      const step = position;
      parts[axis] = indices.map((index) => index * step);
      position *= indices.length;
    }
  }
  let of: Uint32Array = Uint32Array.of(0);
  for (const added of parts) of = sumPairs(of, added);
  const sizes = new Uint32Array(position);
  for (const cell of of) sizes[cell]!++;
  return { of, sizes };
}

/** Every sum of one number of each list, the second changing fastest. */
function sumPairs(cells: Uint32Array, added: readonly number[]): Uint32Array {
  const sums = new Uint32Array(cells.length * added.length);
  let at = 0;
  for (const cell of cells) for (const part of added) sums[at++] = cell + part;
  return sums;
}

/** Scores of blocks, and which of them may no longer return. */
interface RankedBlocks extends Ranking {
  /** The mean of the scores of each block's weights. */
  readonly scores: Float64Array;
}

/**
 * Ranks blocks in place of their weights.
 *
 * @param held 0/1 per weight; a block of which anything may no longer return goes first.
 */
export function rankBlocks(
  { of, sizes }: Cells,
  { scores, held }: Ranking & { readonly scores: ArrayLike<number> },
): RankedBlocks {
  const sums = new Float64Array(sizes.length);
  const blocksLeft = held && new Uint8Array(sizes.length).fill(1);
  for (let at = 0; at < of.length; at++) {
    sums[of[at]!]! += scores[at]!;
    if (held?.[at] === 0) blocksLeft![of[at]!] = 0;
  }
  return { scores: sums.map((sum, block) => sum / sizes[block]!), held: blocksLeft };
}

/**
 * What stays of a kernel under N:M.
 *
 * Each run of M loses its M - N lowest, the short one at the end (of length L) its L - ceil(N * L / M).
 * Before the schedule's end a `share` of these goes: of all that the runs would lose, the lowest
 * floor(count * share), so that no run ever loses more than in the end.
 *
 * @param runs cells of M inputs and one filter.
 * @param share in [0, 1].
 * @param ranking what may no longer return goes first in its run and before all others.
 * @returns 0/1 per weight.
 */
export function keepOfRuns(
  runs: Cells,
  scores: ArrayLike<number>,
  { keep, of, share }: { readonly keep: number; readonly of: number; readonly share: number },
  ranking: Ranking = {},
): Uint8Array {
  const open = runs.sizes.map((length) => length - Math.ceil((keep * length) / of));
  const total = open.reduce((sum, count) => sum + count, 0);
  let wanted = removedCount(total, share);
  const gone: number[] = [];
  for (const at of lowest(scores, scores.length, ranking)) {
    if (wanted === 0) break;
    const run = runs.of[at]!;
    if (open[run] === 0) continue;
    open[run]!--;
    wanted--;
    gone.push(at);
  }
  return without(scores.length, gone);
}

/**
 * Refuses options that an N:M pattern, which says by itself what each kernel loses, contradicts.
 *
 * @throws {OptionError} naming the option.
 */
export function checkPattern({
  pattern,
  ...options
}: {
  readonly pattern: Pattern;
  readonly rate: number;
  readonly scope: string;
  readonly layerRates: readonly unknown[];
  readonly minKeep: number;
}): void {
  if (pattern.kind === 'none') return;
  const text = patternText(pattern);
  patternOf(text); // whole numbers in range
  const rate = patternRate(pattern);
  if (rate === null) return;
  const { scope, layerRates, minKeep } = options;
  const refuse = (option: string, allowed: string, received: string | number): never => {
    throw new OptionError({ option, allowed: `${allowed} with pattern ${text}`, received });
  };
  if (Math.abs(options.rate - rate) > 1e-9) refuse('rate', String(rate), options.rate);
  if (scope !== 'uniform') refuse('scope', 'uniform', scope);
  if (layerRates.length > 0) refuse('layerRates', 'none', layerRates.length);
  if (minKeep !== 1) refuse('minKeep', '1', minKeep);
}
