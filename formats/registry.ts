/** Who writes and who reads each form of the catalogue. */
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { readInput } from '../files';
import { disposeWeights, stock } from '../layers';
import { formatCatalogue, formatIds } from './catalogue';
import type { FormatId } from './catalogue';
import { onnxModel } from './onnx/onnx';
import { readSparse, sparseWeights } from './sparse/sparse';
import { readDigestCheck } from './tfjs/digests';
import type { Extras } from './tfjs/model-files';
import { readModel } from './tfjs/read-model';
import type { SourceBlock } from './typescript/block-tree';
import { typescriptSource } from './typescript/typescript-source';

/** What a writer may want to know of a network beside its layers. */
export interface WriteOptions {
  /** The blocks that source has functions for: `blockLayers` of the zoo. Default none. */
  readonly blocksOf?: (model: tf.LayersModel) => ReadonlyMap<string, SourceBlock>;
}

/** A form of a network on disk. */
export interface FileFormat {
  readonly id: FormatId;
  /** Its file in the folder of the network. */
  readonly file: string;
  /** Reads the network from this file and those beside it; the caller owns it. Missing: it is never read. */
  readonly read?: (file: string) => Promise<tf.LayersModel>;
  /** The content of a file beside model.json, of a stock network, which is borrowed. Missing: `writeModel` writes it. */
  readonly write?: (model: tf.LayersModel, options: WriteOptions) => string | Uint8Array;
}

/** The forms by their names. */
export const fileFormats = {
  tfjs: { id: 'tfjs', ...formatCatalogue.tfjs, read: readModel },
  typescript: {
    id: 'typescript',
    ...formatCatalogue.typescript,
    write: (model, { blocksOf }) => typescriptSource(model, { ...(blocksOf && { blocks: blocksOf(model) }) }), // prettier-ignore
  },
  onnx: { id: 'onnx', ...formatCatalogue.onnx, write: onnxModel },
  sparse: { id: 'sparse', ...formatCatalogue.sparse, read: readBeside, write: sparseWeights },
} as const satisfies { [Id in FormatId]: FileFormat & { readonly id: Id } };

/** The network of a compressed weight file and the model.json beside it. */
async function readBeside(file: string): Promise<tf.LayersModel> {
  const json = await readInput(path.join(path.dirname(file), formatCatalogue.tfjs.file));
  const bytes = await readInput(file, Infinity);
  const check = await readDigestCheck(file);
  check(formatCatalogue.tfjs.file, json);
  check(path.basename(file), bytes);
  return readSparse(bytes, json);
}

/**
 * The files beside model.json in which a stock network is written once more; it is borrowed.
 *
 * @throws {UnsupportedLayerError} naming a layer that a form cannot hold.
 * @throws {RangeError} when the network is too large for an ONNX file.
 * @throws {ModelFileError} when the weights cannot be compressed: one of them is not finite.
 */
export function writeForms(
  model: tf.LayersModel,
  forms: readonly FormatId[],
  options: WriteOptions = {},
): Extras {
  const writers = formatIds
    .filter((id) => forms.includes(id))
    .map((id): FileFormat => fileFormats[id]);
  const files = writers.flatMap(({ file, write }) =>
    write ? [[file, write(model, options)] as const] : [],
  );
  return Object.fromEntries(files);
}

/**
 * Refuses a network that a form cannot hold, before anything is spent on it; it is borrowed.
 *
 * @throws as `writeForms`.
 */
export function requireWritable(
  model: tf.LayersModel,
  forms: readonly FormatId[],
  options: WriteOptions = {},
): void {
  if (forms.every((id) => !('write' in fileFormats[id]))) return;
  const plain = stock(model);
  try {
    writeForms(plain, forms, options);
  } finally {
    disposeWeights(plain);
  }
}
