/** What a checkpoint folder consists of, for the one who writes it and the one who reads it. */

import { isForbiddenKey } from '../json';
import type { NamedArray } from './training-state';

export const checkpointFormat = 'secateur-checkpoint/1';
export const manifestName = 'manifest.json';
export const dataNames = ['state.json', 'tensors.bin', 'tensors.json'] as const;

const maxNameLength = 1024;
const maxRank = 16;
/** Bytes of one value. */
export const itemBytes = { float32: 4, int32: 4, bool: 1 } as const;
export const arrayTypes = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** The files beside the manifest. */
export type DataName = (typeof dataNames)[number];
export type DataFiles = Readonly<Record<DataName, Uint8Array>>;

/** Whether a value is a whole number from 0. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The name of the folder of a step. */
export function folderName(step: number): string {
  return `ckpt-${String(step).padStart(8, '0')}`;
}

/** What tensors.json says of one array. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: NamedArray['dtype'];
  readonly shape: readonly number[];
  /** First byte in tensors.bin; each array begins where the one before it ends. */
  readonly offset: number;
  readonly bytes: number;
}

/** What is wrong with a tensor's name; null when nothing is. */
export function nameFault(name: string): string | null {
  if (name.length === 0 || name.length > maxNameLength) {
    return `must have a name of 1 to ${maxNameLength} characters, got ${name.length}`;
  }
  if (/[\p{Cc}\\]/u.test(name)) return 'has a control character or a backslash in its name';
  const isReserved = (part: string): boolean =>
    part === '' || part === '.' || part === '..' || isForbiddenKey(part);
  if (name.split('/').some(isReserved)) return 'has an empty or reserved part in its name';
  return null;
}

/** What is wrong with the values of an array; null when nothing is. */
export function valueFault(
  dtype: NamedArray['dtype'],
  values: NamedArray['values'],
): string | null {
  if (dtype === 'int32') return null;
  const limit = dtype === 'bool' ? 1 : Infinity;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (value <= limit && Number.isFinite(value)) continue;
    const allowed = dtype === 'bool' ? '0 or 1' : 'finite';
    return `must be ${allowed}, got ${value} at index ${index}`;
  }
  return null;
}

/** Number of values of a shape; NaN for a shape that no array has. */
export function sizeOf(shape: readonly unknown[]): number {
  if (shape.length > maxRank || !shape.every(isCount)) return Number.NaN;
  const size = shape.reduce((product, length) => product * length, 1);
  return Number.isSafeInteger(size) ? size : Number.NaN;
}
