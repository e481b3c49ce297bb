import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../../backend/engine';
import { evaluationBatches } from '../../data';
import { setUsage, typescriptSource, usageLines } from '../../formats';
import type { Usage } from '../../formats';
import { toyData, toyModel } from '../trainer/fixtures/toy-run';
import { stock } from '../../layers';

const data = toyData();
const usage: Usage = {
  ...{ size: [5, 5, 1], layout: 'channelsLast', mean: data.mean, deviation: data.deviation },
  classes: data.classes,
};

beforeAll(async () => {
  await startEngine('cpu');
});

/** Runs lines as a program would, on one picture, and answers one of their variables. */
function run(
  lines: readonly string[],
  picture: unknown,
  model: unknown,
  variable: string,
): unknown {
  const body = `${lines.join('\n')}\nreturn ${variable};`;
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  return new Function('tf', 'picture', 'model', body)(tf, picture, model);
}

/** A picture of a grey image, as a canvas has it. */
function pictureOf(image: number): { width: number; height: number; data: Uint8Array } {
  const grey = [...data.train.pixels.subarray(25 * image, 25 * (image + 1))];
  return { width: 5, height: 5, data: Uint8Array.from(grey.flatMap((p) => [p, p, p, 255])) };
}

describe('the lines of a program that uses a network', () => {
  it('feed it what it was trained on, and name the class that it answers', async () => {
    const model = toyModel();
    const lines = usageLines(model, usage);
    let image = 0;
    for await (const batch of evaluationBatches(data.train, data, 1)) {
      const { images } = batch;
      const input = run(lines, pictureOf(image), model, 'input') as tf.Tensor;
      const name = run(lines, pictureOf(image), model, 'name');
      input.dataSync().forEach((value, at) => {
        expect(value).toBeCloseTo(images.dataSync()[at]!, 5);
      });
      const answer = (model.predict(images) as tf.Tensor).dataSync();
      expect(name).toBe(data.classes[answer.indexOf(Math.max(...answer))]);
      batch.dispose();
      image++;
    }
    model.dispose();
  });

  it('stand at the head of its source, where they run as well, whatever the classes are called', () => {
    const model = stock(toyModel());
    const classes = ['*/ end', 'a "b"', 'c\u2028d'];
    setUsage(model, { ...usage, classes, accuracy: { top1: 0.5, images: 6, dataSet: 'toy' } });
    const source = typescriptSource(model);
    const [head] = /^\/\*\*[^]*?\*\//.exec(source)!;
    expect(head).toContain(' * It answers 50.00 % of 6 images of toy right.\n');
    const lines = [...head.matchAll(/^ \* {5}(.*)$/gm)].map(([, line]) => line!);
    const name = run(lines, pictureOf(0), model, 'name');
    const names = run(lines, pictureOf(0), model, 'classes');
    expect(names).toEqual(classes);
    expect(classes).toContain(name);
    model.dispose();
  });

  it('are in the README for any network that says how it is fed', () => {
    const readme = readFileSync('README.md', 'utf8');
    const [block] = /^const \{ mean, deviation, size, classes \}[^]*?(?=^```)/m.exec(readme)!;
    const model = toyModel();
    setUsage(model, usage);
    const lines = usageLines(model, usage);
    for (const image of [0, 1, 2]) {
      const name = run(block.split('\n'), pictureOf(image), model, 'name');
      expect(name).toBe(run(lines, pictureOf(image), model, 'name'));
    }
    model.dispose();
  });

  it('are none where it is not known how it is fed', () => {
    const model = toyModel();
    expect(usageLines(model, {})).toEqual([]);
    expect(usageLines(model, { classes: ['a', 'b', 'c'], size: [5, 5, 1] })).toEqual([]);
    expect(usageLines(model, { ...usage, classes: [] })).toHaveLength(3);
    model.dispose();
  });
});
