import * as tf from '@tensorflow/tfjs';
import { seedOf } from '../backend/random';
import type { ConfigOf } from '../config';
import { ConfigError } from '../config/error';
import { readModel, requireFree } from '../export';
import { removedUnits } from '../graph';
import { weightsByName } from '../layers';
import { comparisonTable } from '../report/table';
import { handOver } from '../trainer/hand-over';
import { startedEngine } from './engine';
import { graphOf, methodOf } from './network';
import { asUsage } from './usage';
import type { Terminal } from './terminal';

/** Prunes a trained network in one go, without training, proves and writes it. */
export async function prune(config: ConfigOf<'prune'>, terminal: Terminal): Promise<number> {
  const { model: file, out } = config as { readonly model: string; readonly out: string }; // rules.ts
  await requireFree(out);
  await startedEngine(config, terminal);
  const model = await readModel(file);
  const choice = { ...config, regrowth: 'hard' as const };
  const graph = await asUsage(() => graphOf(model, choice));
  const weights = weightsByName(model);
  const keep = await asUsage(() =>
    methodOf(choice)?.choose(graph, (name) => weights.get(name)!.read()),
  );
  if (!keep || removedUnits(keep) === 0) {
    throw new ConfigError({
      key: '--rate',
      problem: `must remove something from ${file}: nothing would go`,
      received: config.rate,
      source: 'command line or default',
    });
  }
  const { before, after, verification, manifest } = await handOver({
    model,
    graph,
    keep,
    folder: out,
    facts: { method: config.method, rate: config.rate, seed: config.seed, source: file },
    samples: () => randomInputs(model, config.verifySamples, config.seed),
    classify: null,
    progress: terminal.progress,
  });
  if (config.json) terminal.print(JSON.stringify(manifest, null, 2));
  else {
    terminal.print(comparisonTable(before, after));
    terminal.print(
      `verified on ${verification.samples} random inputs: largest difference ` +
        `${verification.maxAbsDiff} of ${verification.maxAbsOutput} on ${verification.backend}\n` +
        `written to ${out}`,
    );
  }
  model.dispose();
  return 0;
}

/** Standard normal inputs of the model's size, in batches of at most 16. */
export function* randomInputs(
  model: tf.LayersModel,
  count: number,
  seed: number,
): Generator<tf.Tensor> {
  const shape = model.inputs[0]!.shape.slice(1);
  if (model.inputs.length !== 1 || shape.includes(null)) {
    throw new TypeError('the network must have one input of a known size to be verified');
  }
  for (let done = 0; done < count; done += 16) {
    const batch = [Math.min(16, count - done), ...(shape as number[])];
    const input = tf.randomNormal(batch, 0, 1, 'float32', seedOf('verify', seed, done));
    try {
      yield input;
    } finally {
      input.dispose();
    }
  }
}
