import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { harden } from '../../../surgery';
import { SPARSE_FILE, sparseWeights, writeModel } from '../../../formats';
import { ChannelGraph } from '../../../graph';
import { randomKeep } from '../../graph/networks';
import { expectClose } from '../../tensors';
import { functionalModel, nestedModel, scratchFolder } from '../tfjs/model-folders';
import { compileInto, projectFolder } from '../../compiled';
import { mobileNetV2Like, residualBlock, separableNet } from '../../surgery/pruned-models';

/** Where Debian's package `chromium` puts it. */
const executablePath = '/usr/bin/chromium';
const isHere = fs.existsSync(executablePath);
const why = isHere ? '' : ` (skipped: no ${executablePath}; apt-get install chromium)`;

const scratch = scratchFolder();
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

function hardened(make: () => tf.LayersModel): tf.LayersModel {
  const model = make();
  const graph = ChannelGraph.of(model);
  return harden({ model, graph }, randomKeep(graph, 5));
}

/** Networks by folder, and what they compute here. */
const makers: Readonly<Record<string, () => tf.LayersModel>> = {
  residual: () => hardened(residualBlock),
  separable: () => hardened(separableNet),
  inverted: () => hardened(mobileNetV2Like),
  functional: functionalModel,
  nested: nestedModel,
};

/** Loads a network in the page and answers with its output. */
const predict = `async ({ backend, folder, shape, values }) => {
  if (!(await tf.setBackend(backend))) throw new Error('no backend ' + backend);
  const model = await tf.loadLayersModel('/' + folder + '/model.json');
  const x = tf.tensor(values, shape);
  const y = model.predict(x);
  const output = Array.from(await y.data());
  tf.dispose([x, y]);
  model.dispose();
  return { output, backend: tf.getBackend() };
}`;

/** The same by the compressed weight file: `loadSparse` as docs/sparse.md prints it. */
const predictSparse = predict
  .replace("tf.loadLayersModel('/' + folder + '/model.json')", "loadSparse('/' + folder)")
  .replace('=> {', "=> { const { loadSparse } = await import('/load-sparse.js');");

/** Modules as a bundler would make them of ours and of the code that docs/sparse.md prints. */
function writeSparseModules(): void {
  const text = fs.readFileSync(path.join(projectFolder, 'docs', 'sparse.md'), 'utf8');
  const [, printed] = /as printed -->\n\n```js\n(.*?)```/s.exec(text)!;
  const loader = 'formats/sparse/sparse-unpack';
  compileInto(scratch, [loader], 'es');
  fs.writeFileSync(
    path.join(scratch, 'load-sparse.js'),
    printed!.replace('secateur/sparse', `./${loader}.js`) + 'export { loadSparse };',
  );
}

interface Answer {
  readonly output: number[];
  readonly backend: string;
}

/** Serves a folder to this machine alone. */
async function serve(folder: string): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    const file = path.join(folder, path.normalize(new URL(request.url!, 'http://x').pathname));
    const body = fs.existsSync(file) && fs.statSync(file).isFile() ? fs.readFileSync(file) : null;
    const type = types[path.extname(file)] ?? 'application/octet-stream';
    response.writeHead(body ? 200 : 404, { 'content-type': type });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe.skipIf(!isHere)(`an export in Chromium${why}`, () => {
  let server: http.Server | undefined;
  let browser: Browser | undefined;
  let page: Page;
  const inputs = new Map<string, { shape: number[]; values: number[] }>();
  const outputs = new Map<string, number[]>();

  beforeAll(async () => {
    await tf.setBackend('cpu');
    const modules = path.join(projectFolder, 'node_modules', '@tensorflow');
    for (const [from, names] of [
      ['tfjs/dist', ['tf.min.js']],
      ['tfjs-backend-wasm/dist', ['tf-backend-wasm.min.js', 'tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm', 'tfjs-backend-wasm-threaded-simd.wasm']], // prettier-ignore
    ] as const) {
      for (const name of names) {
        fs.copyFileSync(path.join(modules, from, name), path.join(scratch, name));
      }
    }
    const scripts = ['tf.min.js', 'tf-backend-wasm.min.js'];
    const html = scripts.map((name) => `<script src="/${name}"></script>`).join('');
    fs.writeFileSync(path.join(scratch, 'index.html'), `<!doctype html><title>t</title>${html}`);
    writeSparseModules();
    for (const [folder, make] of Object.entries(makers)) {
      const model = make();
      const extras = { [SPARSE_FILE]: sparseWeights(model) };
      await writeModel(model, path.join(scratch, folder), extras);
      const shape = [2, ...(model.inputs[0]!.shape.slice(1) as number[])];
      const values = Array.from({ length: tf.util.sizeFromShape(shape) }, (_, at) =>
        Math.fround(Math.sin(at)),
      );
      inputs.set(folder, { shape, values });
      const output = tf.tidy(() => model.predict(tf.tensor(values, shape)) as tf.Tensor);
      outputs.set(folder, [...output.dataSync()]);
      output.dispose();
    }
    server = await serve(scratch);
    browser = await chromium.launch({
      executablePath,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function inPage(folder: string, backend: string, code = predict): Promise<Answer> {
    const given = JSON.stringify({ folder, backend, ...inputs.get(folder)! });
    return page.evaluate<Answer>(`(${code})(${given})`);
  }

  it.each(Object.keys(makers))(
    'computes on cpu bit for bit what it does in Node: %s',
    async (folder) => {
      const { output, backend } = await inPage(folder, 'cpu');
      expect(backend).toBe('cpu');
      expect(output).toEqual(outputs.get(folder));
    },
  );

  it.each(Object.keys(makers))(
    'computes the same on cpu from its compressed weight file: %s',
    async (folder) => {
      const { output } = await inPage(folder, 'cpu', predictSparse);
      expect(output).toEqual(outputs.get(folder));
    },
  );

  it.each(['wasm', 'webgl'])('computes the same on %s where that starts', async (name) => {
    const starts = await page.evaluate<boolean>(
      `tf.setBackend('${name}').then((here) => here, () => false)`,
    );
    if (!starts) {
      process.stderr.write(`${name} does not start in this Chromium: not compared\n`);
      expect(name).toBe('webgl'); // WebAssembly needs nothing but the browser
      return;
    }
    for (const folder of Object.keys(makers)) {
      const { output, backend } = await inPage(folder, name);
      expect(backend).toBe(name);
      expectClose(output, outputs.get(folder)!);
    }
  });
});
