import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { DeadLinkError, ensureFolder } from '../../files/folders';
import { plainPath } from '../../files/plain-path';
import { RunDirectory } from '../../files/run/run-directory';

const folder = mkdtempSync(join(tmpdir(), 'secateur-folders-'));
const dead = join(folder, 'dead');
symlinkSync(join(folder, 'nowhere'), dead);
symlinkSync(folder, join(folder, 'alive'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('ensureFolder', () => {
  it('refuses a link that leads nowhere, by its name, as the folder and as a parent', async () => {
    for (const target of [dead, join(dead, 'inner'), join(dead, 'inner', 'most')]) {
      await expect(ensureFolder(target)).rejects.toThrow(new DeadLinkError(dead));
    }
    await expect(RunDirectory.create(dead, folder)).rejects.toMatchObject({ exitCode: 2 });
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  it('goes through a link that leads to a folder', async () => {
    await ensureFolder(join(folder, 'alive', 'new'));
    expect(existsSync(join(folder, 'new'))).toBe(true);
  });
});

describe('plainPath', () => {
  it.each([
    ['~', homedir()],
    ['~/net/model.json', join(homedir(), 'net', 'model.json')],
    [pathToFileURL('/net/a b.json').href, '/net/a b.json'],
    ['file://net/model.json', 'net/model.json'],
    ['net/model.json', 'net/model.json'],
    ['~other/net', '~other/net'],
    ['dense', 'dense'],
  ])('reads %s', (given, meant) => {
    expect(plainPath(given)).toBe(meant);
  });
});
