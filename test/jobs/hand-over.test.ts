import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { nodeFiles } from '../../files';
import type { FileLayer } from '../../files';
import { writeForms } from '../../formats';
import { Network } from '../../graph';
import { ReadBackError } from '../../jobs';
import { handOver, sampleImages } from '../../jobs/hand-over';
import type { HandedOver, HandOver } from '../../jobs/hand-over';
import { describeOn } from '../engines';
import {
  NotedProgress,
  scratchFolder,
  toyData,
  toyImages,
  toyModel,
} from '../trainer/fixtures/toy-run';
import { chooseUnits, GeometricMedian } from '../../methods';
import { StoppedError } from '../../errors';

/** Hands a pruned toy over into `folder`. */
async function handOverInto(folder: string, options: Partial<HandOver> = {}): Promise<HandedOver> {
  const model = toyModel();
  const network = Network.of(model);
  const keep = chooseUnits(network, new GeometricMedian(), { rate: 0.4 });
  try {
    return await handOver({
      network,
      keep,
      folder,
      facts: { method: 'fpgm', rate: 0.4, seed: 1, source: 'toy' },
      samples: () => sampleImages(toyImages(6, 1), toyData(), 6),
      classify: null,
      progress: new NotedProgress(),
      ...options,
    });
  } finally {
    model.dispose();
  }
}

/** The files of a folder. */
function contentOf(folder: string): string[] {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
}

/** A disk on which one file comes to hold another bit than was written: of a value, at its first or in the middle. */
function flipping(name: string): FileLayer {
  return {
    ...nodeFiles,
    async open(target, flags) {
      const file = await nodeFiles.open(target, flags);
      const write = (bytes: Uint8Array): Promise<number> => {
        const flipped = Uint8Array.from(bytes);
        flipped[name.endsWith('.bin') ? 3 : Math.floor(bytes.length / 2)]! ^= 0x40;
        return file.write(flipped);
      };
      return target.endsWith(`/${name}`) ? { ...file, write } : file;
    },
  };
}

describeOn(['cpu'], 'handOver', () => {
  it('writes the network with its manifest, measures both and leaves no tensor behind', async () => {
    const folder = join(scratchFolder(), 'export');
    const tensors = tf.memory().numTensors;
    const { dense, masked, exported, verification, manifest } = await handOverInto(folder);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(JSON.parse(readFileSync(join(folder, 'pruning.json'), 'utf8'))).toEqual(manifest);
    expect(verification.samples).toBe(6);
    expect(dense).toBeNull();
    expect(masked).toMatchObject({ accuracy: null, loss: null });
    for (const key of ['macs', 'params', 'bytes'] as const) {
      expect(exported[key]).toBeLessThan(masked[key]!);
    }
    expect(exported.latency!.median).toBeGreaterThan(0);
  });

  it('replaces an earlier export', async () => {
    const folder = join(scratchFolder(), 'export');
    await handOverInto(folder);
    writeFileSync(join(folder, 'model.json'), 'of the earlier export');
    await handOverInto(folder);
    expect(readdirSync(folder).sort()).toEqual([
      'group1-shard1of1.bin',
      'model.json',
      'pruning.json',
    ]);
    expect(readFileSync(join(folder, 'model.json'), 'utf8')).toContain('layers-model');
  });

  it.each([
    ['group1-shard1of1.bin', 'model.json was read back and has another weight conv0/kernel'],
    ['weights.sparse', 'weights.sparse was read back and'],
    ['network.onnx', 'network.onnx was read back and'],
    ['model.json', 'model.json was read back and cannot be opened'],
  ])(
    'leaves an earlier export as it was when %s comes back as something else',
    async (file, told) => {
      const scratch = scratchFolder();
      const folder = join(scratch, 'export');
      const extras: HandOver['extras'] = (hard) => writeForms(hard, ['tfjs', 'sparse', 'onnx']);
      await handOverInto(folder, { extras });
      const earlier = contentOf(folder);
      const tensors = tf.memory().numTensors;
      await expect(handOverInto(folder, { extras, files: flipping(file) })).rejects.toThrow(told);
      const others = join(scratch, 'new');
      await expect(handOverInto(others, { extras, files: flipping(file) })).rejects.toThrow(ReadBackError); // prettier-ignore
      expect(contentOf(folder)).toEqual(earlier);
      expect(readdirSync(scratch)).toEqual(['export']);
      expect(tf.memory().numTensors).toBe(tensors);
    },
  );

  it('writes nothing when it is stopped before, and frees everything', async () => {
    const folder = join(scratchFolder(), 'export');
    const tensors = tf.memory().numTensors;
    const signal = AbortSignal.abort(new StoppedError('SIGTERM'));
    await expect(handOverInto(folder, { signal })).rejects.toThrow(new StoppedError('SIGTERM'));
    expect(existsSync(folder)).toBe(false);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('writes nothing when the last measurement fails, and frees everything', async () => {
    const folder = join(scratchFolder(), 'export');
    const tensors = tf.memory().numTensors;
    let measured = 0;
    const classify: HandOver['classify'] = () =>
      ++measured < 2
        ? Promise.resolve({ accuracy: 1, loss: 0 })
        : Promise.reject(new Error('no image'));
    await expect(handOverInto(folder, { classify })).rejects.toThrow('no image');
    expect(measured).toBe(2);
    expect(existsSync(folder)).toBe(false);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
