import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DataError, dataSets, readDataSet } from '../../data';
import { openCifar } from '../../data/cifar';
import { download } from '../../data/download';
import { sha256 } from '../../files';
import { randomBytes, scratchFolder, tinyArchive, tinyLayout } from './fixtures';

const content = Buffer.from(randomBytes(200_000));
const published = { bytes: content.length, sha256: sha256(content) };

/** The address of a server on this machine that answers every request so. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
}

async function expectRefused(answer: RequestListener, message: RegExp): Promise<void> {
  const folder = scratchFolder();
  const url = await serve(answer);
  const fetching = download({ ...published, url }, join(folder, 'file'));
  await expect(fetching).rejects.toThrow(DataError);
  await expect(fetching).rejects.toThrow(message);
  expect(readdirSync(folder)).toEqual([]);
}

describe('download', () => {
  it('stores the file, whole, in a folder that it makes', async () => {
    const path = join(scratchFolder(), 'new', 'file');
    const url = await serve((_, response) => response.end(content));
    const progress: number[] = [];
    await download({ ...published, url }, path, (received, total) => {
      expect(total).toBe(content.length);
      expect(existsSync(path)).toBe(false); // never a part of the file under its name
      progress.push(received);
    });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
    expect(progress.at(-1)).toBe(content.length);
  });

  it('refuses a file that is too short or too long', async () => {
    await expectRefused(
      (_, response) => response.end(content.subarray(1)),
      /expected 200000 bytes, found 199999 bytes/,
    );
    await expectRefused(
      (_, response) => response.end(Buffer.concat([content, content])),
      /expected 200000 bytes, found more than that/,
    );
  });

  it('refuses a file of another content', async () => {
    const other = Buffer.from(content);
    other[7]! ^= 1;
    await expectRefused((_, response) => response.end(other), /expected SHA-256 \w{64}, found/);
  });

  it('refuses a status that is not success', async () => {
    await expectRefused(
      (_, response) => response.writeHead(404).end('no'),
      /expected status 200, found status 404/,
    );
  });

  it('leaves nothing when the connection breaks', async () => {
    await expectRefused((_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20));
    }, /expected the whole file, found a broken connection/);
  });

  it('says why nothing answered', async () => {
    const file = { ...published, url: 'http://127.0.0.1:1/file' };
    await expect(download(file, join(scratchFolder(), 'file'))).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:1\/file: expected an answer, found (?!fetch failed)/,
    );
  });

  it('takes plain http only from this machine', async () => {
    const file = { ...published, url: 'http://example.invalid/file' };
    await expect(download(file, join(scratchFolder(), 'file'))).rejects.toThrow(
      'expected an https address, found http:',
    );
  });
});

describe('a CIFAR data set with download', () => {
  it('is fetched once, then read from its folder', async () => {
    const archive = await tinyArchive();
    const layout = tinyLayout(archive);
    let requests = 0;
    const archiveUrl = await serve((_, response) => {
      requests++;
      response.end(archive);
    });
    const entry = {
      ...dataSets.cifar10,
      classes: ['cat', 'dog'],
      open: (options: Parameters<typeof openCifar>[1]) => openCifar(layout, options),
    };
    const options = { seed: 1, validationFraction: 0.25, folder: join(scratchFolder(), 'tiny') };
    const fetched = { ...options, download: true, archiveUrl };
    const first = await readDataSet('tiny', entry, fetched);
    await readDataSet('tiny', entry, fetched);
    const third = await readDataSet('tiny', entry, options);
    expect(requests).toBe(1);
    expect(third.train).toEqual(first.train);
    expect(readdirSync(options.folder)).toEqual(['tiny.tar.gz']);
  });
});
