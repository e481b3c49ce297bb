import { DataError } from './data-error';

/** The images of one IDX file, pixels [count, height, width]: a view of the file's bytes, not a copy. */
export interface IdxImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/**
 * Reads IDX images: big-endian 0x00000803, count, height, width, then one byte per pixel, row by row.
 *
 * Source: LeCun, Cortes, Burges, "The MNIST database", file formats.
 *
 * @param bytes the whole file, decompressed.
 * @param file  its name, for messages.
 * @throws {DataError} on a wrong magic number, a size of zero or a length that the header does not promise.
 */
export function parseIdxImages(bytes: Uint8Array, file: string): IdxImages {
  const [count, height, width] = readWholeSizes(bytes, 3, file) as [number, number, number];
  return { count, height, width, pixels: bytes.subarray(16) };
}

/**
 * Reads IDX labels: big-endian 0x00000801, count, then one byte per label.
 *
 * @param classes number of classes; labels are in [0, classes).
 * @throws {DataError} as `parseIdxImages`, and on a label out of range.
 */
export function parseIdxLabels(bytes: Uint8Array, file: string, classes: number): Uint16Array {
  readWholeSizes(bytes, 1, file);
  return checkLabels(Uint16Array.from(bytes.subarray(8)), classes, file);
}

/**
 * Returns the labels if all are in [0, classes).
 *
 * @throws {DataError} with the first that is not.
 */
export function checkLabels(labels: Uint16Array, classes: number, file: string): Uint16Array {
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new DataError({
      file,
      expected: `labels 0 to ${classes - 1}`,
      found: `label ${labels[wrong]!} for image ${wrong}`,
    });
  }
  return labels;
}

/**
 * The sizes that the header of an IDX file promises, one for each axis, the number of images first.
 *
 * @param bytes the beginning of the file, decompressed.
 * @param rank  axes of the data: 3 of images, 1 of labels.
 * @throws {DataError} on a short header, a wrong magic number and a size that no data set has.
 */
export function readIdxSizes(bytes: Uint8Array, rank: number, file: string): number[] {
  const headerBytes = headerLength(rank);
  if (bytes.byteLength < headerBytes) {
    throw new DataError({
      file,
      expected: `an IDX header of ${headerBytes} bytes`,
      found: `${bytes.byteLength} bytes`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== 0x0800 + rank) {
    throw new DataError({
      file,
      expected: `IDX magic number ${hex(0x0800 + rank)} (uint8, ${rank} dimensions)`,
      found: hex(magic),
    });
  }
  const sizes = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const side = sizes.slice(1).find((size) => size > LONGEST_SIDE);
  if (side === undefined) return sizes;
  const expected = `images of at most ${LONGEST_SIDE} x ${LONGEST_SIDE}`;
  throw new DataError({ file, expected, found: `sizes ${sizes.join(' x ')}` });
}

/** Bytes of a whole IDX file of these sizes. */
export function idxLength(sizes: readonly number[]): number {
  return headerLength(sizes.length) + sizes.reduce((product, size) => product * size, 1);
}

/** Pixels; a header that asks for more is damaged, or means harm. */
const LONGEST_SIDE = 4_096;

function headerLength(rank: number): number {
  return 4 + 4 * rank;
}

/** As `readIdxSizes`, of a file that holds what its header promises. */
function readWholeSizes(bytes: Uint8Array, rank: number, file: string): number[] {
  const sizes = readIdxSizes(bytes, rank, file);
  const promised = idxLength(sizes);
  if (!sizes.includes(0) && promised === bytes.byteLength) return sizes;
  throw new DataError({
    file,
    expected: `${promised} bytes for its sizes ${sizes.join(' x ')}, all above 0`,
    found: `${bytes.byteLength} bytes`,
  });
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
