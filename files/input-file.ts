import * as fs from 'node:fs/promises';
import { nodeFiles } from './file-layer';

/** More than any text that a person or a program of ours writes. */
const USUAL_LIMIT = 64 * 2 ** 20;

/**
 * The whole of a file that a user names, links followed: a pipe or a device, which may never end, is refused.
 *
 * @param limit bytes. Default 64 MiB.
 * @throws {MalformedFileError} when it is no regular file or too large; else the error of `node:fs`.
 */
export async function readInput(file: string, limit = USUAL_LIMIT): Promise<Buffer> {
  return nodeFiles.read(await fs.realpath(file), limit);
}

/** As `readInput`, the text of it in UTF-8, without the byte order mark that some editors begin with. */
export async function readInputText(file: string): Promise<string> {
  return (await readInput(file)).toString('utf8').replace(/^\ufeff/, '');
}
