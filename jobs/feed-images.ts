import type * as tf from '@tensorflow/tfjs';
import {
  describeScale,
  fitsChannels,
  INPUT_SCALE_FORMS,
  isSameScale,
  rawScale,
  readInputScale,
  withScale,
} from '../data';
import type { DataSet, InputScale } from '../data';
import { OptionError } from '../errors';
import { usageOf } from '../formats';
import { findPreprocessing } from '../measure/preprocessing';

/** How images are scaled for a network. */
export interface FeedOptions {
  /**
   * `standard`, the mean and deviation of the data set; `unit`, pixel / 255; `tf`, pixel / 127.5 - 1; `raw`, pixels; or
   * MEAN/DEVIATION in units of pixel / 255. Default auto: what the network says of itself, see `feedImages`.
   */
  readonly inputScale?: string | undefined;
  /** Hears how they are scaled, where that is not the data set's own way. Default nobody. */
  readonly note?: ((words: string) => void) | undefined;
}

/** A scale and why it was chosen, as the end of a sentence. */
interface ChosenScale {
  readonly scale: InputScale;
  readonly reason: string;
}

/**
 * The data set with its images scaled as a network takes them.
 *
 * `auto` takes what an export of ours says of itself; pixels as they are for a network that begins with a Rescaling or
 * Normalization; else mean and deviation of the data set.
 *
 * @param model borrowed.
 * @throws {OptionError} when the scale is none, or has numbers for other channels.
 */
export function feedImages(
  model: tf.LayersModel,
  data: DataSet,
  { inputScale = 'auto', note }: FeedOptions = {},
): DataSet {
  const { channels } = data.train;
  const { scale, reason } =
    inputScale === 'auto'
      ? (findOwnScale(model, channels) ?? { scale: data, reason: '' })
      : { scale: readAsked(inputScale, data), reason: 'as asked for' };
  noteClasses(model, data, note);
  if (!isSameScale(scale, data, channels)) {
    note?.(`images go in as ${describeScale(scale)}, ${reason}`);
  }
  return withScale(data, scale);
}

/**
 * The data set as a teacher takes its images: as it says of itself, else as the option asks, else as usual.
 *
 * @param option where it is not auto, it speaks for a teacher that says nothing. Throws as `feedImages`.
 */
export function feedTeacher(
  teacher: tf.LayersModel,
  data: DataSet,
  { inputScale = 'auto' }: FeedOptions = {},
): DataSet {
  const own = findOwnScale(teacher, data.train.channels)?.scale;
  return withScale(data, own ?? (inputScale === 'auto' ? data : readAsked(inputScale, data)));
}

/** How images are fed where that is not the data set's own way: what decides results beside its fingerprint; else null. */
export function describeFed(fed: DataSet, data: DataSet): InputScale | null {
  const { mean, deviation } = fed;
  return isSameScale(fed, data, data.train.channels) ? null : { mean, deviation };
}

/** The scale that a network says of itself, or shows by how it begins; null where it does neither. */
function findOwnScale(model: tf.LayersModel, channels: number): ChosenScale | null {
  const { mean, deviation } = usageOf(model);
  if (mean && deviation && fitsChannels({ mean }, channels)) {
    return { scale: { mean, deviation }, reason: 'as the network says in its file' };
  }
  const layer = findPreprocessing(model);
  return layer === null
    ? null
    : { scale: rawScale, reason: `which ${layer} of the network scales` };
}

function readAsked(inputScale: string, data: DataSet): InputScale {
  const scale = readInputScale(inputScale);
  if (scale === 'standard' || scale === 'auto') return data;
  const { channels } = data.train;
  if (scale === null) {
    throw new OptionError({
      option: 'inputScale',
      allowed: INPUT_SCALE_FORMS,
      received: inputScale,
    });
  }
  if (fitsChannels(scale, channels)) return scale;
  throw new OptionError({
    option: 'inputScale',
    problem: `must have one number or ${channels}, for each channel of ${data.name}`,
    received: inputScale,
  });
}

/** Says where a network has other names for its classes than the images have. */
function noteClasses(model: tf.LayersModel, data: DataSet, note: FeedOptions['note']): void {
  const { classes } = usageOf(model);
  const isAlike = classes?.length === data.classes.length;
  if (!classes || !isAlike || classes.every((name, at) => name === data.classes[at])) return;
  const few = (names: readonly string[]): string =>
    names.slice(0, 3).join(', ') + (names.length > 3 ? ', ...' : '');
  note?.(`the network names its classes ${few(classes)}, ${data.name} ${few(data.classes)}`);
}
