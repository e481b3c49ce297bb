/** The packages that a binding is made from: fetched with `npm pack`, checked, unpacked. */
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Readable } = require('node:stream');
const { createGunzip } = require('node:zlib');
const tar = require('tar-stream');
const { npm } = require('./commands.cjs');
const { tfjsNodeVersion } = require('./places.cjs');

/**
 * @typedef {object} Source
 * @property {string} spec what npm calls it, with its version
 * @property {string} integrity of its tarball, as the registry states it
 * @property {string} folder where it is unpacked
 * @property {RegExp} wanted the files that are kept
 */

/** @type {readonly Source[]} */
const sources = [
  {
    spec: `@tensorflow/tfjs-node@${tfjsNodeVersion}`,
    integrity:
      'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
    folder: '.',
    wanted: /^(package\.json|binding\.gyp|(binding|scripts)\/.*|dist\/(?!.*_test\.js$).*\.js)$/,
  },
  {
    // The only run-time dependency of the files that are used here.
    spec: 'google-protobuf@3.21.4',
    integrity:
      'sha512-MnG7N936zcKTco4Jd2PX2U96Kf9PxygAPKBug+74LHzmHXmceN16MmRcdgZv+DGef/S9YvQAfRsNCn4cjf9yyQ==',
    folder: 'node_modules/google-protobuf',
    wanted: /^(package\.json|google-protobuf\.js)$/,
  },
  {
    // The headers of Node-API: the same for every Node, and not every Node brings its own.
    spec: 'node-api-headers@1.9.0',
    integrity:
      'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
    folder: 'node-api-headers',
    wanted: /^include\/.*\.h$/,
  },
];

/** What only a build needs, relative to the folder that was built in. */
const buildOnly = ['binding', 'binding.gyp', 'build', 'node-api-headers', 'scripts'];

/**
 * Fetches the sources and lays them out in `folder`, which becomes a copy of tfjs-node without
 * its add-on.
 *
 * @param {string} folder an existing folder
 * @throws {Error} where npm cannot fetch one, or one is not the pinned file
 */
async function fetchSources(folder) {
  const tarballs = fs.mkdtempSync(path.join(folder, 'tarballs-'));
  const specs = sources.map(({ spec }) => spec);
  // In a folder of its own, so that no project's .npmrc or package.json takes part.
  npm(['pack', ...specs, '--pack-destination', tarballs], { seconds: 120, cwd: tarballs });
  const files = fs.readdirSync(tarballs).map((name) => fs.readFileSync(path.join(tarballs, name)));
  for (const source of sources) {
    await unpack(tarballOf(source, files), path.join(folder, source.folder), source.wanted);
  }
  fs.rmSync(tarballs, { recursive: true });
}

/**
 * @param {Source} source
 * @param {readonly Buffer[]} files
 * @returns {Buffer}
 */
function tarballOf({ spec, integrity }, files) {
  const found = files.find((file) => integrityOf(file) === integrity);
  if (found) return found;
  throw new Error(`npm pack ${spec} gave a file whose integrity is not the pinned ${integrity}`);
}

/**
 * @param {Buffer} file
 * @returns {string}
 */
function integrityOf(file) {
  return `sha512-${createHash('sha512').update(file).digest('base64')}`;
}

/**
 * Unpacks the wanted files of an npm tarball, without its leading folder.
 *
 * @param {Buffer} tarball gzip-compressed
 * @param {string} folder created if missing
 * @param {RegExp} wanted matched against the path inside the package, separated by `/`
 */
async function unpack(tarball, folder, wanted) {
  const entries = Readable.from([tarball]).pipe(createGunzip()).pipe(tar.extract());
  for await (const entry of entries) {
    const name = entry.header.name.split('/').slice(1).join('/');
    const inside = !name.split('/').includes('..');
    if (entry.header.type === 'file' && inside && wanted.test(name)) {
      const file = path.join(folder, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, '');
      for await (const chunk of entry) fs.appendFileSync(file, /** @type {Buffer} */ (chunk));
    } else {
      entry.resume();
    }
  }
}

/**
 * Removes from `folder` what only the build needed.
 *
 * @param {string} folder
 */
function removeBuildFiles(folder) {
  for (const name of buildOnly)
    fs.rmSync(path.join(folder, name), { recursive: true, force: true });
}

module.exports = { fetchSources, removeBuildFiles, unpack };
