/**
 * Loads an engine in this process and computes one product with it: `node smoke.cjs FOLDER BINDING`
 * for a copy made by the set-up, `node smoke.cjs PACKAGE` for an installed package. Prints
 * `{ "tensorflow": "2.21.0", "device": "CPU" }` as its last line and exits 0, or fails.
 */
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const { npmFolder, packageRoot } = require('./places.cjs');
const { run } = require('./commands.cjs');
const { loadStaged, restoreUtil } = require('./staged.cjs');

/** @typedef {{ tensorflow: string, device: 'CPU' | 'GPU' }} Smoke */

/**
 * Tries an engine in a process of its own, which a crash of the library cannot harm.
 *
 * @param {readonly string[]} target folder and binding, or the name of a package
 * @returns {Smoke}
 * @throws {Error} with the reason where it does not load or computes something wrong
 */
function tryEngine(...target) {
  const output = run(process.execPath, [__filename, ...target], {
    seconds: 120,
    // A copy in the cache has no node_modules with TensorFlow.js above it.
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', NODE_OPTIONS: '', NODE_PATH: npmFolder() },
  });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '');
}

/**
 * @param {string} target
 * @param {string} [binding]
 * @returns {Promise<Smoke>}
 */
async function smoke(target, binding) {
  restoreUtil();
  const load = createRequire(path.join(packageRoot(), 'package.json'));
  if (binding) loadStaged(target, binding);
  else load(target);
  const tf = load('@tensorflow/tfjs');
  if (!(await tf.setBackend('tensorflow'))) throw new Error('the backend could not be initialised');
  // [1 2; 3 4] squared = [1+6 2+8; 3+12 6+16] = [7 10; 15 22]
  const matrix = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const product = Array.from(tf.matMul(matrix, matrix).dataSync()).join();
  if (product !== '7,10,15,22') throw new Error(`a 2 x 2 product gave ${product}`);
  const backend = tf.backend();
  return {
    tensorflow: backend.binding.TF_Version,
    device: backend.isUsingGpuDevice ? 'GPU' : 'CPU',
  };
}

if (require.main === module) {
  const [target = '', binding] = process.argv.slice(2);
  smoke(target, binding).then(
    (result) => console.log(JSON.stringify(result)),
    (error) => {
      console.error(`Error: ${error.message}`);
      process.exitCode = 1;
    },
  );
}

module.exports = { tryEngine };
