import * as tf from '@tensorflow/tfjs';
import * as asm from './assembler';
import { view } from './composition';
import type { Composition } from './composition';
import type { Axis, Geometry } from './convolution-geometry';

/** Channels of x, and of dy, whose products one pass over the pixels sums in registers. */
const block = { in: 4, out: 8 };

/** Bytes of x and dy that one call reads: they stay in the first-level cache for all its passes. */
const cached = 24 * 1024;

const floatBytes = 4;

/** Parameters of the function, all i32: addresses and distances in bytes, the others counts. */
const parameters = [
  'x',
  'dy',
  'out',
  'rows',
  'columns',
  'inBlocks',
  'outBlocks',
  'xRow',
  'xPixel',
  'dyRow',
  'dyPixel',
  'outRow',
] as const;

type Run = (...values: number[]) => void;

/**
 * out[i][o] += sum over pixels of x[pixel][i] * dy[pixel][o], for all blocks of channels.
 *
 * Neither operand is transposed or packed, on which a forward convolution of the WASM backend spends
 * up to half its time when it serves as a filter gradient.
 */
function source(): asm.FunctionSource {
  const p = asm.numberNames(parameters, 0);
  const l = asm.numberNames(integers, parameters.length);
  const v = asm.numberNames(vectors, parameters.length + integers.length);
  const body = asm.countDown(
    p.inBlocks,
    asm.set(l.block, asm.get(p.outBlocks)),
    asm.set(l.dyBlock, asm.get(p.dy)),
    asm.set(l.outBlock, asm.get(p.out)),
    asm.countDown(
      l.block,
      ...totals.map((total) => asm.set(v[total], asm.zero)),
      asm.set(l.row, asm.get(p.rows)),
      asm.set(l.xLine, asm.get(p.x)),
      asm.set(l.dyLine, asm.get(l.dyBlock)),
      asm.countDown(
        l.row,
        asm.set(l.x, asm.get(l.xLine)),
        asm.set(l.dy, asm.get(l.dyLine)),
        asm.set(l.pixel, asm.get(p.columns)),
        asm.countDown(
          l.pixel,
          addPixel(),
          asm.advance(l.x, p.xPixel),
          asm.advance(l.dy, p.dyPixel),
        ),
        asm.advance(l.xLine, p.xRow),
        asm.advance(l.dyLine, p.dyRow),
      ),
      addTotals(),
      asm.increase(l.dyBlock, block.out * floatBytes),
      asm.increase(l.outBlock, block.out * floatBytes),
    ),
    asm.increase(p.x, block.in * floatBytes),
    ...inChannels.map(() => asm.advance(p.out, p.outRow)),
  );
  return {
    parameters: parameters.length,
    integers: integers.length,
    vectors: vectors.length,
    body,
  };

  function addPixel(): asm.Code {
    return [
      ...asm.set(v.dyLow, asm.load(l.dy, 0)),
      ...asm.set(v.dyHigh, asm.load(l.dy, vectorBytes)),
      ...inChannels.flatMap((i) => [
        ...asm.set(v.xValue, asm.loadSplat(l.x, floatBytes * i)),
        ...addProduct(v[`low${i}`], v.dyLow),
        ...addProduct(v[`high${i}`], v.dyHigh),
      ]),
    ];
  }

  function addProduct(total: number, values: number): asm.Code {
    const term = asm.product(asm.get(v.xValue), asm.get(values));
    return asm.set(total, asm.sum(asm.get(total), term));
  }

  function addTotals(): asm.Code {
    const add = (offset: number, total: number): asm.Code =>
      asm.store(l.outLine, offset, asm.sum(asm.load(l.outLine, offset), asm.get(total)));
    return [
      ...asm.set(l.outLine, asm.get(l.outBlock)),
      ...inChannels.flatMap((i) => [
        ...add(0, v[`low${i}`]),
        ...add(vectorBytes, v[`high${i}`]),
        ...asm.advance(l.outLine, p.outRow),
      ]),
    ];
  }
}

const vectorBytes = 16;
const integers = [
  'block',
  'dyBlock',
  'outBlock',
  'outLine',
  'row',
  'xLine',
  'dyLine',
  'pixel',
  'x',
  'dy',
] as const;
const inChannels = [0, 1, 2, 3] as const;
const totals = inChannels.flatMap((i) => [`low${i}`, `high${i}`] as const);
const vectors = [...totals, 'dyLow', 'dyHigh', 'xValue'] as const;

/** What is used here of the global of that name, which the compiler's library does not declare. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
};

const functions = new WeakMap<object, Run | null>();

/** The function on this memory; null where the engine has no SIMD, or the memory is shared. */
function functionOn(memory: object): Run | null {
  const known = functions.get(memory);
  if (known !== undefined) return known;
  let run: Run | null = null;
  try {
    const module = new WebAssembly.Module(asm.assemble(source()));
    run = new WebAssembly.Instance(module, { host: { memory } }).exports.run as Run;
  } catch {
    // The caller has another way.
  }
  functions.set(memory, run);
  return run;
}

/**
 * Gradient of a convolution with respect to its filter, by a vectorised loop nest of our own on the
 * heap of the WASM backend.
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
  const memory = calls.backend.wasm?.asm?.memory;
  const run = memory && functionOn(memory);
  if (!memory || !run) return null;
  const { rows, columns, inChannels, outChannels } = geometry;
  const inBlocks = Math.ceil(inChannels / block.in);
  const outBlocks = Math.ceil(outChannels / block.out);
  const shape = [rows.kernel * columns.kernel, inBlocks * block.in, outBlocks * block.out];
  const sums = calls.zeros(shape);
  const [xStart, dyStart, outStart] = [x, dy, sums].map(({ dataId }) =>
    calls.backend.getMemoryOffset(dataId),
  ) as [number, number, number];
  // The last block may read channels that are not there; what it makes of them is cut off below.
  const overhang = block.out * floatBytes;
  const end = Math.max(xStart + bytesOf(x), dyStart + bytesOf(dy)) + overhang;
  if (end > memory.buffer.byteLength) return null;

  const xPixel = inChannels * floatBytes;
  const dyPixel = outChannels * floatBytes;
  const outRow = shape[2]! * floatBytes;
  for (const { image, row, column, tap } of piecesOf(geometry)) {
    const xIndex = (image * rows.input + row.input) * columns.input + column.input;
    const dyIndex = (image * rows.output + row.output) * columns.output + column.output;
    run(
      xStart + xIndex * xPixel,
      dyStart + dyIndex * dyPixel,
      outStart + tap * shape[1]! * outRow,
      row.count,
      column.count,
      inBlocks,
      outBlocks,
      rows.stride * columns.input * xPixel,
      columns.stride * xPixel,
      columns.output * dyPixel,
      dyPixel,
      outRow,
    );
  }
  return crop(calls, sums, [rows.kernel, columns.kernel, inChannels, outChannels]);
}

function bytesOf(tensor: tf.TensorInfo): number {
  return tf.util.sizeFromShape(tensor.shape) * floatBytes;
}

/** Outputs along one axis that meet the input with one kernel element. */
interface Span {
  /** First output, and the input that it meets. */
  readonly output: number;
  readonly input: number;
  readonly count: number;
}

interface Piece {
  readonly image: number;
  readonly row: Span;
  readonly column: Span;
  /** Index of the kernel element. */
  readonly tap: number;
}

/** All pairs of pixels that meet, in pieces small enough for the cache. */
function* piecesOf({ batch, rows, columns, inChannels, outChannels }: Geometry): Generator<Piece> {
  const rowBytes =
    (columns.input * rows.stride * inChannels + columns.output * outChannels) * floatBytes;
  const height = Math.max(1, Math.floor(cached / rowBytes));
  const taps = Array.from({ length: rows.kernel * columns.kernel }, (_, tap) => tap);
  for (let image = 0; image < batch; image++) {
    for (let top = 0; top < rows.output; top += height) {
      for (const tap of taps) {
        const row = spanOf(rows, Math.floor(tap / columns.kernel), top, top + height);
        const column = spanOf(columns, tap % columns.kernel, 0, columns.output);
        if (row.count > 0 && column.count > 0) yield { image, row, column, tap };
      }
    }
  }
}

/** Outputs in [from, to) whose input, for this kernel element, is not padding. */
function spanOf(axis: Axis, element: number, from: number, to: number): Span {
  const shift = element - axis.before; // input = output * stride + shift
  const first = Math.max(from, Math.ceil(-shift / axis.stride));
  const last = Math.min(to, axis.output, Math.floor((axis.input - 1 - shift) / axis.stride) + 1);
  return { output: first, input: first * axis.stride + shift, count: last - first };
}

/** [taps, blocks of in, blocks of out] without what the last blocks have too much. */
function crop(calls: Composition, sums: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  const [, , inChannels = 0, outChannels = 0] = shape;
  const [taps = 0, paddedIn, paddedOut] = sums.shape;
  if (paddedIn === inChannels && paddedOut === outChannels) return view(sums, shape);
  const size = [taps, inChannels, outChannels];
  return view(calls.run(tf.Slice, { x: sums }, { begin: [0, 0, 0], size }), shape);
}
