import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { fileFormats, formatIds, requireWritable, writeForms, writeModel } from '../../formats';
import type { FileFormat } from '../../formats';
import { blockLayers } from '../../models';
import { functionalModel, scratchFolder, weightBits } from './tfjs/model-folders';

const forms: readonly FileFormat[] = formatIds.map((id) => fileFormats[id]);

describe('the forms of a network', () => {
  it('are written under the names of the registry, over an earlier export too', async () => {
    const folder = join(scratchFolder(), 'all');
    const model = functionalModel();
    const written = writeForms(model, formatIds, { blocksOf: blockLayers });
    await writeModel(model, folder, written);
    await writeModel(model, folder, written);
    const names = forms.map(({ file }) => file);
    expect(readdirSync(folder).sort()).toEqual(['group1-shard1of1.bin', ...names].sort());
    model.dispose();
  });

  it.each(forms.filter(({ read }) => read !== undefined))(
    'are read as they were written: $id',
    async ({ file, read }) => {
      const folder = join(scratchFolder(), 'read');
      const model = functionalModel();
      await writeModel(model, folder, writeForms(model, formatIds));
      const again = await read!(join(folder, file));
      expect(weightBits(again)).toEqual(weightBits(model));
      for (const one of [model, again]) one.dispose();
    },
  );

  it('are refused before anything is written where one cannot hold the network', () => {
    const layer = tf.layers.gru({ units: 2, inputShape: [3, 4] });
    const model = tf.sequential({ layers: [layer] });
    expect(() => {
      requireWritable(model, ['tfjs', 'onnx']);
    }).toThrow(layer.name);
    expect(() => {
      requireWritable(model, ['tfjs']);
    }).not.toThrow();
    model.dispose();
  });
});
