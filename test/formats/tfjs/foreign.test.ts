import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ModelFileError, readModel, writeModel } from '../../../formats';
import { disposeWeights } from '../../../layers/build-model';
import { functionalModel, scratchFolder } from './model-folders';

const scratch = scratchFolder();
const folder = path.join(scratch, 'run', 'export');

beforeAll(async () => {
  await tf.setBackend('cpu');
  fs.mkdirSync(path.dirname(folder));
  const model = functionalModel();
  await writeModel(model, folder);
  disposeWeights(model);
});

async function reasonFor(given: string): Promise<string> {
  const error = await readModel(given).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ModelFileError);
  return (error as ModelFileError).reason;
}

/** Local file headers of a zip archive, which is what its first bytes are. */
function zipOf(...names: string[]): Buffer {
  const headers = names.map((name) => {
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50);
    header.writeUInt16LE(name.length, 26);
    return Buffer.concat([header, Buffer.from(name)]);
  });
  return Buffer.concat(headers);
}

describe('a file of another kind is known by its content and told what to do', () => {
  const bytes = (...values: number[]): Buffer => Buffer.from(values);
  const text = (words: string): Buffer => Buffer.from(words);
  const json = (value: object): Buffer => text(JSON.stringify(value));
  it.each<[string, Buffer, RegExp]>([
    ['nothing', bytes(), /^it is empty$/],
    [
      '.h5',
      Buffer.from('\x89HDF\r\n\x1a\n\0\0', 'latin1'),
      /Keras or HDF5 file.*tensorflowjs_converter/,
    ],
    [
      '.keras',
      zipOf('metadata.json', 'config.json'),
      /Keras file \(\.keras\).*tensorflowjs_converter/,
    ],
    ['.pt', zipOf('archive/data.pkl'), /PyTorch file/],
    ['.pth of old', bytes(0x80, 2, 0x8a, 10), /PyTorch or pickle file/],
    ['.zip', zipOf('model.json'), /zip archive: unpack it/],
    ['.gz', bytes(0x1f, 0x8b, 8), /gzip/],
    ['.tflite', Buffer.from('\x1c\0\0\0TFL3', 'latin1'), /TensorFlow Lite file/],
    ['.onnx', Buffer.from('\x08\x08\x12\x07pytorch', 'latin1'), /ONNX file/],
    ['saved_model.pb', Buffer.from('\x08\x01\x12\x80\x01', 'latin1'), /SavedModel/],
    [
      'frozen .pb',
      Buffer.from('\x0a\x20\x0a\x05input\x12\x0bPlaceholder', 'latin1'),
      /frozen TensorFlow graph/,
    ],
    ['LFS pointer', text('version https://git-lfs.github.com/spec/v1\noid'), /git lfs pull/],
    ['HTML', text('<!DOCTYPE html>'), /a web page/],
    ['.bin', bytes(0, 0, 0x80, 0x3f), /it is not JSON but bytes, such as a weight file/],
    [
      'GraphModel',
      json({ format: 'graph-model', modelTopology: { node: [] } }),
      /GraphModel.*tfjs_layers_model/,
    ],
    [
      'GraphModel without a format',
      json({ modelTopology: { node: [] }, weightsManifest: [] }),
      /GraphModel/,
    ],
    ['config', json({ class_name: 'Sequential', config: {} }), /config without weights/],
    ['topology alone', json({ modelTopology: {} }), /it says nothing of weights/],
  ])('%s', async (_, content, reason) => {
    const file = path.join(scratch, 'foreign');
    fs.writeFileSync(file, content);
    expect(await reasonFor(file)).toMatch(reason);
  });

  it('however large it is', async () => {
    const file = path.join(scratch, 'large');
    fs.writeFileSync(file, '\x89HDF\r\n\x1a\n', 'latin1');
    fs.truncateSync(file, 2 ** 40); // sparse
    expect(await reasonFor(file)).toContain('Keras or HDF5 file');
  });

  it('a folder without a model.json, a SavedModel, an address', async () => {
    const saved = path.join(scratch, 'saved');
    fs.mkdirSync(saved);
    expect(await reasonFor(saved)).toBe('it is a folder without a model.json');
    fs.writeFileSync(path.join(saved, 'saved_model.pb'), '');
    expect(await reasonFor(saved)).toContain('it is a TensorFlow SavedModel');
    expect(await reasonFor('https://example.org/model.json')).toContain('it must be a file');
  });
});

describe('a model.json is found', () => {
  afterEach(() => vi.unstubAllEnvs());

  const expectRead = async (given: string): Promise<void> => {
    const model = await readModel(given);
    expect(model.name).toBe('functional');
    disposeWeights(model);
  };

  it('by its folder, and by the folder of a run that exported it', async () => {
    await expectRead(folder);
    await expectRead(path.dirname(folder));
  });

  it('by a file:// address, absolute or relative', async () => {
    await expectRead(pathToFileURL(path.join(folder, 'model.json')).href);
    const relative = path.relative(process.cwd(), path.join(folder, 'model.json'));
    await expectRead(`file://${relative}`);
  });

  it('behind ~/', async () => {
    vi.stubEnv('HOME', scratch);
    expect(os.homedir()).toBe(scratch);
    await expectRead('~/run/export/model.json');
    await expectRead('~/run');
  });

  it('with a byte order mark', async () => {
    const marked = path.join(scratch, 'marked');
    fs.cpSync(folder, marked, { recursive: true });
    const file = path.join(marked, 'model.json');
    fs.writeFileSync(file, `\ufeff${fs.readFileSync(file, 'utf8')}`);
    await expectRead(file);
  });
});
