import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildEntry, entryFolder, stage } from '../../backend/setup/cache.cjs';
import { findProgram, run } from '../../backend/setup/commands.cjs';
import {
  cacheRoot,
  entryKey,
  nativeFolder,
  packageRoot,
  wantedKeys,
} from '../../backend/setup/places.cjs';
import { unpack } from '../../backend/setup/sources.cjs';
import { readManifest } from '../../backend/setup/staged.cjs';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'secateur-setup-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const place = (...parts: string[]): string => path.join(folder, ...parts);

describe('the cache', () => {
  it('is keyed by everything that a binding depends on', () => {
    const machine = { platform: 'linux', arch: 'x64', napi: 8 };
    expect(entryKey('wheel-2.21.0', machine)).toBe(
      'tfjs-node-4.22.0_wheel-2.21.0_linux-x64_napi-8',
    );
    const keys = [
      entryKey('official', machine),
      entryKey('wheel-2.21.0', machine),
      entryKey('wheel-2.21.0', { ...machine, platform: 'darwin' }),
      entryKey('wheel-2.21.0', { ...machine, arch: 'arm64' }),
      entryKey('wheel-2.21.0', { ...machine, napi: 7 }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('prefers the official binary, tells mirrors apart, and takes TF_DIR at its word', () => {
    expect(wantedKeys({})).toEqual([entryKey('official'), entryKey('wheel-2.21.0')]);
    const mirrored = wantedKeys({ TFJS_NODE_BASE_URI: 'http://one/' });
    expect(mirrored).toHaveLength(2);
    expect(mirrored).not.toEqual(wantedKeys({}));
    expect(mirrored).not.toEqual(wantedKeys({ TFJS_NODE_BASE_URI: 'http://two/' }));
    const own = wantedKeys({ TF_DIR: '/opt/tensorflow' });
    expect(own).toHaveLength(1);
    expect(own).toEqual(wantedKeys({ TF_DIR: '/opt/tensorflow/' }));
    expect(own).not.toEqual(wantedKeys({ TF_DIR: '/opt/other' }));
  });

  it.each([
    [{ SECATEUR_CACHE: '/c', XDG_CACHE_HOME: '/x', HOME: '/h' }, 'linux', '/c'],
    [{ XDG_CACHE_HOME: '/x', HOME: '/h' }, 'linux', '/x/secateur'],
    [{ XDG_CACHE_HOME: 'relative', HOME: '/h' }, 'linux', '/h/.cache/secateur'],
    [{ HOME: '/h' }, 'darwin', '/h/Library/Caches/secateur'],
  ] as const)('with %j on %s is %s', (env, platform, expected) => {
    expect(cacheRoot(env, platform)).toBe(expected);
  });
});

/** Lays out what a real build does, as far as staging looks at it. */
const fill = (content: string) => (target: string) => {
  for (const file of ['dist/a.js', 'lib/napi-v8/tfjs_binding.node', 'deps/lib/lib.so.2']) {
    fs.mkdirSync(path.dirname(path.join(target, file)), { recursive: true });
    fs.writeFileSync(path.join(target, file), content);
  }
  return Promise.resolve({ tensorflow: '1.2.3', binding: 'lib/napi-v8/tfjs_binding.node' });
};

describe('staging', () => {
  it('builds an entry, then copies its code and links its libraries', async () => {
    const entry = await buildEntry(place('cache'), 'key', fill('x'));
    expect(entry).toBe(entryFolder(place('cache'), 'key'));
    expect(readManifest(entry)).toMatchObject({ key: 'key', tensorflow: '1.2.3' });

    await stage(entry, place('.native', 'tfjs-node'));
    expect(readManifest(place('.native', 'tfjs-node'))).toEqual(readManifest(entry));
    expect(fs.readFileSync(place('.native', 'tfjs-node', 'dist', 'a.js'), 'utf8')).toBe('x');
    expect(fs.lstatSync(place('.native', 'tfjs-node', 'lib')).isSymbolicLink()).toBe(false);
    expect(fs.readlinkSync(place('.native', 'tfjs-node', 'deps'))).toBe(path.join(entry, 'deps'));
    expect(fs.readdirSync(place('.native'))).toEqual(['tfjs-node']);
  });

  it('leaves nothing behind when a build fails half-way', async () => {
    const half = async (target: string): Promise<never> => {
      await fill('x')(target);
      throw new Error('no space left');
    };
    await expect(buildEntry(place('cache'), 'key', half)).rejects.toThrow('no space left');
    expect(fs.readdirSync(place('cache', 'native'))).toEqual([]);
  });

  it('keeps the staged copy when its replacement fails', async () => {
    const entry = await buildEntry(place('cache'), 'key', fill('x'));
    await stage(entry, place('copy'));
    await expect(stage(place('nowhere'), place('copy'))).rejects.toThrow('ENOENT');
    expect(readManifest(place('copy'))).not.toBeNull();
  });

  it('replaces an older copy as a whole', async () => {
    await stage(await buildEntry(place('cache'), 'old', fill('old')), place('copy'));
    fs.writeFileSync(place('copy', 'left-over'), '');
    await stage(await buildEntry(place('cache'), 'new', fill('new')), place('copy'));
    expect(readManifest(place('copy'))?.key).toBe('new');
    expect(fs.readFileSync(place('copy', 'dist', 'a.js'), 'utf8')).toBe('new');
    expect(fs.existsSync(place('copy', 'left-over'))).toBe(false);
  });

  it('survives several set-ups at once', async () => {
    const both = ['a', 'b', 'c'].map(async (content) => {
      await stage(await buildEntry(place('cache'), 'key', fill(content)), place('copy'));
    });
    await Promise.all(both);
    expect(readManifest(place('copy'))).not.toBeNull();
    expect(fs.readdirSync(place('cache', 'native'))).toEqual(['key']);
  });

  it('removes what an interrupted set-up left long ago, not what runs now', async () => {
    const long = new Date(Date.now() - 24 * 3600 * 1000);
    for (const name of ['.building-old', '.building-now']) {
      fs.mkdirSync(place('cache', 'native', name), { recursive: true });
    }
    fs.utimesSync(place('cache', 'native', '.building-old'), long, long);
    await buildEntry(place('cache'), 'key', fill('x'));
    expect(fs.readdirSync(place('cache', 'native')).sort()).toEqual(['.building-now', 'key']);
  });

  it.each([
    ['its manifest', 'secateur.json'],
    ['its binding', 'lib/napi-v8/tfjs_binding.node'],
    ['its libraries, the cache being deleted,', '../cache'],
  ])('does not accept a copy without %s', async (_, missing) => {
    await stage(await buildEntry(place('cache'), 'key', fill('x')), place('copy'));
    fs.rmSync(place('copy', missing), { recursive: true });
    expect(readManifest(place('copy'))).toBeNull();
  });
});

describe('unpack', () => {
  it('takes the wanted files and nothing outside the folder', async () => {
    const pack = tar.pack();
    pack.entry({ name: 'package/dist/a.js' }, 'A');
    pack.entry({ name: 'package/dist/a_test.js' }, 'T');
    pack.entry({ name: 'package/../../evil.js' }, 'E');
    pack.entry({ name: 'package/link.js', type: 'symlink', linkname: '/etc/passwd' });
    pack.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of pack) chunks.push(chunk as Uint8Array);
    await unpack(gzipSync(Buffer.concat(chunks)), place('in', 'out'), /(?<!_test)\.js$/);
    const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
    expect(files.filter((file) => !file.isDirectory()).map(({ name }) => name)).toEqual(['a.js']);
    expect(fs.readFileSync(place('in', 'out', 'dist', 'a.js'), 'utf8')).toBe('A');
  });
});

describe('run', () => {
  const node = (script: string, seconds = 30): string =>
    run(process.execPath, ['-e', script], { seconds });

  it('returns what the program printed', () => {
    expect(node('console.log("out"); console.error("not this")')).toBe('out\n');
  });

  it('gives the complaint and the exit code of one that fails', () => {
    const script = 'console.error("a\\nerror: no such wheel\\nsee the log"); process.exitCode = 3';
    expect(() => node(script)).toThrow(/failed \(3\): error: no such wheel$/);
  });

  it('ends one that takes too long', () => {
    expect(() => node('setInterval(() => {}, 1000)', 0.3)).toThrow('took longer than 0.3 s');
  });

  it('names one that does not exist', () => {
    expect(() => run(place('absent'), ['pip'], { seconds: 1 })).toThrow(
      'absent pip could not be run (ENOENT)',
    );
  });

  it('is given programs by PATH alone, in its order', () => {
    for (const [name, mode] of [
      ['one', 0o644],
      ['two', 0o755],
    ] as const) {
      fs.mkdirSync(place(name));
      fs.writeFileSync(place(name, 'tool'), '', { mode });
    }
    const PATH = [place('one'), place('two')].join(path.delimiter);
    expect(findProgram(['absent', 'tool'], { PATH })).toBe(place('two', 'tool'));
    expect(findProgram(['tool'], { PATH: place('one') })).toBeNull(); // not executable
    expect(findProgram(['tool'], {})).toBeNull();
  });
});

describe('postinstall', () => {
  /** Runs the set-up of a fresh checkout in `folder` with nothing of this machine but `env`. */
  const install = (env: NodeJS.ProcessEnv): { status: number | null; lines: string[] } => {
    const root = packageRoot();
    fs.cpSync(path.join(root, 'backend', 'setup'), place('backend', 'setup'), { recursive: true });
    fs.copyFileSync(path.join(root, 'package.json'), place('package.json'));
    if (!fs.existsSync(place('node_modules'))) {
      fs.symlinkSync(path.join(root, 'node_modules'), place('node_modules'));
    }
    const result = spawnSync(process.execPath, [place('backend', 'setup', 'postinstall.cjs')], {
      env: {
        HOME: folder,
        PATH: place('bin'),
        SECATEUR_CACHE: place('cache'),
        TFJS_NODE_BASE_URI: 'http://127.0.0.1:9/libtensorflow-', // nobody answers there
        npm_config_registry: 'http://127.0.0.1:9/',
        npm_config_cache: place('npm'),
        ...env,
      },
      encoding: 'utf8',
    });
    expect(result.stderr).toBe('');
    return { status: result.status, lines: result.stdout.trim().split('\n') };
  };

  const tool = (name: string, script: string): void => {
    fs.mkdirSync(place('bin'), { recursive: true });
    fs.writeFileSync(place('bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };

  it('is skipped by SECATEUR_NATIVE=off', () => {
    const { status, lines } = install({ SECATEUR_NATIVE: 'off' });
    expect(status).toBe(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('SECATEUR_NATIVE=off');
    expect(fs.existsSync(place('cache'))).toBe(false);
    expect(fs.existsSync(nativeFolder(folder))).toBe(false);
  });

  it('succeeds without any tool, in one line that says why and what mends it', () => {
    const { status, lines } = install({});
    expect(status).toBe(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/ECONNREFUSED.*C\+\+ compiler and python3 with pip.*WASM.*doctor$/);
    expect(fs.existsSync(nativeFolder(folder))).toBe(false);
  });

  it('succeeds when the tools fail, and leaves nothing half-made', () => {
    tool('g++', 'exit 1');
    tool('python3', 'exit 0');
    const { status, lines } = install({});
    expect(status).toBe(0);
    expect(lines).toHaveLength(2); // what it is about to do, and why it could not
    expect(lines[1]).toMatch(/no native engine \(npm.* pack failed .*WASM.*doctor$/);
    expect(fs.readdirSync(place('cache', 'native'))).toEqual([]);
  });

  it('succeeds where the cache cannot be written', () => {
    fs.writeFileSync(place('cache'), 'a file');
    tool('g++', 'exit 1');
    tool('python3', 'exit 0');
    const { status, lines } = install({});
    expect(status).toBe(0);
    expect(lines.at(-1)).toMatch(/no native engine \((EEXIST|ENOTDIR).*doctor$/);
  });

  it('names a TF_DIR that holds no TensorFlow', () => {
    tool('g++', 'exit 1');
    const { status, lines } = install({ TF_DIR: place('bin') });
    expect(status).toBe(0);
    expect(lines.at(-1)).toContain(`TF_DIR=${place('bin')} holds no libtensorflow*.so.2`);
  });

  it('does not keep a staged copy that does not load', async () => {
    const [key = ''] = wantedKeys({ TFJS_NODE_BASE_URI: 'http://127.0.0.1:9/libtensorflow-' });
    await buildEntry(place('cache'), key, fill('not a library'));
    const { status, lines } = install({});
    expect(status).toBe(0);
    expect(lines.at(-1)).toContain('no native engine');
    expect(fs.existsSync(nativeFolder(folder))).toBe(false);
  });

  const manifest = readManifest(nativeFolder());
  const shared = manifest !== null && readManifest(entryFolder(cacheRoot(), manifest.key)) !== null;
  it.skipIf(!shared)('stages a second checkout from the cache', () => {
    const { status, lines } = install({ SECATEUR_CACHE: cacheRoot() });
    expect(status).toBe(0);
    expect(lines).toEqual([expect.stringContaining('native engine ready: TensorFlow')]);
    expect(readManifest(nativeFolder(folder))).toEqual(manifest);
  });
});
