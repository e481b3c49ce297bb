import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { invoke, refusal } from './fixtures/invoke';

const folder = mkdtempSync(join(tmpdir(), 'secateur-graph-'));
const network = ['graph', '--arch', 'resnet20', '--input-shape', '8,8,3'];

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('graph --svg', () => {
  it('draws every layer to the file, and lists the groups all the same', async () => {
    const file = join(folder, 'network.svg');
    const { stdout, notes } = await invoke([...network, '--svg', file]);
    expect(notes).toContain('| layer1_0_conv1 ');
    expect(notes).toContain('prunable');
    expect(JSON.parse(stdout)).toMatchObject({
      layer1_0_conv1_out: ['layer1_0_bn1_bn', 'layer1_0_conv1_out', 'layer1_0_conv2_in'],
    });
    const drawing = readFileSync(file, 'utf8');
    expect(drawing).toMatch(/^<\?xml .*<svg .*<\/svg>\s*$/s);
    for (const layer of ['conv1', 'layer1_0_conv1', 'layer3_2_conv2', 'fc']) {
      expect(drawing).toContain(`>${layer}`);
    }
    expect(readdirSync(folder)).toEqual(['network.svg']);
  });

  it('names the file that cannot be written', async () => {
    const file = join(folder, 'nowhere', 'network.svg');
    expect((await refusal([...network, '--svg', file])).message).toContain('nowhere');
  });
});
