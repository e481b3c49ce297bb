/** How pixels become the numbers that a network takes; loads no TensorFlow. */
import type { DataSet } from './data-set';

/** What is taken off each channel and what it is divided by: input = (pixel / 255 - mean) / deviation. */
export interface InputScale {
  /** One for all channels or one for each, in units of pixel / 255. */
  readonly mean: readonly number[];
  /** As many, above 0, in the same units. */
  readonly deviation: readonly number[];
}

/** The scales that have a name of their own. */
const namedScales = {
  /** 0 to 1. */
  unit: { mean: [0], deviation: [1] },
  /** -1 to 1, as Keras' `preprocess_input` calls it: pixel / 127.5 - 1. */
  tf: { mean: [0.5], deviation: [0.5] },
  /** 0 to 255. */
  raw: { mean: [0], deviation: [1 / 255] },
} as const satisfies Record<string, InputScale>;

/** Pixels as they are, which a network takes that scales them itself. */
export const rawScale: InputScale = namedScales.raw;

/** What an input scale may be, as the words after "must be". */
export const INPUT_SCALE_FORMS =
  'auto, standard, unit, tf, raw or MEAN/DEVIATION in units of pixel / 255, as ' +
  '0.485,0.456,0.406/0.229,0.224,0.225';

/**
 * The scale that a text names.
 *
 * @returns `auto` and `standard`, the data set's own, as they are; null where the text is none of the forms. A mean
 *   above 1 is none: it counts in pixels, and not in units of pixel / 255.
 */
export function readInputScale(text: string): InputScale | 'auto' | 'standard' | null {
  if (text === 'auto' || text === 'standard') return text;
  if (isNamed(text)) return namedScales[text];
  const parts = text.split('/').map((part) => part.split(',').map(readNumber));
  if (parts.length !== 2) return null;
  const [mean, deviation] = parts as [number[], number[]];
  const isWithin = (value: number): boolean => value >= 0 && value <= 1; // NaN is not
  const isScale = [...mean, ...deviation].every(isWithin) && !deviation.includes(0);
  const isEven = mean.length === deviation.length || mean.length === 1 || deviation.length === 1;
  if (!isScale || !isEven) return null;
  const channels = Math.max(mean.length, deviation.length);
  return { mean: spread(mean, channels), deviation: spread(deviation, channels) };
}

function isNamed(text: string): text is keyof typeof namedScales {
  return Object.hasOwn(namedScales, text);
}

function readNumber(text: string): number {
  return /^\s*(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : NaN;
}

/** One number for all channels, as one for each. */
function spread(values: readonly number[], channels: number): readonly number[] {
  return values.length === 1 ? Array.from({ length: channels }, () => values[0]!) : values;
}

/** Whether a scale has numbers for so many channels. */
export function fitsChannels({ mean }: Pick<InputScale, 'mean'>, channels: number): boolean {
  return mean.length === 1 || mean.length === channels;
}

/** Whether two scales make the same of every pixel of so many channels. */
export function isSameScale(one: InputScale, other: InputScale, channels: number): boolean {
  const figures = ({ mean, deviation }: InputScale): number[] => [
    ...spread(mean, channels),
    ...spread(deviation, channels),
  ];
  const theirs = figures(other);
  return figures(one).every((value, at) => value === theirs[at]);
}

/** What a scale makes of a pixel, for a person: `raw (pixel)`, `(pixel / 255 - 0.5) / 0.25`. */
export function describeScale(scale: InputScale): string {
  const formulas = { unit: 'pixel / 255', tf: 'pixel / 127.5 - 1', raw: 'pixels of 0 to 255' };
  const channels = scale.mean.length;
  for (const [name, formula] of Object.entries(formulas)) {
    const named = namedScales[name as keyof typeof formulas];
    if (isSameScale(named, scale, channels)) return `${name} (${formula})`;
  }
  const shown = (values: readonly number[]): string => {
    const rounded = values.map((value) => Number(value.toPrecision(6)));
    return rounded.length === 1 ? String(rounded[0]) : `[${rounded.join(', ')}]`;
  };
  return `(pixel / 255 - ${shown(scale.mean)}) / ${shown(scale.deviation)}`;
}

/**
 * A data set whose images are scaled otherwise: its pixels, its augmentation and its fingerprint are the same.
 *
 * @param scale that fits its channels.
 */
export function withScale(data: DataSet, scale: InputScale): DataSet {
  const { name, classes, train, validation, augmentation, recipe, fingerprint } = data;
  const { channels } = train;
  if (isSameScale(data, scale, channels)) return data;
  return {
    ...{ name, classes, train, validation, augmentation, recipe, fingerprint },
    get test() {
      return data.test; // read when it is asked for, as ever
    },
    mean: spread(scale.mean, channels),
    deviation: spread(scale.deviation, channels),
  };
}
