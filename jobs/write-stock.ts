import type * as tf from '@tensorflow/tfjs';
import { isJsonObject } from '../files';
import type { JsonObject, JsonValue } from '../files';
import { whileHolding } from '../files/run/hold-folder';
import { writeChecked, writeForms } from '../formats';
import type { FormatId } from '../formats';
import { chooseInputShapes, Network } from '../graph';
import { droppedConstraints, requireFiniteWeights } from '../layers';
import type { DroppedConstraint } from '../layers';
import { drawInputs, requireComputable } from '../measure/sample-inputs';
import { blockLayers } from '../models';
import type { Progress } from '../report/progress';
import { compareModels, strip } from '../surgery';
import type { Verification } from '../surgery';
import { proveWritten } from './prove-written';
import { requirePlace } from './require-place';
import type { PlaceOptions } from './require-place';
import { describeFiles } from './write-proven';

/** Of the inputs of the proof, which are always the same. */
const VERIFY_SEED = 1;

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
    const network = findComputable(plain, inputShapes, progress);
    const samples = network && (() => drawInputs(network, verifySamples, VERIFY_SEED, 'unit'));
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

/** The network at these sizes; null where it computes nothing on inputs of ours: one of words may not. */
function findComputable(
  model: tf.LayersModel,
  inputShapes: readonly (readonly number[])[],
  progress?: Progress,
): Network | null {
  try {
    const network = Network.of(model).at(inputShapes);
    requireComputable(network, 'unit');
    return network;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    progress?.note(
      `only the weights are compared with the file: no inputs can be drawn (${reason})`,
    );
    return null;
  }
}
