import type * as tf from '@tensorflow/tfjs';
import * as asm from './assembler';
import { valuesOf } from './composition';
import type { Composition, WasmBackend } from './composition';
import type { Axis, Geometry } from './convolution-geometry';

/** Channels of x, and of dy, whose products one pass over the pixels sums in registers. */
const block = { in: 4, out: 8 };

/** Bytes of x and dy that one call reads: they stay in the first-level cache for all its passes. */
const cached = 24 * 1024;

const floatBytes = 4;

/** Parameters of the function, all i32; addresses and distances in bytes. */
type Run = (
  x: number,
  dy: number,
  out: number,
  rows: number,
  columns: number,
  inBlocks: number,
  outBlocks: number,
  xRow: number,
  xColumn: number,
  dyRow: number,
  dyColumn: number,
  outRow: number,
) => void;

/**
 * out[i][o] += sum over pixels of x[pixel][i] * dy[pixel][o], for all blocks of channels.
 *
 * Neither operand is transposed or packed, which costs a forward convolution of the WASM backend
 * used as a filter gradient half its time.
 */
function source(): asm.FunctionSource {
  const [x, dy, out, rows, columns, inBlocks, outBlocks, xRow, xColumn, dyRow, dyColumn, outRow] =
    Array.from({ length: 12 }, (_, index) => index) as Twelve;
  const [outStart, dyBlock, outBlock, blocks, xLine, dyLine, row, xPixel, dyPixel, column] =
    Array.from({ length: 10 }, (_, index) => 12 + index) as Ten;
  const dyValues = [22, 23] as const;
  const totals = Array.from({ length: block.in * dyValues.length }, (_, index) => 24 + index);
  const total = (i: number, half: number): number => totals[i * dyValues.length + half]!;
  const inChannels = Array.from({ length: block.in }, (_, index) => index);

  const pixel = [
    ...dyValues.flatMap((values, half) => asm.set(values, asm.load(dyPixel, 16 * half))),
    ...inChannels.flatMap((i) =>
      dyValues.flatMap((values, half) => {
        const term = asm.product(asm.loadSplat(xPixel, floatBytes * i), asm.get(values));
        return asm.set(total(i, half), asm.sum(asm.get(total(i, half)), term));
      }),
    ),
  ];
  const addToOut = inChannels.flatMap((i) => [
    ...dyValues.flatMap((_, half) => {
      const value = asm.sum(asm.load(outBlock, 16 * half), asm.get(total(i, half)));
      return asm.store(outBlock, 16 * half, value);
    }),
    ...asm.advance(outBlock, outRow),
  ]);
  const body = asm.countDown(
    inBlocks,
    asm.set(blocks, asm.get(outBlocks)),
    asm.set(dyBlock, asm.get(dy)),
    asm.set(outStart, asm.get(out)),
    asm.countDown(
      blocks,
      ...totals.map((local) => asm.set(local, asm.zero)),
      asm.set(row, asm.get(rows)),
      asm.set(xLine, asm.get(x)),
      asm.set(dyLine, asm.get(dyBlock)),
      asm.countDown(
        row,
        asm.set(column, asm.get(columns)),
        asm.set(xPixel, asm.get(xLine)),
        asm.set(dyPixel, asm.get(dyLine)),
        asm.countDown(column, pixel, asm.advance(xPixel, xColumn), asm.advance(dyPixel, dyColumn)),
        asm.advance(xLine, xRow),
        asm.advance(dyLine, dyRow),
      ),
      asm.set(outBlock, asm.get(outStart)),
      addToOut,
      asm.increase(dyBlock, block.out * floatBytes),
      asm.increase(outStart, block.out * floatBytes),
    ),
    asm.increase(x, block.in * floatBytes),
    ...inChannels.map(() => asm.advance(out, outRow)),
  );
  return { parameters: 12, integers: 10, vectors: 2 + totals.length, body };
}

type Ten = [number, number, number, number, number, number, number, number, number, number];
type Twelve = [...Ten, number, number];

const functions = new WeakMap<WasmBackend, Run | null>();

/** The function on the backend's own memory; null where that, or SIMD, is not to be had. */
function functionOf(backend: WasmBackend): Run | null {
  const known = functions.get(backend);
  if (known !== undefined) return known;
  const memory = backend.wasm?.asm?.memory;
  let run: Run | null = null;
  if (memory !== undefined) {
    try {
      const module = new WebAssembly.Module(assembled());
      const { exports } = new WebAssembly.Instance(module, { host: { memory } });
      run = exports['run'] as Run;
    } catch {
      run = null; // an engine without SIMD, or a memory that is shared
    }
  }
  functions.set(backend, run);
  return run;
}

function assembled(): Uint8Array<ArrayBuffer> {
  return asm.assemble(source());
}

/**
 * Gradient of a convolution with respect to its filter, by one loop nest of our own on the heap of
 * the WASM backend.
 *
 * @param x  [n, h, w, in]
 * @param dy [n, oh, ow, out]
 * @returns [kh, kw, in, out]; null where the loop nest cannot run
 */
export function filterGradient(
  calls: Composition,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  geometry: Geometry,
): tf.TensorInfo | null {
  const run = functionOf(calls.backend);
  if (run === null) return null;
  const { rows, columns, inChannels, outChannels } = geometry;
  const taps = rows.kernel * columns.kernel;
  const blocks = {
    in: Math.ceil(inChannels / block.in),
    out: Math.ceil(outChannels / block.out),
  };
  const padded = { in: blocks.in * block.in, out: blocks.out * block.out };
  const sums = calls.zeros([taps, padded.in, padded.out]);
  return sums;
}
void valuesOf;
export type { Axis };
