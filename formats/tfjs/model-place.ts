import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { errorCode } from '../../files';
import { plainPath } from '../../files/plain-path';
import { ModelFileError } from '../model-file-error';

/** Where a model.json may lie in a folder that stands for it: an export, a run. */
const inFolder = ['model.json', path.join('export', 'model.json')];

/**
 * The model.json that a caller means: a path, `~/` for the home folder, a `file://` address, a folder that
 * holds a model.json or the export of a run.
 *
 * @throws {ModelFileError} for a folder without one, and for an address of another kind.
 */
export async function modelPlace(given: string): Promise<string> {
  const file = pathOf(given);
  const status = await fs.stat(file).catch((error: unknown) => {
    if (errorCode(error) === undefined) throw error; // a name that no file can have
    return null; // whoever reads it says why it cannot
  });
  if (!status?.isDirectory()) return file;
  const names = new Set(await fs.readdir(file).catch((): string[] => []));
  for (const place of inFolder) {
    const isThere = await fs.stat(path.join(file, place)).then(
      (found) => found.isFile(),
      () => false,
    );
    if (isThere) return path.join(file, place);
  }
  const others = names.has('saved_model.pb')
    ? 'it is a TensorFlow SavedModel: load it in Keras, save it as .h5 and convert that with ' +
      'tensorflowjs_converter --output_format=tfjs_layers_model'
    : 'it is a folder without a model.json';
  throw new ModelFileError(given, others);
}

function pathOf(given: string): string {
  if (/^https?:\/\//i.test(given)) {
    throw new ModelFileError(
      given,
      'it must be a file: download the model.json with its weight files',
    );
  }
  return plainPath(given);
}
