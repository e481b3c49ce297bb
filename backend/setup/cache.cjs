/**
 * The cache of built engines, and the copies staged from it. A folder appears under its name only
 * when it is complete: it is built beside and renamed, so that an interrupted or a second set-up
 * never leaves, or meets, half of one.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { format } = require('./places.cjs');
const { manifestName, readManifest, writeManifest } = require('./staged.cjs');

/** Age after which a folder that an interrupted set-up left behind is removed, in milliseconds. */
const staleAfter = 6 * 3600 * 1000;

/**
 * @param {string} root the cache
 * @param {string} key
 * @returns {string} the folder of that entry, whether it exists or not
 */
function entryFolder(root, key) {
  return path.join(root, 'native', key);
}

/**
 * Builds the entry `key` with `fill` and puts it in its place.
 *
 * @param {string} root the cache
 * @param {string} key
 * @param {(folder: string) => Promise<{ tensorflow: string, binding: string }>} fill lays the
 *   engine out in an empty folder and says what it is
 * @returns {Promise<string>} the entry's folder; another set-up's, where that was faster
 */
async function buildEntry(root, key, fill) {
  const target = entryFolder(root, key);
  await replaceFolder(target, async (folder) => {
    writeManifest(folder, { format, key, ...(await fill(folder)) });
  });
  return target;
}

/**
 * Stages a copy of a cache entry: its JavaScript and add-on are copied, its libraries linked.
 *
 * @param {string} entry
 * @param {string} target replaced if it exists
 */
async function stage(entry, target) {
  await replaceFolder(target, async (folder) => {
    const libraries = path.join(entry, 'deps');
    fs.cpSync(entry, folder, {
      recursive: true,
      filter: (file) => file !== libraries && path.basename(file) !== manifestName,
    });
    fs.symlinkSync(libraries, path.join(folder, 'deps'), 'junction'); // a plain link but on Windows
    fs.copyFileSync(path.join(entry, manifestName), path.join(folder, manifestName));
  });
}

/**
 * Fills a temporary folder beside `target` and renames it to `target`.
 *
 * @param {string} target
 * @param {(folder: string) => Promise<void>} fill
 */
async function replaceFolder(target, fill) {
  const parent = path.dirname(target);
  fs.mkdirSync(parent, { recursive: true });
  removeStale(parent);
  const folder = fs.mkdtempSync(path.join(parent, '.building-'));
  try {
    fs.chmodSync(folder, 0o755); // mkdtemp's 0700 would lock a shared checkout's other users out
    await fill(folder);
    swapIn(folder, target);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder
 * @param {string} target
 */
function swapIn(folder, target) {
  const old = `${folder}-old`;
  if (fs.existsSync(target)) fs.renameSync(target, old);
  try {
    fs.renameSync(folder, target);
  } catch (error) {
    // Between the two renames another set-up put its own there, which serves as well.
    if (readManifest(target) === null) throw error;
  } finally {
    fs.rmSync(old, { recursive: true, force: true });
  }
}

/** @param {string} parent */
function removeStale(parent) {
  for (const name of fs.readdirSync(parent)) {
    const folder = path.join(parent, name);
    const stale = () => Date.now() - fs.statSync(folder).mtimeMs > staleAfter;
    if (name.startsWith('.building-') && stale()) {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
}

module.exports = { buildEntry, entryFolder, stage };
