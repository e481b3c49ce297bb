/** What a network says of its use: how it is fed, what its answers mean, and how well it does. */
import type * as tf from '@tensorflow/tfjs';
import { isJsonObject } from '../files';
import type { JsonObject, JsonValue } from '../files';

/** How images are fed to a network and what it answers; what is not known is missing, never guessed. */
export interface Usage {
  /** Height, width and channels of an image. */
  readonly size?: readonly number[];
  /** Where the channels are in an image. */
  readonly layout?: 'channelsLast';
  /** Per channel: the input is (pixel / 255 - mean) / deviation. */
  readonly mean?: readonly number[];
  readonly deviation?: readonly number[];
  /** Names of the classes, in the order of the answers. */
  readonly classes?: readonly string[];
  /** Of this network, on images that it was not trained on. */
  readonly accuracy?: MeasuredAccuracy;
  /** Hex SHA-256 of the bytes of all weights, in the order of model.json. */
  readonly weightsSha256?: string;
}

/** A share of right answers, and of what. */
export interface MeasuredAccuracy {
  /** In [0, 1]. */
  readonly top1: number;
  readonly images: number;
  /** The data set, or the part of it. */
  readonly dataSet: string;
}

/** Under this key it travels in a model's `userDefinedMetadata`, which tfjs saves and loads. */
const METADATA_KEY = 'secateurUsage';

/** What a model says of its use; what is not of the right form is left out. */
export function usageOf(model: tf.LayersModel): Usage {
  return readUsage(metadataOf(model));
}

/** As `usageOf`, of the user-defined metadata itself. */
export function readUsage(metadata: JsonObject | null): Usage {
  const given = metadata?.[METADATA_KEY];
  if (!isJsonObject(given)) return {};
  const known = Object.entries(given).filter(([key, value]) => isPart(key, value));
  const usage: Usage = Object.fromEntries(known);
  if (usage.mean?.length === usage.deviation?.length) return usage;
  const isOfScale = (key: string): boolean => key === 'mean' || key === 'deviation';
  return Object.fromEntries(Object.entries(usage).filter(([key]) => !isOfScale(key)));
}

/** What each part of it must be. */
const parts: { readonly [Part in keyof Usage]-?: (value: JsonValue | undefined) => boolean } = {
  size: (value) => isNumbers(value, isLength) && value.length === 3,
  layout: (value) => value === 'channelsLast',
  mean: (value) => isNumbers(value, Number.isFinite),
  deviation: (value) => isNumbers(value, (one) => one > 0 && Number.isFinite(one)),
  classes: isTexts,
  accuracy: isAccuracy,
  weightsSha256: isSha256,
};

function isPart(key: string, value: JsonValue | undefined): boolean {
  return Object.hasOwn(parts, key) && parts[key as keyof Usage](value);
}

/** Notes what a model says of its use, in place of what it said, beside its other metadata. */
export function setUsage(model: tf.LayersModel, usage: Usage): void {
  model.setUserDefinedMetadata(withUsage(metadataOf(model), usage));
}

/** Metadata with what it says of the use replaced. */
export function withUsage(metadata: JsonObject | null, usage: Usage): JsonObject {
  const others = Object.entries(metadata ?? {}).filter(([key]) => key !== METADATA_KEY);
  const own = Object.keys(usage).length > 0 ? { [METADATA_KEY]: { ...usage } as JsonObject } : {};
  return { ...Object.fromEntries(others), ...own };
}

/** What a model has in its user-defined metadata; null where there is none. */
export function metadataOf(model: tf.LayersModel): JsonObject | null {
  const metadata = model.getUserDefinedMetadata() as JsonObject | undefined;
  return metadata ?? null;
}

/**
 * What it says of weights of this hash: an accuracy that was measured of others is left out.
 *
 * A program that trains an export on and saves it hands the metadata on as it was.
 */
export function usageOfWeights(usage: Usage, sha256: string): Usage {
  const { accuracy, weightsSha256 = sha256, ...lasting } = usage;
  const isMeasured = accuracy !== undefined && weightsSha256 === sha256;
  return { ...lasting, ...(isMeasured && { accuracy }), weightsSha256: sha256 };
}

function isNumbers(
  value: JsonValue | undefined,
  accepts: (item: number) => boolean,
): value is readonly number[] {
  const items = Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  return items.length > 0 && items.every((item) => typeof item === 'number' && accepts(item));
}

function isLength(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function isTexts(value: JsonValue | undefined): boolean {
  const items = Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  return items.length > 0 && items.every((item) => typeof item === 'string');
}

function isAccuracy(value: JsonValue | undefined): boolean {
  const { top1, images, dataSet } = isJsonObject(value) ? value : {};
  const isShare = typeof top1 === 'number' && top1 >= 0 && top1 <= 1;
  return isShare && typeof images === 'number' && isLength(images) && typeof dataSet === 'string';
}

/** Whether a value is a SHA-256 in hex. */
export function isSha256(value: unknown): value is string {
  return typeof value === 'string' && /^[\da-f]{64}$/.test(value);
}
