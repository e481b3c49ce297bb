import { homedir } from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path that a person means: `~` and `~/` are the home folder, `file://` stands before one that may be relative too. */
export function plainPath(given: string): string {
  if (/^file:\/\/\//i.test(given)) return fileURLToPath(given);
  const plain = given.replace(/^file:\/\//i, '');
  return plain === '~' || plain.startsWith('~/') ? path.join(homedir(), plain.slice(1)) : plain;
}
