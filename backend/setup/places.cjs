/**
 * Where the native engine lives, and under which name: the package's own `.native/` folder and the
 * per-user cache behind it.
 */
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** The release of tfjs-node that is staged: its JavaScript and its binding sources. */
const tfjsNodeVersion = '4.22.0';

/** The TensorFlow release whose wheel the stock binding is built against. */
const wheelVersion = '2.21.0';

/** Names the layout of a staged folder; a change makes older copies invalid. */
const format = 'secateur-native/1';

/**
 * The folder of the nearest package.json at or above `from`: this package, whether its files are
 * run from source or from dist/.
 *
 * @param {string} [from] a folder
 * @returns {string}
 */
function packageRoot(from = __dirname) {
  if (fs.existsSync(path.join(from, 'package.json'))) return from;
  const parent = path.dirname(from);
  if (parent === from) throw new Error(`no package.json at or above ${__dirname}`);
  return packageRoot(parent);
}

/**
 * The folder from which the engine is loaded: `<package>/.native/tfjs-node`.
 *
 * @param {string} [root] the package's folder
 * @returns {string}
 */
function nativeFolder(root = packageRoot()) {
  return path.join(root, '.native', 'tfjs-node');
}

/**
 * The per-user cache: `$SECATEUR_CACHE`, else `secateur` in the platform's cache folder.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @param {NodeJS.Platform} [platform]
 * @returns {string} an absolute path; nothing is created
 */
function cacheRoot(env = process.env, platform = process.platform) {
  if (env['SECATEUR_CACHE']) return path.resolve(env['SECATEUR_CACHE']);
  return path.join(platformCache(env, platform), 'secateur');
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {NodeJS.Platform} platform
 * @returns {string}
 */
function platformCache(env, platform) {
  const home = env['HOME'] || os.homedir();
  if (platform === 'win32') return env['LOCALAPPDATA'] || path.join(home, 'AppData', 'Local');
  // The XDG specification: a relative path there is invalid and must be ignored.
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg && path.isAbsolute(xdg)) return xdg;
  return platform === 'darwin' ? path.join(home, 'Library', 'Caches') : path.join(home, '.cache');
}

/**
 * The Node-API version that the binding is built for: 8 is the newest that tfjs-node 4.22 lists,
 * and every newer Node still loads it.
 *
 * @param {string | undefined} [offered] what this Node offers
 * @returns {number}
 */
function napiVersion(offered = process.versions['napi']) {
  return Math.min(8, Number(offered ?? 8));
}

/**
 * The name of a cache entry: everything that a binding and its libraries depend on.
 *
 * @param {string} source `official-...`, `wheel-...` or `folder-...`
 * @param {{ platform?: string, arch?: string, napi?: number }} [machine] this one unless given
 * @returns {string} one path segment, for example
 *   `tfjs-node-4.22.0_wheel-2.21.0_linux-x64_napi-8`
 */
function entryKey(source, machine = {}) {
  const { platform = process.platform, arch = process.arch, napi = napiVersion() } = machine;
  return `tfjs-node-${tfjsNodeVersion}_${source}_${platform}-${arch}_napi-${napi}`;
}

/**
 * The cache keys that serve under `env`, best first. `$TF_DIR` asks for one TensorFlow and no other.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string[]}
 */
function wantedKeys(env = process.env) {
  if (env['TF_DIR']) return [folderKey(env['TF_DIR'])];
  return [officialKey(env), wheelKey()];
}

/**
 * The key of the official binary; a download address of the user's own counts as another source.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string}
 */
function officialKey(env = process.env) {
  const mirror = env['TFJS_NODE_BASE_URI'] || env['TFJS_NODE_CDN_STORAGE'] || env['CDN_STORAGE'];
  return entryKey(mirror ? `official-${shortHash(mirror)}` : 'official');
}

/** @returns {string} the key of the binding built against the pinned wheel */
function wheelKey() {
  return entryKey(`wheel-${wheelVersion}`);
}

/**
 * @param {string} folder an unpacked TensorFlow
 * @returns {string} the key of the binding built against it
 */
function folderKey(folder) {
  return entryKey(`folder-${shortHash(path.resolve(folder))}`);
}

/**
 * @param {string} text
 * @returns {string} 12 hexadecimal digits
 */
function shortHash(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/**
 * The node_modules folder that holds the project's TensorFlow.js.
 *
 * @returns {string}
 */
function npmFolder() {
  return path.resolve(path.dirname(require.resolve('@tensorflow/tfjs/package.json')), '../..');
}

/**
 * The command that explains what is there and what is missing, as typed from this package.
 *
 * @param {string} [root]
 * @returns {string}
 */
function doctorCommand(root = packageRoot()) {
  const fromSource = fs.existsSync(path.join(root, 'run.ts'));
  return fromSource ? 'npx ts-node run.ts doctor' : 'npx secateur doctor';
}

module.exports = {
  cacheRoot,
  doctorCommand,
  entryKey,
  folderKey,
  format,
  nativeFolder,
  napiVersion,
  npmFolder,
  officialKey,
  packageRoot,
  tfjsNodeVersion,
  wantedKeys,
  wheelKey,
  wheelVersion,
};
