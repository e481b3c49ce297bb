import { existsSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readArchive } from '../../data/archive';
import { DataError } from '../../data/data-error';
import { randomBytes, tarOf, type Member } from './fixtures';

const content = randomBytes(700);
const layout = { folder: 'set', sizes: { 'a.bin': 700, 'b.bin': 700 } };
const good: Member[] = [
  { name: 'set/a.bin', content },
  { name: 'set/b.bin', content },
];

const read = async (members: Member[]) =>
  readArchive(gzipSync(await tarOf(members)), 'set.tar.gz', layout);

describe('readArchive', () => {
  it('returns the wanted files and passes over read-me files and folders', async () => {
    const readme = { name: 'set/readme.html', content: Buffer.from('hello') };
    const files = await read([{ name: 'set/', type: 'directory' }, good[0]!, readme, good[1]!]);
    expect([...files.keys()]).toEqual(['a.bin', 'b.bin']);
    expect(Buffer.from(files.get('b.bin')!).equals(content)).toBe(true);
  });

  const hostile: Record<string, Member> = {
    'a path that climbs': { name: '../../secateur-evil', content },
    'a path that climbs from inside': { name: 'set/../../secateur-evil', content },
    'a climbing name that ends as a wanted one': { name: '../set/a.bin', content },
    'an absolute path': { name: '/tmp/secateur-evil', content },
    'a symlink': { name: 'set/secateur-evil', type: 'symlink', linkname: '/etc/passwd' },
    'a symlink out of the folder as folder': { name: 'set', type: 'symlink', linkname: '/tmp' },
    'a hard link': { name: 'set/secateur-evil', type: 'link', linkname: '/etc/passwd' },
    'a device': { name: 'set/secateur-evil', type: 'character-device', devmajor: 1, devminor: 3 },
    'a pipe': { name: 'set/secateur-evil', type: 'fifo' },
    'a folder that climbs': { name: '../secateur-evil/', type: 'directory' },
    'a file outside the folder': { name: 'other/a.bin', content },
    'a file in a folder below': { name: 'set/deep/a.bin', content },
    'a hidden file': { name: 'set/.bashrc', content },
    'a large stranger': { name: 'set/stranger', content: new Uint8Array(2 ** 20 + 1) },
    'the property of all objects': { name: '__proto__', content },
    'a second member of a wanted name': { name: 'set/a.bin', content },
    'a second member by another spelling': { name: './set/a.bin', content },
  };

  it.each(Object.entries(hostile))('refuses %s and writes nothing', async (_, member) => {
    for (const members of [
      [...good, member],
      [member, ...good],
    ]) {
      const reading = read(members);
      await expect(reading).rejects.toThrow(DataError);
      await expect(reading).rejects.toThrow(/^set\.tar\.gz: member /);
    }
    const outside = ['..', '../..', '/tmp', 'set', '.'].map((place) => `${place}/secateur-evil`);
    expect(outside.filter(existsSync)).toEqual([]);
  });

  it('refuses a wanted file that is a link or has another size', async () => {
    const link: Member = { name: 'set/b.bin', type: 'symlink', linkname: 'a.bin' };
    await expect(read([good[0]!, link])).rejects.toThrow(
      'member set/b.bin: expected one plain file of 700 bytes, found a symlink set/b.bin to a.bin',
    );
    const short = { name: 'set/b.bin', content: content.subarray(1) };
    await expect(read([good[0]!, short])).rejects.toThrow('found a file set/b.bin of 699 bytes');
  });

  it('refuses a link that claims the size of the wanted file', async () => {
    const tar = await tarOf(good);
    // Byte 156 of a header is its type ('0' file, '2' symlink), bytes 148 to 153 its octal checksum.
    tar[156] = '2'.charCodeAt(0);
    const checksum = parseInt(tar.toString('latin1', 148, 154), 8) + 2;
    tar.write(checksum.toString(8).padStart(6, '0'), 148, 'latin1');
    await expect(readArchive(gzipSync(tar), 'set.tar.gz', layout)).rejects.toThrow(
      'set.tar.gz: member set/a.bin: expected one plain file of 700 bytes, found a symlink',
    );
  });

  it('names the members that are missing', async () => {
    await expect(read([good[1]!])).rejects.toThrow(
      'set.tar.gz: expected the members a.bin, b.bin in set/, found no a.bin',
    );
  });

  it('refuses an archive cut anywhere, compressed or before compression', async () => {
    const tar = await tarOf(good);
    const whole = gzipSync(tar);
    for (let length = 0; length < whole.length; length += 40) {
      const cut = readArchive(whole.subarray(0, length), 'cut.tar.gz', layout);
      await expect(cut).rejects.toThrow(DataError);
    }
    // Two members of 512 + 1024 bytes; an archive without its closing blocks is still whole.
    for (let length = 0; length < 3072; length += 100) {
      const cut = readArchive(gzipSync(tar.subarray(0, length)), 'cut.tar.gz', layout);
      await expect(cut).rejects.toThrow(DataError);
    }
  });

  it('stops a decompression bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 25));
    await expect(readArchive(bomb, 'bomb.tar.gz', layout)).rejects.toThrow(
      'bomb.tar.gz: expected a whole gzip file of at most 4195704 bytes', // 1400 + 2^22
    );
  });

  it('refuses what is not an archive', async () => {
    await expect(readArchive(randomBytes(100), 'x', layout)).rejects.toThrow(DataError);
    await expect(readArchive(gzipSync(randomBytes(2048)), 'x', layout)).rejects.toThrow(DataError);
  });
});
