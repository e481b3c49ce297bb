/** Running other programs: found on PATH, under a time limit, their complaint kept as the reason. */
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/**
 * @typedef {object} CommandOptions
 * @property {number} seconds limit after which the program is killed
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 */

/**
 * Runs a program to its end and returns what it wrote to stdout.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {CommandOptions} options
 * @returns {string}
 * @throws {Error} naming the program and its complaint where it cannot be started, takes too long
 *   or exits with a code other than 0
 */
function run(program, args, { seconds, cwd, env }) {
  const result = spawnSync(program, args, {
    cwd,
    env,
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    windowsHide: true,
  });
  if (!result.error && result.status === 0) return result.stdout;
  throw new Error(`${nameOf(program, args)} ${failure(result, seconds)}`);
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @returns {string} the program and its first two words: `python3 pip download`, `npm-cli.js pack`
 */
function nameOf(program, args) {
  const words = args.filter((arg) => !arg.startsWith('-') && !/\s/.test(arg)).slice(0, 2);
  const shown = program === process.execPath ? words : [program, ...words];
  return shown.map((word) => path.basename(word)).join(' ');
}

/**
 * @param {import('node:child_process').SpawnSyncReturns<string>} result
 * @param {number} seconds
 * @returns {string}
 */
function failure(result, seconds) {
  const code = /** @type {NodeJS.ErrnoException | undefined} */ (result.error)?.code;
  if (code === 'ETIMEDOUT') return `took longer than ${seconds} s`;
  if (result.error) return `could not be run (${code ?? result.error.message})`;
  const words = complaint(`${result.stdout}\n${result.stderr}`);
  const end = result.signal ? `was ended by ${result.signal}` : `failed (${result.status})`;
  return words ? `${end}: ${words}` : end;
}

/**
 * @param {string} output
 * @returns {string} the first line that states an error, else the last line; at most 200 characters
 */
function complaint(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const stated = lines.find((line) => /error/i.test(line));
  return (stated ?? lines.at(-1) ?? '').trim().slice(0, 200);
}

/**
 * The absolute path of the first of `names` that is an executable file on PATH.
 *
 * @param {readonly string[]} names
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | null}
 */
function findProgram(names, env = process.env) {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter(Boolean);
  for (const name of names) {
    const places = path.isAbsolute(name)
      ? [name]
      : folders.map((folder) => path.join(folder, name));
    const found = places.find(isExecutable);
    if (found) return found;
  }
  return null;
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * Runs npm: the one that runs this script, else the one that came with this Node, else PATH's.
 *
 * @param {readonly string[]} args
 * @param {CommandOptions} options
 * @returns {string}
 */
function npm(args, options) {
  const script = npmScripts(options.env ?? process.env).find((file) => fs.existsSync(file));
  // --global would come down from `npm install --global`, and the project's own settings with it.
  const quiet = ['--global=false', '--loglevel=error', '--no-update-notifier'];
  // npm's own patience, 70 s, is too long for a machine that is simply not connected.
  const patience = ['--prefer-offline', '--fetch-retries=1', '--fetch-retry-mintimeout=1000'];
  const full = [...args, ...quiet, ...patience];
  return script ? run(process.execPath, [script, ...full], options) : run('npm', full, options);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function npmScripts(env) {
  const running = env['npm_execpath'] ?? '';
  const home = path.dirname(process.execPath);
  const beside = ['../lib/node_modules', 'node_modules'].map((folder) =>
    path.join(home, folder, 'npm', 'bin', 'npm-cli.js'),
  );
  return /npm-cli\.c?js$/.test(running) ? [running, ...beside] : beside;
}

module.exports = { findProgram, npm, run };
