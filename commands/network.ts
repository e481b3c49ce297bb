import { readFile } from 'node:fs/promises';
import type * as tf from '@tensorflow/tfjs';
import { ConfigError } from '../config/error';
import type { ConfigOf } from '../config';
import { readModel } from '../formats';
import type { JsonValue } from '../files';
import { ChannelGraph } from '../graph';
import type { GraphOptions } from '../graph';
import { readSchema } from '../graph/schema';
import { completePolicy, createMethod, patternOf, pickOwn } from '../methods';
import type { LayerRate, Methodology, OwnValues, Policy, Regrowth } from '../methods';
import { architectures, blockLayers, publishedSize } from '../models';
import type { ArchitectureId } from '../models';
import type { Progress } from '../report/progress';
import { UsageError, asUsage } from './usage';

/** A network and a name for where it came from. */
export interface Network {
  readonly model: tf.LayersModel;
  readonly source: string;
}

/** The options that choose a network: a file, or an architecture and its size. */
export interface NetworkChoice {
  readonly model: string | null;
  readonly arch: ArchitectureId;
  /** Null for the network's own. */
  readonly shortcut: 'A' | 'B' | null;
  /** Null for the size that the network was published for; so are the classes. */
  readonly inputShape: readonly number[] | null;
  readonly classes: number | null;
  /** Null leaves the kernels at zero, for counting. */
  readonly seed: number | null;
}

/** Builds or reads the network that the options choose; `progress` hears what its file says beyond it. */
export async function networkOf(
  choice: NetworkChoice,
  progress: Pick<Progress, 'note'>,
): Promise<Network> {
  if (choice.model !== null) {
    const model = await readModel(choice.model, (words) => {
      progress.note(words);
    });
    return { model, source: choice.model };
  }
  const { arch, shortcut, seed } = choice;
  const published = publishedSize(arch);
  const options = {
    inputShape: (choice.inputShape ?? published.inputShape) as readonly [number, number, number],
    classes: choice.classes ?? published.classes,
    seed,
    ...(shortcut === null ? {} : { shortcut }),
  };
  return { model: await asUsage(() => architectures[arch](options)), source: arch };
}

/** Refuses a network that does not fit the images and classes of a data set; `key` is the option that names it. */
export function checkFits(
  { model, source }: Network,
  image: readonly number[],
  classes: number,
  key = '--model',
): void {
  const input = model.inputs[0]!.shape.slice(1);
  const output = model.outputs[0]!.shape;
  const fits =
    model.inputs.length === 1 &&
    model.outputs.length === 1 &&
    input.length === image.length &&
    input.every((size, axis) => size === null || size === image[axis]) &&
    output.length === 2 &&
    output[1] === classes;
  if (fits) return;
  throw new ConfigError({
    key,
    problem:
      `must take images of ${image.join(' x ')} and answer ${classes} classes; ${source} takes ` +
      `${input.join(' x ')} and answers [${output.slice(1).join()}]`,
    source: 'the data set',
  });
}

/** What the pruning options ask for. */
export type PruningChoice = Pick<
  ConfigOf<'prune'>,
  | 'method'
  | 'rate'
  | 'layerRate'
  | 'scope'
  | 'merge'
  | 'residual'
  | 'roundTo'
  | 'rounding'
  | 'minKeep'
  | 'minRate'
  | 'maxRate'
  | 'seed'
  | 'skip'
  | 'only'
  | 'compat'
> &
  OwnValues & {
    readonly regrowth: Regrowth;
    /** Default none. */
    readonly pattern?: string;
  };

/** A method with the policy of its choices. */
export interface MethodChoice {
  readonly method: Methodology;
  readonly policy: Policy;
}

/** The method and policy that the options choose; null for `none` and where all rates are 0: they remove nothing. */
export function methodOf(choice: PruningChoice): MethodChoice | null {
  const { rate, compat, regrowth, scope, merge, roundTo, rounding } = choice;
  const { minKeep, minRate, maxRate } = choice;
  const layerRates = choice.layerRate.map(layerRateOf);
  const removes = [{ rate }, ...layerRates].some((one) => one.rate > 0);
  if (choice.method === 'none' || !removes) return null;
  const counting = compat === 'paper' ? 'paper' : 'exact';
  const pattern = patternOf(choice.pattern ?? 'none');
  const widths = { roundTo, rounding, minKeep, minRate, maxRate };
  const shared = { rate, layerRates, regrowth, scope, merge, counting, pattern } as const;
  const { method: id, seed } = choice;
  const method = createMethod(id, { ...pickOwn(id, choice), seed });
  return { method, policy: completePolicy({ ...shared, ...widths }, method) };
}

/** `PATTERN=X`, whose form the option has checked. */
function layerRateOf(rule: string): LayerRate {
  const at = rule.lastIndexOf('=');
  return { pattern: rule.slice(0, at), rate: Number(rule.slice(at + 1)) };
}

/** The graph under the options; the papers keep the stream and never prune projections. */
export function graphOf(model: tf.LayersModel, choice: PruningChoice): ChannelGraph {
  const { compat, residual, only, skip } = choice;
  const options: GraphOptions = {
    residual: compat === 'paper' ? 'stream' : residual,
    only: only.length > 0 ? only : undefined,
    roles: rolesOf(model, [...only, ...skip, ...choice.layerRate]),
    skip: [...skip, ...(compat === 'paper' ? projections(model) : [])],
  };
  return ChannelGraph.of(model, options);
}

/** What layers are to their blocks, read where a pattern asks for it. */
function rolesOf(model: tf.LayersModel, patterns: readonly string[]): Map<string, string> {
  if (!patterns.some((pattern) => pattern.startsWith('role:'))) return new Map();
  return new Map([...blockLayers(model)].map(([path, { role }]) => [path, role]));
}

/**
 * The graph that respects a hand-edited dependency schema; the graph itself where there is no file.
 *
 * @throws {UsageError} when the file cannot be read or does not fit the network, naming file and key.
 */
export async function underSchema(graph: ChannelGraph, file: string | null): Promise<ChannelGraph> {
  if (file === null) return graph;
  try {
    const text = await readFile(file, 'utf8');
    return readSchema(JSON.parse(text.replace(/^\ufeff/, '')) as JsonValue, graph); // a byte order mark
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--schema-file ${file}: ${reason}`, { cause: error });
  }
}

function projections(model: tf.LayersModel): string[] {
  return model.layers.map(({ name }) => name).filter((name) => name.endsWith('_downsample_conv'));
}
