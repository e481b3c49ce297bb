import type * as tf from '@tensorflow/tfjs';
import { describeWritten, usageLines } from '../formats';
import type { CheckedWrite, Usage, WrittenFacts } from '../formats';
import type { FileLayer } from '../files';
import type { KeepSet, Network } from '../graph';
import { droppedConstraints } from '../layers';
import type { Progress } from '../report/progress';
import { pruningManifest, verify } from '../surgery';
import type { ManifestFacts, Verification, VerificationBatch } from '../surgery';
import { breathe } from '../stopping';
import { proveWritten } from './prove-written';

/** A pruned network that is to be written; all is borrowed. */
export interface Pruned {
  readonly network: Pick<Network, 'model' | 'graph'>;
  readonly keep: KeepSet;
  /** What stays of it, as a stock model. */
  readonly hard: tf.LayersModel;
  readonly facts: Omit<ManifestFacts, 'verification' | 'droppedConstraints' | 'usage' | 'files'>;
  /** Inputs for the proof, borrowed one by one; asked for once for each form. */
  readonly samples: () => AsyncIterable<VerificationBatch> | Iterable<VerificationBatch>;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was proved of the files, and the content of their pruning.json. */
export interface Proved {
  readonly verification: Verification;
  readonly manifest: object;
}

/**
 * Writes a pruned network once its files, read back, compute what the masked network computes; pruning.json
 * goes with them and says so.
 *
 * @param write writes the network with this check before anything takes its place.
 * @returns what `write` answered, and the proof.
 * @throws {VerificationError} when the two networks part. @throws {ReadBackError} when a file is not as it should be.
 * @throws {StoppedError} once the signal has been aborted. Nothing is in place then.
 */
export async function writeProven<T>(
  { network: { model, graph }, keep, hard, facts, samples, progress, signal }: Pruned,
  write: (check: NonNullable<CheckedWrite['check']>) => Promise<T>,
): Promise<Proved & { readonly written: T }> {
  let proved: Proved | undefined;
  const written = await write(async (draft, files) => {
    const proof = {
      ...{ written: hard, samples, progress, signal },
      compare: (readBack: tf.LayersModel) =>
        verify({ model, graph, keep, hard: readBack }, samples(), signal),
    };
    const verification = await proveWritten(draft, proof, files);
    const dropped = droppedConstraints(model, hard);
    const written = await describeFiles(hard, draft, files);
    const known = { ...facts, ...written, droppedConstraints: dropped, verification };
    const manifest = pruningManifest(graph, keep, known);
    await breathe(signal);
    proved = { verification, manifest };
    return { 'pruning.json': `${JSON.stringify(manifest, null, 2)}\n` };
  });
  if (!proved) throw new TypeError('the network must be written with the check');
  return { ...proved, written };
}

/** What pruning.json says of the files in a folder, and how a program uses the network. */
export async function describeFiles(
  model: tf.LayersModel,
  folder: string,
  layer: FileLayer,
): Promise<{
  usage: Usage & { readonly lines?: readonly string[] };
  files: WrittenFacts['files'];
}> {
  const { usage, files } = await describeWritten(folder, layer);
  const lines = usageLines(model, usage);
  return { usage: { ...usage, ...(lines.length > 0 && { lines }) }, files };
}
