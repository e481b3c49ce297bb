/** The official binary of tfjs-node: its own install script, run in a copy that npm cannot delete. */
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { npm, run } = require('./commands.cjs');
const { napiVersion } = require('./places.cjs');
const { fetchSources, removeBuildFiles } = require('./sources.cjs');

/** Systems for which both an official library and an official binding exist. */
const systems = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/**
 * Where the official library is downloaded from, as tfjs-node's own install script reads it.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string} a URL
 */
function downloadBase(env = process.env) {
  const storage = env['TFJS_NODE_CDN_STORAGE'] || env['CDN_STORAGE'];
  return env['TFJS_NODE_BASE_URI'] || storage || 'https://storage.googleapis.com/';
}

/**
 * Why the official binary cannot be had, or null where an attempt is worth its time. Costs at most
 * about `seconds`, so that a closed network delays nobody.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @param {number} [seconds]
 * @returns {Promise<string | null>}
 */
async function officialObstacle(env = process.env, seconds = 4) {
  const system = `${process.platform}-${process.arch}`;
  if (!systems.includes(system)) return `there is no official binary for ${system}`;
  const base = downloadBase(env);
  const proxy =
    env['HTTPS_PROXY'] || env['https_proxy'] || env['HTTP_PROXY'] || env['http_proxy'] || '';
  try {
    await connect(new URL(proxy || base), seconds);
    return null;
  } catch (error) {
    return `${proxy || base} cannot be reached (${error instanceof Error ? error.message : error})`;
  }
}

/**
 * @param {URL} url
 * @param {number} seconds
 * @returns {Promise<void>} once a TCP connection has been made, and closed again
 */
function connect(url, seconds) {
  const port = Number(url.port) || (url.protocol === 'http:' ? 80 : 443);
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port });
    // Over both, name and connection: a resolver that never answers would hold the socket's own.
    const timer = setTimeout(() => finish(new Error(`no answer in ${seconds} s`)), seconds * 1000);
    const finish = (/** @type {Error | undefined} */ error) => {
      clearTimeout(timer);
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    socket.once('connect', () => finish(undefined));
    socket.once('error', (error) => {
      finish(new Error(/** @type {NodeJS.ErrnoException} */ (error).code ?? error.message));
    });
  });
}

/**
 * Installs the official binary.
 *
 * @param {string} folder empty; filled with the staged form
 * @returns {Promise<string>} the binding's path in `folder`
 */
async function installOfficial(folder) {
  await fetchSources(folder);
  const tools = fs.mkdtempSync(path.join(folder, 'tools-'));
  installTools(tools, dependenciesOf(folder));
  run(process.execPath, ['scripts/install.js'], {
    seconds: 900,
    cwd: folder,
    env: {
      ...process.env,
      NODE_PATH: path.join(tools, 'node_modules'),
      PATH: path.join(tools, 'node_modules', '.bin') + path.delimiter + process.env['PATH'],
    },
  });
  const binding = path.join('lib', `napi-v${napiVersion()}`, 'tfjs_binding.node');
  if (!fs.existsSync(path.join(folder, binding))) {
    throw new Error(`the install script of tfjs-node left no ${binding}`);
  }
  fs.rmSync(tools, { recursive: true });
  fs.rmSync(path.join(folder, 'deps', 'include'), { recursive: true, force: true });
  removeBuildFiles(folder);
  return binding;
}

/**
 * @param {string} folder
 * @returns {Record<string, string>} what tfjs-node's install script needs, with versions
 */
function dependenciesOf(folder) {
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  delete dependencies['@tensorflow/tfjs']; // the project's own copy serves
  return dependencies;
}

/**
 * @param {string} folder
 * @param {Record<string, string>} dependencies
 */
function installTools(folder, dependencies) {
  const manifest = JSON.stringify({ private: true, dependencies });
  fs.writeFileSync(path.join(folder, 'package.json'), manifest);
  const quiet = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund'];
  npm(['install', ...quiet], { seconds: 180, cwd: folder });
}

module.exports = { installOfficial, officialObstacle };
