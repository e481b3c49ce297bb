import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from '../trainer/fixtures/toy-run';

const root = join(__dirname, '..', '..');

/** Runs an example as a reader would, without the type check that the whole project gets anyway. */
async function outputOf(example: string, ...args: string[]): Promise<string> {
  const file = join(root, 'examples', `${example}.ts`);
  const run = ['-r', 'ts-node/register/transpile-only', file, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, run, { cwd: root });
  return stdout;
}

describe('a program of a dozen lines', () => {
  it('trains, prunes, verifies and writes; another prunes what it wrote', async () => {
    const folder = scratchFolder();
    const [run, small] = [join(folder, 'run'), join(folder, 'small')];
    for (const example of ['train-and-prune', 'prune-file']) {
      const lines = readFileSync(join(root, 'examples', `${example}.ts`), 'utf8').trimEnd();
      expect(lines.split('\n').length).toBeLessThanOrEqual(15);
    }
    const trained = await outputOf('train-and-prune', run);
    // ResNet-20 on 28 x 28 x 1; the small network is that of README's first run
    expect(trained).toContain('MACs 30821248 -> 16255710');
    const pruned = await outputOf('prune-file', join(run, 'export', 'model.json'), small);
    expect(pruned).toContain('MACs 16255710 -> ');
    for (const output of [trained, pruned]) {
      expect(Number(/network: (\S+)/.exec(output)![1])).toBeLessThan(1e-5);
    }
    expect(existsSync(join(small, 'model.json'))).toBe(true);
  });
});

describe.concurrent('examples', () => {
  it('prunes through a channel shuffle once its handler is registered', async ({ expect }) => {
    const output = await outputOf('channel-shuffle');
    expect(output).toContain(
      'without a handler: stem is closed, shuffle is of the unknown class ChannelShuffle',
    );
    expect(output).toMatch(/stem keeps 4 of 8 channels, in the order (?=.*0)(?=.*1)(?=.*2)(?=.*3)/);
    expect(output).toContain('largest difference to the masked network: 0 (16 samples, cpu)');
  });

  it('draws a lottery ticket that trains better than its mask alone', async ({ expect }) => {
    const output = await outputOf('lottery-ticket');
    // 2 * 32 + 32 * 32 + 32 * 3 = 1184 weights, of which floor(1184 * 0.9) = 1065 go
    expect(output).toContain('119 of 1184 weights stay');
    const shares = [...output.matchAll(/: ([\d.]+) %/g)].map(([, share]) => Number(share));
    const [dense, ticket, fresh] = shares as [number, number, number];
    expect(dense).toBeGreaterThan(97);
    expect(ticket).toBeGreaterThan(fresh);
    expect(dense - ticket).toBeLessThan(3);
  });

  it('prunes a squeeze-and-excite block exactly', async ({ expect }) => {
    const output = await outputOf('squeeze-and-excite');
    expect(output).toContain('group trunk: 16 channels of trunk + expand\n');
    expect(output).toContain('group reduce: 4 channels of reduce\n');
    // Convolutions at 12x12 -> 10x10 -> 8x8: trunk 9*3*16*100 = 43,200, gate 2*16*4 = 128,
    // read 9*16*8*64 = 73,728, classes 8*4 = 32: 117,088. Half of all widths but classes and input:
    // 9*3*8*100 = 21,600, 2*8*2 = 32, 9*8*4*64 = 18,432, 4*4 = 16: 40,080.
    expect(output).toContain('MACs 117088 -> 40080');
    expect(output).toContain('largest difference to the masked network: 0 (16 samples, cpu)');
  });
});
