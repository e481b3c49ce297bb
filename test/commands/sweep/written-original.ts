/** Writes networks as others do: by plain tfjs, in its own words or in those of Keras 3, in one file or two. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { inKeras3 } from '../../formats/keras/keras3';
import type { LooseModel, LooseModelJson } from '../../formats/tfjs/model-folders';

/** How a network is written. */
export interface Dialect {
  readonly isKeras3: boolean;
  /** Weight files. */
  readonly shards: 1 | 2;
}

/** Writes a network into a new folder, with what `tf.LayersModel.save` says of it; answers its model.json. */
export async function writeOriginal(
  model: tf.LayersModel,
  folder: string,
  { isKeras3, shards }: Dialect,
): Promise<string> {
  const saved = await artifactsOf(model);
  const plain = saved.json.modelTopology;
  const { json, weights } = isKeras3
    ? inKeras3(saved)
    : { json: saved.json, weights: saved.weights };
  fs.mkdirSync(folder, { recursive: true });
  const middle = shards === 1 ? weights.length : Math.floor(weights.length / 8) * 4;
  const parts = [weights.subarray(0, middle), weights.subarray(middle)].slice(0, shards);
  const paths = parts.map((_, index) => `group1-shard${index + 1}of${shards}.bin`);
  parts.forEach((part, index) => {
    fs.writeFileSync(path.join(folder, paths[index]!), part);
  });
  const whole: LooseModelJson = {
    ...json,
    weightsManifest: [{ ...json.weightsManifest[0]!, paths }],
  };
  const file = path.join(folder, 'model.json');
  fs.writeFileSync(file, JSON.stringify(whole));
  // What plain tfjs itself can read of it.
  if (isKeras3) writePlainTwin(folder, { ...whole, modelTopology: plain });
  return file;
}

/** The folder in which plain tfjs finds a network that was written. */
export function plainFolder(folder: string): string {
  const twin = path.join(folder, 'plain');
  return fs.existsSync(twin) ? twin : folder;
}

function writePlainTwin(folder: string, json: LooseModelJson): void {
  const twin = path.join(folder, 'plain');
  fs.mkdirSync(twin);
  fs.writeFileSync(path.join(twin, 'model.json'), JSON.stringify(json));
  for (const { paths } of json.weightsManifest) {
    for (const name of paths) fs.linkSync(path.join(folder, name), path.join(twin, name));
  }
}

async function artifactsOf(model: tf.LayersModel): Promise<LooseModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      saved = artifacts;
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }); // prettier-ignore
    }),
  );
  const { modelTopology, weightSpecs, weightData } = saved!;
  const json = {
    format: 'layers-model',
    modelTopology: JSON.parse(JSON.stringify(modelTopology)) as object,
    weightsManifest: [{ paths: [], weights: weightSpecs }],
  } as unknown as LooseModelJson;
  return { json, weights: Buffer.from(weightData as ArrayBuffer) };
}
