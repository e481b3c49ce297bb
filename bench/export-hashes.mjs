/**
 * Prints the SHA-256 of everything that small fixed runs export, and of their metrics: three methods, soft and hard,
 * on the native engine, and some on the JavaScript one. A change that must not change results gives the same list.
 *
 *     node bench/export-hashes.mjs [--backend tensorflow|cpu] > after.txt && diff before.txt after.txt
 *
 * The hashes hold for one machine: engines round differently on others. The list of one backend takes minutes.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { backend: { type: 'string' } } });
const backends = values.backend === undefined ? ['tensorflow', 'cpu'] : [values.backend];
const everyMethod = ['fpgm', 'taylor-filter', 'norm-weight'];
const runs = {
  tensorflow: everyMethod.flatMap((method) => [
    [method, 'soft'],
    [method, 'hard'],
  ]),
  cpu: [
    ['fpgm', 'soft'],
    ['fpgm', 'hard'],
    ['taylor-filter', 'soft'],
  ], // minutes each, most of them for latency
};
const shared = '--rate 0.3 --batch-size 16 --format tfjs,typescript,onnx --quiet';
const budgets = {
  tensorflow: '--epochs 3 --limit-train 48 --limit-test 16 --validation-fraction 0.001',
  cpu: '--epochs 2 --limit-train 16 --limit-test 10 --validation-fraction 0.0002 --verify-samples 4',
};

/** Trains in a scratch folder and answers the lines of one run. */
function hashesOf(backend, method, regrowth) {
  const folder = mkdtempSync(join(tmpdir(), 'export-hashes-'));
  try {
    const run = join(folder, 'run');
    const chosen = `--method ${method} --regrowth ${regrowth} --backend ${backend}`;
    const options = `${shared} ${budgets[backend]} ${chosen}`.split(' ');
    const { status, stderr } = spawnSync(
      process.execPath,
      ['-r', 'ts-node/register/transpile-only', 'run.ts', ...options, '--run-dir', run],
      { cwd: root, encoding: 'utf8' },
    );
    if (status !== 0)
      throw new Error(`${method} ${regrowth} on ${backend}: exit ${status}\n${stderr}`);
    const files = readdirSync(join(run, 'export'))
      .sort()
      .map((name) => join('export', name));
    return [...files, 'metrics.csv'].map((file) => {
      const hash = createHash('sha256')
        .update(readFileSync(join(run, file)))
        .digest('hex');
      return `${hash}  ${backend} ${method} ${regrowth} ${file}`;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const backend of backends) {
  for (const [method, regrowth] of runs[backend]) {
    for (const line of hashesOf(backend, method, regrowth)) console.log(line);
  }
}
