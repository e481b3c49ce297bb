import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { DataSet } from '../../data';
import { evaluateNetwork, scanSensitivity, trainAndPrune } from '../../jobs';
import { describeOn } from '../engines';
import { scratchFolder, toyData, toyModel } from '../trainer/fixtures/toy-run';

const recipe = {
  ...{ epochs: 1, batchSize: 4, learningRate: 0.1, momentum: 0.9, weightDecay: 0 },
  ...{ schedule: 'cosine' as const, limitTrain: 0, limitValidation: 0, limitTest: 0 },
};

/** A network that is built, and fails as soon as it computes: it scales one channel by three numbers. */
function failing(): tf.LayersModel {
  const { height, width, channels } = toyData().train;
  const model = tf.sequential({ name: 'failing' });
  model.add(tf.layers.conv2d({ inputShape: [height, width, channels], filters: 4, kernelSize: 3 }));
  model.add(
    tf.layers.rescaling({ name: 'scaled', scale: [1, 2, 3] as unknown as number, offset: 0 }),
  );
  model.add(tf.layers.flatten());
  model.add(tf.layers.dense({ units: 3 }));
  return model;
}

describeOn(['cpu'], 'a network that TensorFlow.js does not compute', () => {
  const data: DataSet = { ...toyData(), recipe };

  it.each<[string, (model: tf.LayersModel, folder: string) => Promise<unknown>]>([
    ['trainAndPrune', (model, runDir) => trainAndPrune({ model, data, rate: 0.5, runDir })],
    [
      'a teacher',
      (teacher, runDir) => trainAndPrune({ model: toyModel(), teacher, data, rate: 0.5, runDir }),
    ],
    ['scanSensitivity', (model, out) => scanSensitivity({ model, data, out })],
    [
      'evaluateNetwork',
      (model) => evaluateNetwork({ model, source: 'net' }, { data, split: 'test', batchSize: 4 }),
    ],
  ])('is refused by its layer before there is a folder: %s', async (_job, run) => {
    const folder = join(scratchFolder(), 'out');
    await expect(run(failing(), folder)).rejects.toThrow(
      /must be a network that TensorFlow\.js computes: scaled \(Rescaling\): /,
    );
    expect(existsSync(folder)).toBe(false);
  });
});
