/** The lines of a program that feeds an image to a network and reads its answer. */
import type * as tf from '@tensorflow/tfjs';
import type { Usage } from './usage';

/** Names of classes that are printed at most; longer lists are looked up in pruning.json. */
const LISTED = 100;

/**
 * JavaScript that classifies an image with a model by what it says of its use: `picture` is what
 * `tf.browser.fromPixels` takes, `model` the network.
 *
 * @returns no lines where it does not say how images are scaled, or takes none.
 */
export function usageLines(model: tf.LayersModel, usage: Usage): string[] {
  const { mean, deviation, size, classes = [] } = usage;
  if (!mean || !deviation || !size || model.inputs.length !== 1) return [];
  const [height, width, channels] = size as [number, number, number];
  const pixels = `tf.browser.fromPixels(picture, ${channels})`;
  const isLong = classes.length > LISTED;
  const named = isLong
    ? 'const { classes } = pruning.usage; // pruning: what pruning.json holds'
    : `const classes = [${classes.map(quoteName).join(', ')}];`;
  return [
    `const image = tf.image.resizeBilinear(${pixels}, [${height}, ${width}]);`,
    `const input = tf.div(tf.sub(tf.div(image, 255), ${list(mean)}), ${list(deviation)});`,
    'const answer = model.predict(tf.expandDims(input, 0));',
    ...(classes.length > 0
      ? [...wrapText(named), `const name = classes[${choiceOf(model)}];`]
      : []),
  ];
}

/** A name as JavaScript has it, which ends neither a comment nor a line. */
function quoteName(name: string): string {
  return JSON.stringify(name)
    .replaceAll('*/', '*\\/')
    .replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`);
}

/** Values per channel, which broadcast over the last axis. */
function list(values: readonly number[]): string {
  return values.length === 1 ? String(values[0]) : `[${values.join(', ')}]`;
}

/** The index of the class: of the largest number, or by the one number that speaks for two classes. */
function choiceOf({ outputs }: tf.LayersModel): string {
  const isOne = outputs[0]!.shape.slice(1).every((length) => length === 1);
  if (isOne) return 'Number(answer.dataSync()[0] > 0.5)'; // a sigmoid, as Keras has it
  return 'tf.argMax(tf.reshape(answer, [-1])).dataSync()[0]';
}

/** A line broken behind commas, into lines of at most 96 characters where that can be. */
function wrapText(text: string): string[] {
  const lines = [''];
  for (const part of text.split(/(?<=", )/)) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + part.length > 96) lines.push(`  ${part}`);
    else lines[lines.length - 1] = last + part;
  }
  return lines.map((line) => line.trimEnd());
}
