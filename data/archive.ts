import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Header } from 'tar-stream';
import { DataError, messageOf } from './data-error';

/** What a tar.gz archive must hold. */
export interface ArchiveLayout {
  /** The one folder that all members lie in. */
  readonly folder: string;
  /** Size in bytes of each wanted file, by name inside `folder`. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** Room for headers, padding and the small text files that come with the data. */
const SLACK_BYTES = 2 ** 22;
const LARGEST_STRANGER_BYTES = 2 ** 20;

const inflate = promisify(gunzip);

/**
 * Reads the wanted files of a tar.gz archive in memory; nothing is ever written to disk.
 *
 * Small plain files beside the wanted ones (a read-me) are passed over. Any other stranger (a link, a
 * device, a path that leaves the folder), a wrong size and a second member of one name are errors.
 *
 * @param bytes   the archive.
 * @param archive its name, for messages.
 * @returns content by name inside the folder; holds every wanted file.
 * @throws {DataError} naming the archive and the member.
 */
export async function readArchive(
  bytes: Uint8Array,
  archive: string,
  layout: ArchiveLayout,
): Promise<Map<string, Uint8Array>> {
  const files = await readMembers(await decompress(bytes, archive, layout), archive, layout);
  const missing = Object.keys(layout.sizes).filter((name) => !files.has(name));
  if (missing.length > 0) {
    throw new DataError({
      file: archive,
      expected: `the members ${Object.keys(layout.sizes).join(', ')} in ${layout.folder}/`,
      found: `no ${missing.join(', ')}`,
    });
  }
  return files;
}

async function decompress(
  bytes: Uint8Array,
  archive: string,
  { sizes }: ArchiveLayout,
): Promise<Uint8Array> {
  const wanted = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  try {
    return await inflate(bytes, { maxOutputLength: wanted + SLACK_BYTES });
  } catch (cause) {
    throw new DataError({
      file: archive,
      expected: `a whole gzip file of at most ${wanted + SLACK_BYTES} bytes of content`,
      found: messageOf(cause),
      cause,
    });
  }
}

async function readMembers(
  content: Uint8Array,
  archive: string,
  layout: ArchiveLayout,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const { extract: extractTar } = await import('tar-stream'); // only CIFAR comes in an archive
  const extract = extractTar();
  extract.end(content);
  try {
    for await (const entry of extract) {
      const name = findWanted(entry.header, archive, layout, files);
      if (name === undefined) {
        entry.resume();
      } else {
        files.set(name, await collect(entry));
      }
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const found = messageOf(cause);
    throw new DataError({ file: archive, expected: 'a whole tar archive', found, cause });
  }
  return files;
}

async function collect(entry: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk as Uint8Array); // tar members are bytes
  return Buffer.concat(chunks);
}

/** The name inside the folder if the member is wanted; undefined if it is harmless and passed over. */
function findWanted(
  header: Header,
  archive: string,
  { folder, sizes }: ArchiveLayout,
  files: ReadonlyMap<string, Uint8Array>,
): string | undefined {
  const path = header.name.replace(/^\.\//, '');
  const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : '';
  const size = Object.hasOwn(sizes, name) ? sizes[name] : undefined;
  if (size === undefined) {
    refuseUnsafe(header, archive, folder, name);
    return undefined;
  }
  if (header.type !== 'file' || header.size !== size || files.has(name)) {
    throw new DataError({
      file: `${archive}: member ${header.name}`,
      expected: `one plain file of ${size} bytes`,
      found: files.has(name) ? 'a second member of that name' : describe(header),
    });
  }
  return name;
}

function refuseUnsafe(header: Header, archive: string, folder: string, name: string): void {
  const isFolder = header.type === 'directory' && /^(\.\/)?[\w-]+\/?$/.test(header.name);
  const isSmallFile =
    header.type === 'file' && /^[\w-][\w.-]*$/.test(name) && header.size <= LARGEST_STRANGER_BYTES;
  if (!isFolder && !isSmallFile) {
    throw new DataError({
      file: `${archive}: member ${header.name}`,
      expected: `plain files in ${folder}/ and nothing else`,
      found: describe(header),
    });
  }
}

function describe({ name, type, size, linkname }: Header): string {
  const target = linkname ? ` to ${linkname}` : '';
  return `a ${type} ${name}${target} of ${size} bytes`;
}
