import type { JsonObject } from '../json';
import { entries, fields, nullOr, object, optional, real, text, whole } from '../shape';
import type { Shaped } from '../shape';

/** What stays of a network, each vector as `<count>:<base64>`. */
const keepJson = fields({
  groups: entries(text(/^\d{1,10}:[A-Za-z0-9+/]*={0,2}$/, '"<count>:<base64>"')),
  weights: entries(text(/^\d{1,10}:[A-Za-z0-9+/]*={0,2}$/, '"<count>:<base64>"')),
});

/** How many rows of metrics there were, and the SHA-256 of their lines in the table. */
const metricsMark = fields({
  rows: whole(),
  sha256: text(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal'),
});

/** How many rows of metrics there were at some time, and the SHA-256 of their lines in the table. */
export type MetricsMark = Shaped<typeof metricsMark>;

/** How long a run is, which bounds what its checkpoints may say. */
export interface RunLength {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/** The most times that a run's learning rate is lowered. */
export const MOST_LOWERINGS = 3;

/** What a checkpoint says of a run beside its tensors. */
export type TrainingRecord = Shaped<ReturnType<typeof shapeAt>>;

/**
 * Reads what a checkpoint says, which may be anything: a hash proves that it is as it was written, not who wrote it.
 *
 * @param record of the checkpoint. @param step of the checkpoint. @param file for the error.
 * @throws {MalformedFileError} naming the key, what is allowed and what was found.
 */
export function readTrainingRecord(
  record: JsonObject,
  { epochs, stepsPerEpoch }: RunLength,
  file: string,
): TrainingRecord {
  const place = (key: string): { file: string; key: string } => ({ file, key: `record.${key}` });
  const step = whole({ to: epochs * stepsPerEpoch })(record.step, place('step'));
  // The end of an epoch is a step of its own: before it the epoch is not finished yet.
  const least = Math.max(0, Math.ceil(step / stepsPerEpoch) - 1);
  const bounds = { from: least, to: Math.floor(step / stepsPerEpoch) };
  const finished = whole(bounds)(record.epochs, place('epochs'));
  const read = shapeAt(step, finished, stepsPerEpoch)(record, { file, key: 'record' });
  if (read.best) {
    const end = (read.best.epoch + 1) * stepsPerEpoch;
    whole({ from: end, to: end })(read.best.step, place('best.step'));
  }
  return read;
}

function shapeAt(step: number, epochs: number, stepsPerEpoch: number) {
  const batch = step - epochs * stepsPerEpoch;
  const share = real({ from: 0, to: 1 });
  const evaluation = fields({
    loss: real(),
    top1: share,
    top5: share,
    images: whole({ from: 1 }),
  });
  const best = fields({
    epoch: whole({ to: Math.max(0, epochs - 1) }),
    step: whole({ from: 1, to: Math.max(1, epochs * stepsPerEpoch) }),
    evaluation,
  });
  // Chosen before its epoch ends with an event, so that the epoch is not finished yet.
  const dense = fields({
    epoch: whole({ to: epochs }),
    step: whole({ from: 1, to: step }),
    evaluation,
  });
  return fields({
    identity: object,
    step: whole({ from: step, to: step }),
    epochs: whole({ from: epochs, to: epochs }),
    losses: fields({ sum: real(), count: whole({ from: batch, to: batch }) }),
    optimizerSteps: whole(),
    keep: keepJson,
    /** Not in the checkpoints of versions without gradual regrowth: there it follows from the regrowth. */
    held: optional(keepJson),
    best: nullOr(best),
    /** The best epoch before anything was removed; missing where there is none. */
    dense: optional(dense),
    /** How often the learning rate was divided; missing where it never was. */
    lowered: optional(whole({ from: 1, to: MOST_LOWERINGS })),
    /** Of the rows so far; not in the checkpoints of earlier versions. */
    metrics: optional(metricsMark),
  });
}
