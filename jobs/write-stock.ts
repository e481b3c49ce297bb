import * as tf from '@tensorflow/tfjs';
import { isJsonObject } from '../files';
import type { JsonObject, JsonValue } from '../files';
import { whileHolding } from '../files/run/hold-folder';
import { writeChecked, writeForms } from '../formats';
import type { FormatId } from '../formats';
import { chooseInputShapes } from '../graph';
import { droppedConstraints, requireFiniteWeights } from '../layers';
import type { DroppedConstraint } from '../layers';
import { blockLayers } from '../models';
import { seedOf } from '../random/seeds';
import type { Progress } from '../report/progress';
import { compareModels, strip } from '../surgery';
import type { Verification } from '../surgery';
import { proveWritten } from './prove-written';
import { requirePlace } from './require-place';
import type { PlaceOptions } from './require-place';
import { describeFiles } from './write-proven';

/** Where a network goes as it is, and in which forms. */
export interface StockOptions {
  readonly folder: string;
  /** What was read, and where the network comes from. */
  readonly place: Omit<PlaceOptions, 'model'>;
  /** Default tfjs. */
  readonly format?: readonly FormatId[];
  /** The pruning.json of the network, which goes along; null where it has none. */
  readonly pruning?: string | null;
  /** Of each input, without the batch: see `chooseInputShapes`, which is the default. */
  readonly inputShapes?: readonly (readonly number[])[];
  /** Inputs of the proof, on top of which every weight is compared. Default 2. */
  readonly verifySamples?: number;
  readonly progress?: Progress | undefined;
}

/** What was written. */
export interface WrittenStock {
  /** The stock network; the caller owns it. */
  readonly model: tf.LayersModel;
  /** What it no longer asks of its weights. */
  readonly dropped: readonly DroppedConstraint[];
  /** Null where the network computes nothing on inputs in [0, 1): its weights were compared then. */
  readonly verification: Verification | null;
}

/**
 * Writes a network as a stock model, masks applied; nothing takes its place before the files, read back, compute
 * what the network does.
 *
 * @param model borrowed.
 * @throws {NotFiniteError} naming a weight that holds NaN or infinity.
 * @throws {FolderInUseError} as `requirePlace`. @throws {VerificationError} when they compute something else.
 * @throws {ReadBackError} when a file is not as it should be.
 */
export function writeStock(model: tf.LayersModel, options: StockOptions): Promise<WrittenStock> {
  return whileHolding(options.folder, () => writeHeld(model, options));
}

async function writeHeld(
  model: tf.LayersModel,
  { folder, place, format = ['tfjs'], pruning = null, verifySamples = 2, ...others }: StockOptions,
): Promise<WrittenStock> {
  const { inputShapes = chooseInputShapes(model), progress } = others;
  requireFiniteWeights(model, place.source);
  const plain = strip(model);
  try {
    const source = (pruning === null ? null : sourceIn(pruning)) ?? place.source;
    await requirePlace(folder, { ...place, source, model: plain });
    const dropped = droppedConstraints(model, plain);
    const draw = (): Generator<tf.Tensor[]> => drawPositive(inputShapes, verifySamples);
    const samples = computes(plain, inputShapes, progress) ? draw : null;
    let verification: Verification | null = null;
    await writeChecked(plain, folder, {
      extras: writeForms(plain, format, { blocksOf: blockLayers }),
      check: async (draft, files) => {
        const subject = 'the network and its file';
        const compare = (readBack: tf.LayersModel): Promise<Verification> | null =>
          samples && compareModels(plain, readBack, samples(), { subject });
        verification = await proveWritten(
          draft,
          { written: plain, samples, compare, progress },
          files,
        );
        if (pruning === null) return {};
        const written = await describeFiles(plain, draft, files);
        return { 'pruning.json': renewManifest(pruning, { ...written, dropped }) };
      },
    });
    return { model: plain, dropped, verification };
  } catch (error) {
    plain.dispose();
    throw error;
  }
}

/** Where a pruning.json says that its network comes from; null where it does not. */
function sourceIn(text: string): string | null {
  const { source } = parseObject(text) ?? {};
  return typeof source === 'string' ? source : null;
}

function parseObject(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? value : null;
  } catch {
    return null; // it goes along as it is
  }
}

/** A pruning.json that speaks of the files that it now lies beside, and of all constraints that are gone. */
function renewManifest(
  text: string,
  {
    usage,
    files,
    dropped,
  }: { usage: object; files: object; dropped: readonly DroppedConstraint[] },
): string {
  const manifest = parseObject(text);
  if (manifest === null) return text;
  const { droppedConstraints: earlier } = manifest;
  const known = Array.isArray(earlier) ? (earlier as readonly JsonValue[]) : [];
  const all = [...known, ...dropped];
  const gone = all.length > 0 && { droppedConstraints: all };
  return `${JSON.stringify({ ...manifest, ...gone, usage, files }, null, 2)}\n`;
}

/** Whether the network computes on inputs of ours; a network of words or of a size of its own may not. */
function computes(
  model: tf.LayersModel,
  inputShapes: readonly (readonly number[])[],
  progress?: Progress,
): boolean {
  try {
    for (const inputs of drawPositive(inputShapes, 1))
      tf.dispose(tf.tidy(() => model.predict(inputs)));
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    progress?.note(
      `only the weights are compared with the file: no inputs can be drawn (${reason})`,
    );
    return false;
  }
}

/**
 * Uniform inputs in [0, 1), one tensor for each input, which as indexes are those of the first word;
 * in batches of at most 16, each freed when the next is asked for.
 */
function* drawPositive(
  inputShapes: readonly (readonly number[])[],
  count: number,
): Generator<tf.Tensor[]> {
  for (let done = 0; done < count; done += 16) {
    const batch = inputShapes.map((shape, index) => {
      const drawn = [Math.min(16, count - done), ...shape];
      return tf.randomUniform(drawn, 0, 1, 'float32', seedOf('verify', index, done));
    });
    try {
      yield batch;
    } finally {
      tf.dispose(batch);
    }
  }
}
