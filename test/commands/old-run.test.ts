import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandLine } from '../trainer/fixtures/command-line';

const fixture = join(__dirname, '..', 'fixtures', 'run-0.1.0');

/** SHA-256 by file, of what version 0.1.0 wrote when nobody stopped it. */
const expected = Object.fromEntries(
  readFileSync(join(fixture, 'finished.sha256'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/).reverse() as [string, string]),
);

describe('a run that version 0.1.0 began and left in the middle of an epoch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'secateur-old-run-'));
  const run = join(folder, 'run');

  let begun: object;

  beforeAll(async () => {
    cpSync(fixture, folder, { recursive: true });
    begun = objectIn('config.json');
    const ending = await commandLine(['--resume', '--run-dir', 'run'], { cwd: folder });
    expect(ending, ending.stderr).toMatchObject({ code: 0, signal: null });
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is finished to the bit: the files and the metrics of the run that nobody stopped', () => {
    const written = [
      ...readdirSync(join(run, 'export')).map((name) => `export/${name}`),
      ...['metrics.csv', 'metrics.jsonl'],
    ];
    const hashes = written.map((name) => {
      const hash = createHash('sha256').update(asOnceWritten(name));
      return [name, hash.digest('hex')] as const;
    });
    expect(Object.fromEntries(hashes)).toEqual(expected);
  });

  it('says of the exported network what version 0.1.0 did not: how it is used, and its hashes', () => {
    const { usage, files } = objectIn('export/pruning.json') as {
      usage: { classes: string[]; weightsSha256: string };
      files: Record<string, { sha256: string }>;
    };
    expect(usage.classes).toHaveLength(10);
    expect(usage.weightsSha256).toBe(expected['export/group1-shard1of1.bin']);
    for (const [name, { sha256 }] of Object.entries(files)) {
      const hash = createHash('sha256').update(readFileSync(join(run, 'export', name)));
      expect([name, sha256]).toEqual([name, hash.digest('hex')]);
    }
  });

  it('keeps the options that it began with, and is done', () => {
    const named = Object.entries(begun).filter(([, value]) => value !== null);
    expect(objectIn('config.json')).toMatchObject(Object.fromEntries(named));
    expect(begun).not.toHaveProperty('inputScale'); // there was one way then, whatever a network shows
    expect(objectIn('config.json')).toMatchObject({ inputScale: 'standard' });
    expect(objectIn('status.json')).toMatchObject({ state: 'done' });
  });

  it('goes on after the step that was the last, and logs each epoch once', () => {
    const log = readFileSync(join(run, 'log.jsonl'), 'utf8');
    expect(log).toMatch(/"event":"resumed".*"step":15\b/);
    const epochs = [...log.matchAll(/"event":"epoch","epoch":(\d)/g)].map(([, epoch]) => epoch);
    expect(epochs).toEqual(['0', '1', '2', '3']);
  });

  /** A file without what this version adds: how the network is used, and the hashes. */
  function asOnceWritten(name: string): string | Buffer {
    const bytes = readFileSync(join(run, name));
    const text = bytes.toString('utf8');
    switch (name) {
      case 'export/model.json': {
        const { userDefinedMetadata, ...json } = JSON.parse(text) as Record<string, object>;
        const { secateurUsage, ...metadata } = userDefinedMetadata as Record<string, unknown>;
        expect([json.convertedBy, typeof secateurUsage]).toEqual(['Secateur', 'object']);
        const { format, generatedBy, modelTopology, weightsManifest } = json;
        const others = Object.keys(metadata).length > 0 && { userDefinedMetadata: metadata };
        const head = { format, generatedBy, convertedBy: null, ...others };
        return JSON.stringify({ ...head, modelTopology, weightsManifest });
      }
      case 'export/pruning.json': {
        const { usage, files, ...manifest } = JSON.parse(text) as Record<string, unknown>;
        expect([typeof usage, typeof files]).toEqual(['object', 'object']);
        return `${JSON.stringify(manifest, null, 2)}\n`;
      }
      case 'export/network.ts':
        return text.replace(/^ \* It answers [^]*?(?=^ \*\/$)/m, '');
      default:
        return bytes;
    }
  }

  function objectIn(name: string): object {
    return JSON.parse(readFileSync(join(run, name), 'utf8')) as object;
  }
});
