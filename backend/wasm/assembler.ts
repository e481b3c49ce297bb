/**
 * As much of a WebAssembly assembler as a small vectorised loop nest needs.
 *
 * Source: WebAssembly Core Specification 2.0, chapter 5, "Binary Format".
 */

/** Bytes of one or several instructions. */
export type Code = readonly number[];

/** Unsigned LEB128. */
function encodeUnsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...encodeUnsigned(value >>> 7)];
}

/** Signed LEB128. */
function encodeSigned(value: number): number[] {
  const ends = value >= -0x40 && value < 0x40;
  return ends ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...encodeSigned(value >> 7)];
}

const simd = (operation: number): Code => [0xfd, ...encodeUnsigned(operation)];
const access = (operation: number, align: number, offset: number): Code => [
  ...simd(operation),
  align,
  ...encodeUnsigned(offset),
];

/** Numbers for locals, so that they can be named. */
export function numberNames<const Name extends string>(
  names: readonly Name[],
  first: number,
): Record<Name, number> {
  return Object.fromEntries(names.map((name, index) => [name, first + index])) as Record<
    Name,
    number
  >;
}

/** Pushes a local. */
export const get = (local: number): Code => [0x20, ...encodeUnsigned(local)];

/** Pops the result of `value` into a local. */
export const set = (local: number, ...value: readonly Code[]): Code => [
  ...value.flat(),
  0x21,
  ...encodeUnsigned(local),
];

/** Adds a constant to an i32 local. */
export const increase = (local: number, constant: number): Code =>
  set(local, get(local), [0x41, ...encodeSigned(constant)], [0x6a]);

/** Adds an i32 local to another one. */
export const advance = (local: number, by: number): Code => set(local, get(local), get(by), [0x6a]);

/** Repeats `body`, counting a local down, until it is 0; at least once. */
export const countDown = (local: number, ...body: readonly Code[]): Code => [
  ...[0x03, 0x40], // loop without a result
  ...body.flat(),
  ...increase(local, -1),
  ...get(local),
  ...[0x0d, 0], // br_if: again
  0x0b,
];

/** Four floats at an address, which may be unaligned. */
export const load = (address: number, offset = 0): Code => [
  ...get(address),
  ...access(0x00, 2, offset),
];

/** One float at an address, in all four lanes. */
export const loadSplat = (address: number, offset: number): Code => [
  ...get(address),
  ...access(0x09, 2, offset),
];

/** Writes four floats. */
export const store = (address: number, offset: number, value: Code): Code => [
  ...get(address),
  ...value,
  ...access(0x0b, 2, offset),
];

/** Four zeros. */
export const zero: Code = [...simd(0x0c), ...Array.from({ length: 16 }, () => 0)];

/** Lane-wise sum of two vectors. */
export const sum = (a: Code, b: Code): Code => [...a, ...b, ...simd(0xe4)];

/** Lane-wise product of two vectors. */
export const product = (a: Code, b: Code): Code => [...a, ...b, ...simd(0xe6)];

const i32 = 0x7f;
const v128 = 0x7b;

/** A function whose parameters are i32 and that returns nothing; locals are numbered after them. */
export interface FunctionSource {
  readonly parameters: number;
  readonly integers: number;
  readonly vectors: number;
  readonly body: Code;
}

/** A module that imports the memory `host.memory` and exports the function as `run`. */
export function assemble({
  parameters,
  integers,
  vectors,
  body,
}: FunctionSource): Uint8Array<ArrayBuffer> {
  const text = (value: string): number[] => [value.length, ...Buffer.from(value, 'latin1')];
  const section = (id: number, content: Code): number[] => [
    id,
    ...encodeUnsigned(content.length),
    ...content,
  ];
  const locals = [2, ...encodeUnsigned(integers), i32, ...encodeUnsigned(vectors), v128];
  const code = [...locals, ...body, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic number and version
    ...section(1, [1, 0x60, parameters, ...Array.from({ length: parameters }, () => i32), 0]),
    ...section(2, [1, ...text('host'), ...text('memory'), 0x02, 0x00, 1]), // at least one page
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0x00, 0]),
    ...section(10, [1, ...encodeUnsigned(code.length), ...code]),
  ]);
}
