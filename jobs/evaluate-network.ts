import type { DataSet } from '../data';
import { NotFiniteError, requireFiniteWeights } from '../layers';
import { evaluate } from '../measure/accuracy';
import type { Evaluation, EvaluationOptions } from '../measure/accuracy';
import { requireFit } from './load-model';
import type { LoadedModel } from './load-model';

/** On which images a network is measured, and how. */
export interface NetworkEvaluation extends EvaluationOptions {
  readonly data: DataSet;
  readonly split: 'validation' | 'test';
  readonly batchSize: number;
}

/**
 * Measures the accuracy of a network, which is borrowed, on a split of a data set.
 *
 * @throws {OptionError} when it does not fit the images.
 * @throws {NotFiniteError} when a weight, which it names, or the loss is not finite.
 * @throws {StoppedError} once the signal has been aborted.
 */
export async function evaluateNetwork(
  loaded: Pick<LoadedModel, 'model' | 'source'>,
  { data, split, batchSize, ...options }: NetworkEvaluation,
): Promise<Evaluation> {
  const { model, source } = loaded;
  const images = split === 'test' ? data.test : data.validation;
  requireFit(loaded, images, data.classes.length, { loss: options.loss });
  requireFiniteWeights(model, source);
  const found = await evaluate(model, images, data, batchSize, options);
  if (Number.isFinite(found.loss)) return found;
  const what = `its loss on the ${split} images is ${found.loss}, although its weights are finite`;
  throw new NotFiniteError(source, what);
}
