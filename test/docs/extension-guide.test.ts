import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../trainer/fixtures/command-line';

const root = join(__dirname, '..', '..');
const folder = join(root, 'examples', 'guide');
const guide = readFileSync(join(root, 'docs', 'methods.md'), 'utf8');

/** What each file of the guide says when it runs; golden where numbers follow from shapes alone. */
const outputs: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  // 12/23/45 of 16/32/64 filters: 21,452,544 MACs of the convolutions and 45 x 10 of the classifier
  'criterion.ts': ['uniform: 40551040 -> 21452994 MACs', /^global: \d+ -> \d+/m, /^adaptive: \d+/m],
  'schedule.ts': [/^every event: .*metrics\.csv$/m, 'removed in the end: 115'], // 0.3 of 400 in 21 layers
  'layer-handler.ts': ['the gain keeps 4 of 8 channels', 'difference to the masked network: 0\n'],
  'network.ts': [
    'stem: 16 channels of stem + branch',
    'classes: 10 channels of classes, not prunable: model output',
    'parameters 6554 -> 1842',
    'difference to the masked network: 0\n',
  ],
  'register.ts': [], // a module that others load
  'data-set.ts': ['144 images to learn from, 16 held out', 'MACs 2516096 -> 1327050'],
};

async function outputOf(file: string): Promise<string> {
  const run = ['-r', 'ts-node/register/transpile-only', join(folder, file)];
  const { stdout } = await promisify(execFile)(process.execPath, run, { cwd: root });
  return stdout;
}

describe.concurrent('the extension guide', () => {
  it('has no other files than those that are run here', () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(outputs).sort());
  });

  it.each(Object.entries(outputs))(
    'prints %s whole, and it runs as printed',
    async (file, lines) => {
      const text = readFileSync(join(folder, file), 'utf8');
      expect(guide).toContain(`\`\`\`ts\n${text}\`\`\``);
      const said = await outputOf(file);
      for (const line of lines) {
        if (typeof line === 'string') expect(said).toContain(line);
        else expect(said).toMatch(line);
      }
    },
  );

  it('has a module that puts its method on the command line, with help for its option', async () => {
    const given = ['--register', join(folder, 'register.ts'), 'prune', '--help'];
    const { code, stdout, stderr } = await commandLine(given);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/--peak-power X +with peak: power of the largest weight/);
  });
});
