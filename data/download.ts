import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError, messageOf } from './data-error';

/** A file as published: what a download must equal. */
export interface PublishedFile {
  readonly url: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/**
 * Fetches a published file to `path`: into a temporary file beside it, checked, synced, then renamed,
 * so that `path` never holds a part of it.
 *
 * @param onProgress called with the bytes so far and in all.
 * @throws {DataError} when the address is not https (plain http is for this machine's own addresses),
 *   does not answer, or sends other bytes; no file is left behind.
 */
export async function download(
  { url, bytes, sha256 }: PublishedFile,
  path: string,
  onProgress?: (received: number, total: number) => void,
): Promise<void> {
  const body = await request(url);
  await mkdir(dirname(path), { recursive: true });
  const part = join(dirname(path), `.part-${randomUUID()}`);
  try {
    const found = await store(body, part, url, bytes, onProgress);
    if (found !== sha256) {
      throw new DataError({ file: url, expected: `SHA-256 ${sha256}`, found });
    }
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

async function request(url: string): Promise<AsyncIterable<Uint8Array>> {
  checkAddress(url);
  const response = await fetch(url).catch((cause: unknown) => {
    // fetch says only "fetch failed"; its cause says why.
    const reason = cause instanceof Error && cause.cause ? cause.cause : cause;
    throw new DataError({ file: url, expected: 'an answer', found: messageOf(reason), cause });
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new DataError({ file: url, expected: 'status 200', found: `status ${response.status}` });
  }
  return response.body;
}

function checkAddress(url: string): void {
  const { protocol, hostname } = new URL(url);
  const isLocal = hostname === '127.0.0.1' || hostname === 'localhost';
  if (protocol !== 'https:' && !(protocol === 'http:' && isLocal)) {
    throw new DataError({ file: url, expected: 'an https address', found: protocol });
  }
}

/** Writes the body to a new file and syncs it; returns its hex SHA-256. */
async function store(
  body: AsyncIterable<Uint8Array>,
  part: string,
  url: string,
  bytes: number,
  onProgress?: (received: number, total: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(part, 'wx');
  let received = 0;
  try {
    for await (const chunk of watchful(body, url)) {
      received += chunk.byteLength;
      if (received > bytes) break; // the size check below reports it
      hash.update(chunk);
      await file.writeFile(chunk);
      onProgress?.(received, bytes);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (received !== bytes) {
    const found = received > bytes ? `more than that` : `${received} bytes`;
    throw new DataError({ file: url, expected: `${bytes} bytes`, found });
  }
  return hash.digest('hex');
}

async function* watchful(
  body: AsyncIterable<Uint8Array>,
  url: string,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* body;
  } catch (cause) {
    const found = `a broken connection (${messageOf(cause)})`;
    throw new DataError({ file: url, expected: 'the whole file', found, cause });
  }
}
