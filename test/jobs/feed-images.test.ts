import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { evaluationBatches, rawScale, withScale } from '../../data';
import type { DataSet } from '../../data';
import { setUsage } from '../../formats';
import { feedImages, identifyRun, prepareTraining, pruneLevels } from '../../jobs';
import { loadTeacher } from '../../jobs/load-teacher';
import { stock } from '../../layers';
import { describeOn } from '../engines';
import { scratchFolder, toyData, toyModel } from '../trainer/fixtures/toy-run';
import { readFileSync } from 'node:fs';

/** The toy, which takes pixels: it scales them itself as the toy images are. */
function rescalingToy(): tf.LayersModel {
  const { mean, deviation } = toyData();
  const input = tf.input({ shape: [5, 5, 1] });
  const scale = 1 / (255 * deviation[0]!);
  const scaling = tf.layers.rescaling({
    name: 'scaling',
    scale,
    offset: -mean[0]! / deviation[0]!,
  });
  const toy = stock(toyModel());
  const output = toy.apply(scaling.apply(input)) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: output });
}

/** Mean and deviation of what a network is fed with. */
const scaleOf = ({ mean, deviation }: DataSet): object => ({ mean, deviation });
const recipe = {
  ...{ epochs: 1, batchSize: 4, learningRate: 0.1, momentum: 0.9, weightDecay: 0 },
  ...{ schedule: 'cosine' as const, limitTrain: 0, limitValidation: 0, limitTest: 0 },
};

describeOn(['cpu'], 'images for a network', () => {
  it('are scaled as the data set says, as the network shows or says, or as is asked', () => {
    const data = toyData();
    const [plain, rescaling, saying] = [toyModel(), rescalingToy(), rescalingToy()];
    setUsage(saying, { mean: [0.25], deviation: [0.5] }); // counts before what it shows
    expect(feedImages(plain, data)).toBe(data);
    expect(scaleOf(feedImages(rescaling, data))).toEqual(rawScale);
    expect(scaleOf(feedImages(saying, data))).toEqual({ mean: [0.25], deviation: [0.5] });
    expect(feedImages(saying, data, { inputScale: 'standard' })).toBe(data);
    expect(scaleOf(feedImages(plain, data, { inputScale: 'unit' }))).toEqual({ mean: [0], deviation: [1] }); // prettier-ignore
    expect(() => feedImages(plain, data, { inputScale: '0.1' })).toThrow('inputScale must be auto, standard'); // prettier-ignore
    expect(data.testReads.count).toBe(0);
  });

  it('are scaled as usual for a network that says something else than a scale of these channels', () => {
    const data = toyData();
    const model = toyModel();
    for (const usage of [
      { mean: [0.1, 0.2, 0.3], deviation: [1, 1, 1] }, // of colour images
      { mean: [0.1], deviation: [0] },
      { mean: [0.1] },
      { mean: 0.1, deviation: 0.2 },
      'free for research',
    ]) {
      model.setUserDefinedMetadata({ secateurUsage: usage });
      expect(feedImages(model, data)).toBe(data);
    }
  });

  it('have other names for their classes, which is said', () => {
    const data = toyData();
    const model = toyModel();
    const notes: string[] = [];
    const note = (words: string): void => void notes.push(words);
    setUsage(model, { classes: ['left', 'right', 'below'] });
    feedImages(model, data, { note });
    setUsage(model, { classes: ['a', 'b', 'c', 'd'] }); // a head that was replaced
    feedImages(model, data, { note });
    expect(notes).toEqual([]);
    setUsage(model, { classes: ['right', 'left', 'below'] });
    feedImages(model, data, { note });
    expect(notes).toEqual([
      'the network names its classes right, left, below, toy left, right, below',
    ]);
    setUsage(model, { classes: ['\u001b[2J', 'b', 'c'] }); // which would clear a terminal
    feedImages(model, data, { note });
    expect(notes[1]).toContain('?[2J, b, c');
  });

  it('leave the identity of a run as it was, unless they are scaled otherwise than the data set says', async () => {
    const identified = async (model: tf.LayersModel, inputScale?: string): Promise<object> => {
      const data = { ...toyData(), recipe };
      using prepared = await prepareTraining({ model, data, rate: 0.5, inputScale });
      const { model: hash, ...others } = identifyRun(prepared, {});
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
      return others;
    };
    const usual = { format: 1, config: {}, data: toyData().fingerprint };
    expect(await identified(toyModel())).toEqual(usual);
    expect(await identified(toyModel(), '0.3/0.2')).toEqual(usual);
    expect(await identified(rescalingToy(), 'standard')).toEqual(usual);
    const raw = { ...usual, inputScale: rawScale };
    expect(await identified(rescalingToy())).toEqual(raw);
    expect(await identified(toyModel(), 'raw')).toEqual(raw);
  });
});

describeOn(['cpu'], 'a teacher', () => {
  it.each<[string, () => tf.LayersModel, string | undefined, object | null]>([
    ['takes the images of the network', toyModel, undefined, null],
    ['that scales pixels itself gets pixels', rescalingToy, undefined, rawScale],
    [
      'that scales pixels itself gets pixels, whatever the network takes',
      rescalingToy,
      'unit',
      rawScale,
    ],
    ['that says nothing takes what is asked for', toyModel, 'standard', null],
  ])('%s', async (_, make, inputScale, scale) => {
    const data = toyData();
    const student = toyModel();
    const fed = feedImages(student, data, { inputScale });
    const teacher = make();
    const dense = { model: student, source: 'toy', [Symbol.dispose]: () => undefined };
    using loaded = await loadTeacher({ teacher, distillWeight: 1, inputScale }, dense, {
      data,
      fed,
    });
    expect(loaded!.scale).toEqual(scale);
    // The student answers on the toy images as they are what the teacher should on its own: no difference.
    for await (const batch of evaluationBatches(data.train, data, 8)) {
      const logits = student.predict(batch.images) as tf.Tensor2D;
      const [images] = await tensorsOf(withScale(data, fed));
      const context = { images: images!, labels: batch.labels, logits };
      const term = loaded!.term.onBatch(context)(context as never);
      expect(Math.abs(term.dataSync()[0]!)).toBeLessThan(1e-5);
      break;
    }
  });
});

/** The first 8 training images, scaled. */
async function tensorsOf(data: DataSet): Promise<tf.Tensor[]> {
  for await (const { images } of evaluationBatches(data.train, data, 8)) return [images];
  return [];
}

describeOn(['cpu'], 'pruneLevels', () => {
  it('writes what each level says of its use, without an accuracy, which was not measured', async () => {
    const model = toyModel();
    const accuracy = { top1: 1, images: 6, dataSet: 'toy (test)' };
    setUsage(model, { classes: ['a', 'b', 'c'], accuracy });
    const { levels } = await pruneLevels({
      ...{ model, rates: [0.25, 0.5], out: scratchFolder(), dataset: 'toy', verifySamples: 2 },
    });
    for (const { folder } of levels) {
      const text = readFileSync(join(folder, 'pruning.json'), 'utf8');
      const { usage } = JSON.parse(text) as { usage: object };
      expect(Object.keys(usage)).toEqual(['classes', 'weightsSha256']);
    }
  });
});
