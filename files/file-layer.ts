import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { errorCode } from './disk-error';
import { MalformedFileError } from './malformed-file-error';

/** What `FileLayer.status` tells of a path; a symbolic link is `other`. */
export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'other';
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** A file open for writing. */
export interface OpenFile {
  /** Writes some of `bytes`, from the first on, and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Returns once what was written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The file operations this project relies on; errors are those of `node:fs`. */
export interface FileLayer {
  /** `wx`: a new file, EEXIST if there is one. `a`: append, created where missing. */
  open(path: string, flags: 'wx' | 'a'): Promise<OpenFile>;
  /** The whole of a regular file of at most `limit` bytes; follows no symbolic link. */
  read(path: string, limit: number): Promise<Buffer>;
  /** What the path is itself, links not followed; null when there is nothing. */
  status(path: string): Promise<FileStatus | null>;
  /** Names in a folder. */
  list(path: string): Promise<string[]>;
  /** One new folder, EEXIST if there is one. */
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Returns once the names in the folder are on the disk; does nothing where folders cannot be synced. */
  syncFolder(path: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** Removes an empty folder. */
  removeFolder(path: string): Promise<void>;
  /** Bytes an unprivileged user can still write at `path`; null when unknown. */
  freeBytes(path: string): Promise<number | null>;
  /** Files that can still be made at `path`; null when the file system has no such limit. */
  freeFiles(path: string): Promise<number | null>;
}

/** The disk of this machine. */
export const nodeFiles: FileLayer = {
  async open(target, flags) {
    const handle = await (flags === 'a' ? openToAppend(target) : fs.open(target, flags));
    return {
      write: async (bytes) => (await handle.write(bytes)).bytesWritten,
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  async read(target, limit) {
    // O_NONBLOCK: a named pipe planted in place of the file must not hang the reader.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await openWithoutLinks(target, flags);
    try {
      const status = await handle.stat();
      if (!status.isFile()) throw new MalformedFileError(target, NOT_REGULAR);
      refuseOversize(target, status.size, limit);
      return await readExactly(handle, target, status.size);
    } finally {
      await handle.close();
    }
  },
  async status(target) {
    try {
      const status = await fs.lstat(target);
      const kind = status.isFile() ? 'file' : status.isDirectory() ? 'folder' : 'other';
      return { kind, bytes: status.size, modifiedMs: status.mtimeMs };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
  },
  list: (target) => fs.readdir(target),
  makeFolder: (target) => fs.mkdir(target),
  rename: (from, to) => fs.rename(from, to),
  async syncFolder(target) {
    if (process.platform === 'win32') return; // folders cannot be opened there
    const handle = await fs.open(target, 'r');
    try {
      await handle.sync();
    } catch (error) {
      if (errorCode(error) !== 'EINVAL') throw error; // file systems without folder sync say EINVAL
    } finally {
      await handle.close();
    }
  },
  removeFile: (target) => fs.unlink(target),
  removeFolder: (target) => fs.rmdir(target),
  async freeBytes(target) {
    const status = await fs.statfs(target);
    return status.bavail * status.bsize;
  },
  async freeFiles(target) {
    const { files, ffree } = await fs.statfs(target);
    return files === 0 ? null : ffree;
  },
};

/** O_NONBLOCK: a named pipe in place of the file must not hang the writer. */
async function openToAppend(target: string): Promise<fs.FileHandle> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
  const handle = await fs.open(target, flags, 0o666).catch((error: unknown) => {
    if (errorCode(error) === 'ENXIO') throw new MalformedFileError(target, NOT_REGULAR);
    throw error;
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new MalformedFileError(target, NOT_REGULAR);
}

const NOT_REGULAR = 'is not a regular file';

async function openWithoutLinks(target: string, flags: number): Promise<fs.FileHandle> {
  try {
    return await fs.open(target, flags);
  } catch (error) {
    if (errorCode(error) !== 'ELOOP') throw error;
    throw new MalformedFileError(target, 'is a symbolic link, which is not followed');
  }
}

async function readExactly(handle: fs.FileHandle, target: string, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size;) {
    const { bytesRead } = await handle.read(bytes, done, size - done, done);
    if (bytesRead === 0) throw new MalformedFileError(target, 'became shorter while it was read');
    done += bytesRead;
  }
  return bytes;
}

/** Throws `MalformedFileError` when a file of `bytes` is larger than `limit`. */
export function refuseOversize(target: string, bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new MalformedFileError(target, `has ${bytes} bytes, at most ${limit} are allowed`);
}
