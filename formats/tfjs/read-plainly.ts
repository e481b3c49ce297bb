import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { FileLayer } from '../../files';
import { formatCatalogue } from '../catalogue';
import { MODEL_JSON_LIMIT } from './model-json';

/** A network as a user's program opens it, and the files that it was made of. */
export interface PlainlyRead {
  /** Of a fresh graph; the caller owns it. */
  readonly model: tf.LayersModel;
  readonly json: Buffer;
  /** The bytes of all weights. */
  readonly data: Uint8Array;
  readonly entries: readonly tf.io.WeightsManifestEntry[];
}

/** The parts of a model.json of our own that tfjs asks for. */
interface WrittenJson {
  readonly modelTopology: object;
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: tf.io.WeightsManifestEntry[];
  }[];
}

/**
 * Opens an export as any program with tfjs does: `tf.loadLayersModel` on the bytes of its files.
 *
 * Unlike `readModel` it translates and checks nothing: it is for files that this project wrote.
 *
 * @throws whatever tfjs says of them.
 */
export async function readPlainly(folder: string, files: FileLayer): Promise<PlainlyRead> {
  const json = await files.read(path.join(folder, formatCatalogue.tfjs.file), MODEL_JSON_LIMIT);
  const { modelTopology, weightsManifest } = JSON.parse(json.toString('utf8')) as WrittenJson;
  const parts: Buffer[] = [];
  for (const name of weightsManifest.flatMap(({ paths }) => paths)) {
    parts.push(await files.read(path.join(folder, name), Infinity));
  }
  const data = new Uint8Array(Buffer.concat(parts)); // a buffer of its own, of just these bytes
  const entries = weightsManifest.flatMap(({ weights }) => weights);
  const artifacts = { modelTopology, weightSpecs: entries, weightData: data.buffer };
  const model = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
  return { model, json, data, entries };
}
