/**
 * A staged copy of tfjs-node: reading its manifest, and loading it into the project's TensorFlow.js
 * without tfjs-node's own entry point, which would ask for its install-time dependencies.
 */
'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { format } = require('./places.cjs');

/**
 * @typedef {object} Manifest
 * @property {string} format
 * @property {string} key the cache entry that this is a copy of
 * @property {string} tensorflow version reported by the library itself, e.g. '2.21.0'
 * @property {string} binding path of the native add-on, relative to the folder
 */

const manifestName = 'secateur.json';

/** Beside a binding that was built here: the add-on that quiets TensorFlow's start. */
const quietName = 'quiet.node';

/**
 * The manifest of the copy in `folder`, or null where there is no complete copy of this format:
 * the file missing or unreadable, the binding gone, or its libraries gone (a deleted cache).
 *
 * @param {string} folder
 * @returns {Manifest | null}
 */
function readManifest(folder) {
  try {
    const text = fs.readFileSync(path.join(folder, manifestName), 'utf8');
    const manifest = /** @type {Manifest} */ (JSON.parse(text));
    const whole =
      manifest.format === format &&
      fs.existsSync(path.join(folder, manifest.binding)) &&
      fs.existsSync(path.join(folder, 'deps', 'lib')); // follows the link into the cache
    return whole ? manifest : null;
  } catch {
    return null;
  }
}

/**
 * Marks `folder` as complete; written last.
 *
 * @param {string} folder
 * @param {Manifest} manifest
 */
function writeManifest(folder, manifest) {
  fs.writeFileSync(path.join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Gives `node:util` the two functions of its past that tfjs-node 4.22 calls: Node 23 removed them,
 * and Node 22 complains when they are called. It has to run before tfjs-node is loaded.
 */
function restoreUtil() {
  const util = /** @type {Record<string, unknown>} */ (
    /** @type {unknown} */ (require('node:util'))
  );
  util['isNullOrUndefined'] = (/** @type {unknown} */ value) =>
    value === null || value === undefined;
  util['isArray'] = Array.isArray;
}

/**
 * Registers the copy in `folder` as the backend 'tensorflow' of the TensorFlow.js that `folder`
 * sees (the project's). It becomes the active one only through `tf.setBackend('tensorflow')`.
 *
 * @param {string} folder
 * @param {string} binding path of the add-on, relative to `folder`
 * @returns {string} TensorFlow's version
 * @throws {Error} where the add-on or its libraries cannot be loaded; nothing is registered then
 */
function loadStaged(folder, binding) {
  const load = createRequire(path.join(folder, 'package.json'));
  const quiet = path.join(folder, path.dirname(binding), quietName);
  if (fs.existsSync(quiet)) load(quiet);
  const addon = load(path.join(folder, binding));
  const tf = load('@tensorflow/tfjs');
  // Kernels call whatever backend is named 'tensorflow'; a second set would only cause warnings.
  if (tf.getKernelsForBackend('tensorflow').length === 0) load('./dist/register_all_kernels');
  const { NodeJSKernelBackend } = load('./dist/nodejs_kernel_backend');
  tf.registerBackend(
    'tensorflow',
    () => new NodeJSKernelBackend(addon, '@tensorflow/tfjs-node'),
    3,
  );
  return addon.TF_Version;
}

module.exports = { loadStaged, manifestName, quietName, readManifest, restoreUtil, writeManifest };
