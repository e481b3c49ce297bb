/**
 * Makes the native engine ready when the package is installed. It never fails an install: where the
 * engine cannot be had it says why in one line, and the WASM engine serves.
 *
 * `SECATEUR_NATIVE=off` skips it; `SECATEUR_CACHE` moves the cache; `TF_DIR` names an unpacked
 * TensorFlow to build against; `TFJS_NODE_BASE_URI` and `TFJS_NODE_CDN_STORAGE` move the official
 * download, as they do for tfjs-node itself.
 */
'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { buildEntry, entryFolder, stage } = require('./cache.cjs');
const { installOfficial, officialObstacle } = require('./official.cjs');
const places = require('./places.cjs');
const { tryEngine } = require('./smoke.cjs');
const { readManifest } = require('./staged.cjs');
const { buildFromFolder, buildFromWheel, buildNeeds } = require('./wheel.cjs');

/** @typedef {import('./smoke.cjs').Smoke} Smoke */

/**
 * Makes an engine ready, by the cheapest way that works.
 *
 * @param {(line: string) => void} say takes a line of progress, before anything that takes long
 * @returns {Promise<Smoke>}
 * @throws {Error} whose message is the reason where there is none
 */
async function makeReady(say) {
  const present = installedEngine() ?? stagedEngine();
  if (present) return present;
  const cached = cachedEntry();
  if (cached) {
    try {
      return await stageFrom(cached);
    } catch {
      // Damaged: built anew.
    }
  }
  return stageFrom(await build(say));
}

/**
 * @param {string} entry folder of a cache entry
 * @returns {Promise<Smoke>} once a copy of it is in its place and works; else there is no copy
 */
async function stageFrom(entry) {
  const target = places.nativeFolder();
  await stage(entry, target);
  try {
    return tryStaged(target);
  } catch (error) {
    fs.rmSync(target, { recursive: true }); // an engine that fails would be tried at every start
    throw error;
  }
}

/** @returns {Smoke | null} the engine that the user installed, if it works */
function installedEngine() {
  const load = createRequire(path.join(places.packageRoot(), 'package.json'));
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      load.resolve(name);
      return tryEngine(name);
    } catch {
      // Not installed, or without its add-on.
    }
  }
  return null;
}

/** @returns {Smoke | null} the copy staged earlier, if it is one that is wanted and works */
function stagedEngine() {
  const folder = places.nativeFolder();
  const manifest = readManifest(folder);
  if (!manifest || !places.wantedKeys().includes(manifest.key)) return null;
  try {
    return tryStaged(folder);
  } catch {
    return null; // staged anew below
  }
}

/** @returns {string | null} the folder of the best complete cache entry */
function cachedEntry() {
  const folders = places.wantedKeys().map((key) => entryFolder(places.cacheRoot(), key));
  return folders.find((folder) => readManifest(folder) !== null) ?? null;
}

/**
 * Builds a cache entry: against `$TF_DIR` where that is set, else the official binary, else against
 * the pinned wheel.
 *
 * @param {(line: string) => void} say
 * @returns {Promise<string>} its folder
 */
async function build(say) {
  const tensorflow = process.env['TF_DIR'];
  if (tensorflow) {
    requireTools();
    say(`building the native engine against ${tensorflow}`);
    return entryFrom(places.folderKey(tensorflow), (folder) => buildFromFolder(folder, tensorflow));
  }
  const official = await buildOfficial(say);
  if (official.entry) return official.entry;
  try {
    requireTools();
  } catch (error) {
    throw new Error(`${official.reason}, and ${messageOf(error)}`);
  }
  say(`fetching TensorFlow ${places.wheelVersion} (about 270 MB, once for each user) and building`);
  return entryFrom(places.wheelKey(), buildFromWheel);
}

/**
 * @param {(line: string) => void} say
 * @returns {Promise<{ entry: string | null, reason: string }>}
 */
async function buildOfficial(say) {
  const obstacle = await officialObstacle();
  if (obstacle) return { entry: null, reason: obstacle };
  say('fetching the official binary of @tensorflow/tfjs-node (once for each user)');
  try {
    return { entry: await entryFrom(places.officialKey(), installOfficial), reason: '' };
  } catch (error) {
    return { entry: null, reason: `the official binary failed (${messageOf(error)})` };
  }
}

function requireTools() {
  const { unsupported, missing } = buildNeeds();
  if (unsupported) throw new Error(unsupported);
  if (missing.length > 0) throw new Error(`building one needs ${missing.join(' and ')}`);
}

/**
 * @param {string} key
 * @param {(folder: string) => Promise<string>} make
 * @returns {Promise<string>} the folder of an entry that has been tried
 */
function entryFrom(key, make) {
  return buildEntry(places.cacheRoot(), key, async (folder) => {
    const binding = await make(folder);
    return { binding, tensorflow: tryEngine(folder, binding).tensorflow };
  });
}

/**
 * @param {string} folder a staged copy
 * @returns {Smoke}
 */
function tryStaged(folder) {
  const manifest = readManifest(folder);
  if (!manifest) throw new Error(`${folder} is not complete`);
  return tryEngine(folder, manifest.binding);
}

/**
 * @param {unknown} error
 * @returns {string} its message, on one line
 */
function messageOf(error) {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ');
}

/** @returns {Promise<string>} the line that says which engine is ready */
async function outcome() {
  const mend = `To mend it: ${places.doctorCommand()}`;
  if (process.env['SECATEUR_NATIVE'] === 'off') {
    return `native engine skipped (SECATEUR_NATIVE=off); WASM is used. ${mend}`;
  }
  try {
    const { tensorflow, device } = await makeReady(print);
    return `native engine ready: TensorFlow ${tensorflow} on ${device}`;
  } catch (error) {
    return `no native engine (${messageOf(error)}); WASM is used, several times slower. ${mend}`;
  }
}

/** @param {string} line */
function print(line) {
  console.log(`secateur: ${line}`);
}

if (require.main === module) {
  outcome().then(print, (error) => {
    print(`no native engine (${messageOf(error)}); WASM is used, several times slower`);
  });
}
