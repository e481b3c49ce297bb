/**
 * How ts-node compiles the sources: without their types, which `npm run check` judges, and each text once. What was
 * compiled is kept in node_modules/.cache, one file a source, so that the next start only reads it.
 */
'use strict';

const { createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');

const folder = path.join(__dirname, 'node_modules', '.cache', 'secateur');

/**
 * What ts-node asks for by the name `create` (its option `transpiler`).
 *
 * @param {import('ts-node').CreateTranspilerOptions} given
 * @returns {import('ts-node').Transpiler}
 */
exports.create = ({ service }) => {
  const compilerOptions = service.config.options;
  const compiler = JSON.stringify([ts.version, compilerOptions]);
  return {
    transpile(input, { fileName }) {
      const key = hash(compiler, fileName, input);
      const place = path.join(folder, `${hash(fileName)}.json`);
      const kept = read(place);
      if (kept?.key === key) return kept.output;
      const { diagnostics = [], ...output } = ts.transpileModule(input, {
        fileName,
        compilerOptions,
        reportDiagnostics: true,
      });
      if (diagnostics.length === 0) write(place, JSON.stringify({ key, output }));
      return { ...output, diagnostics };
    },
  };
};

/** @param {string[]} parts */
function hash(...parts) {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(`${part.length} ${part}`);
  return sum.digest('hex');
}

/**
 * What is kept there; null where nothing is, or nothing that can be read.
 *
 * @param {string} place
 * @returns {{ key: string, output: import('ts-node').TranspileOutput } | null}
 */
function read(place) {
  try {
    return JSON.parse(fs.readFileSync(place, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Puts the text there whole, whoever else is about to; a folder that takes none costs time and nothing else.
 *
 * @param {string} place
 * @param {string} text
 */
function write(place, text) {
  const draft = `${place}.${randomUUID()}`;
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(draft, text);
    fs.renameSync(draft, place);
  } catch {
    fs.rmSync(draft, { force: true });
  }
}
