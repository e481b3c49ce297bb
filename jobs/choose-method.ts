import * as tf from '@tensorflow/tfjs';
import type { JsonObject } from '../files';
import { frozenReason, Network } from '../graph';
import type { Residual } from '../graph';
import { frozenLayers } from '../layers';
import { completePolicy, createMethod, Methodology, patternOf, pickOwn } from '../methods';
import type { AnyMethodId, LayerRate, OwnValues, Policy, PolicyOptions } from '../methods';
import { blockLayers } from '../models';
import { pickGiven } from './pick-given';

/** How a network is pruned: what goes, how much of it, and where. */
export interface PruningOptions extends OwnValues, Partial<Omit<PolicyOptions, 'pattern'>> {
  /** The id of a method (`registerMethod` adds some), one of your own, or `none`. Default fpgm. */
  readonly method?: AnyMethodId | Methodology | 'none';
  /** Fraction of the units removed, in [0, 1). Default 0.3. */
  readonly rate?: number;
  /** With methods of single weights: `2:4`, `4x1`. Default none. */
  readonly pattern?: string;
  /** What becomes of residual streams. Default coupled. */
  readonly residual?: Residual;
  /** Leaves all layers whole but those that a pattern names. Default none, which prunes all. */
  readonly only?: readonly string[];
  /** Leaves these layers whole. */
  readonly skip?: readonly string[];
  /** Prunes layers that the network freezes (`trainable: false`) as well. Default false, which leaves them whole. */
  readonly pruneFrozen?: boolean;
  /** `paper` chooses and masks exactly as the published code does. Default none. */
  readonly compat?: 'none' | 'paper';
  /** Of methods that draw. Default 1. */
  readonly seed?: number;
}

/** The rate where nobody says another. */
export const USUAL_RATE = 0.3;

/** A method with the policy of its choices. */
export interface MethodChoice {
  readonly method: Methodology;
  readonly policy: Policy;
}

const policyKeys = [
  'regrowth',
  'scope',
  'merge',
  'roundTo',
  'rounding',
  'minKeep',
  'minRate',
  'maxRate',
] as const;

/**
 * The method and policy that the options choose; null for `none` and where all rates are 0: they remove nothing.
 *
 * @throws {OptionError} when an option is out of range or contradicts another.
 */
export function chooseMethod(options: PruningOptions): MethodChoice | null {
  const { method: asked = 'fpgm', rate = USUAL_RATE, layerRates = [], compat } = options;
  const removes = [{ rate }, ...layerRates].some((one) => one.rate > 0);
  if (asked === 'none' || !removes) return null;
  const method = typeof asked === 'string' ? createNamed(asked, options) : asked;
  const counting = options.counting ?? (compat === 'paper' ? 'paper' : 'exact');
  const pattern = patternOf(options.pattern ?? 'none');
  const given = pickGiven(options, policyKeys);
  const policy = { ...given, rate, layerRates, counting, pattern };
  return { method, policy: completePolicy(policy, method) };
}

function createNamed(id: AnyMethodId, { seed = 1, ...options }: PruningOptions): Methodology {
  return createMethod(id, { ...pickOwn(id, options), seed });
}

/** What pruning.json calls the method. */
export function nameMethod({ method = 'fpgm' }: PruningOptions): string {
  return typeof method === 'string' ? method : method.constructor.name;
}

/** A rate of its own for some layers, as pruning.json and the command line write it: `layer3_*=0.5`. */
export function describeLayerRate({ pattern, rate }: LayerRate): string {
  return `${pattern}=${rate}`;
}

/**
 * The network of a model as the options let it be pruned; the papers keep the residual stream and never prune
 * projections.
 *
 * @param model borrowed.
 * @throws {OptionError} when a pattern matches no layer that has filters.
 */
export function traceNetwork(model: tf.LayersModel, options: PruningOptions): Network {
  const { compat, residual = 'coupled', only = [], skip = [], layerRates = [] } = options;
  const { pruneFrozen = false } = options;
  const isPaper = compat === 'paper';
  const patterns = [...only, ...skip, ...layerRates.map(({ pattern }) => pattern)];
  return Network.of(model, {
    residual: isPaper ? 'stream' : residual,
    only: only.length > 0 ? only : undefined,
    roles: rolesOf(model, patterns),
    frozen: pruneFrozen ? undefined : frozenLayers(model),
    skip: [...skip, ...(isPaper ? projectionsOf(model) : [])],
  });
}

/** Says once which layers are left whole because the network does not train them. */
export function noteFrozen({ graph }: Network, note: (words: string) => void): void {
  const left = graph.groups.filter(({ producers, frozen }) =>
    producers.some(({ layer }) => frozen === frozenReason(layer)),
  );
  const layers = left
    .flatMap(({ producers }) => producers.map(({ layer }) => layer))
    .filter((layer) => graph.selection.frozen?.has(layer));
  const { size } = new Set(layers);
  if (size === 0) return;
  const are = size === 1 ? '1 layer is' : `${size} layers are`;
  note(`${are} left whole, frozen in the network (trainable: false)`);
}

/** What layers are to their blocks, read where a pattern asks for it. */
function rolesOf(model: tf.LayersModel, patterns: readonly string[]): Map<string, string> {
  if (!patterns.some((pattern) => pattern.startsWith('role:'))) return new Map();
  return new Map([...blockLayers(model)].map(([path, { role }]) => [path, role]));
}

function projectionsOf(model: tf.LayersModel): string[] {
  return model.layers.map(({ name }) => name).filter((name) => name.endsWith('_downsample_conv'));
}

/**
 * Options as JSON may hold them: objects of the caller's by their names.
 *
 * @param without keys that are left out.
 */
export function describeOptions(options: object, without: readonly string[] = []): JsonObject {
  const entries = Object.entries(options)
    .filter(([key, value]) => !without.includes(key) && value !== undefined)
    .map(([key, value]) => [key, describeValue(value)] as const);
  return Object.fromEntries(entries) as JsonObject;
}

function describeValue(value: unknown): unknown {
  const isOwn = value instanceof Methodology || value instanceof tf.LayersModel || isDataSet(value);
  if (!isOwn) return typeof value === 'object' ? JSON.parse(JSON.stringify(value)) : value;
  return 'name' in value ? value.name : value.constructor.name;
}

function isDataSet(value: unknown): value is { readonly name: string } {
  return typeof value === 'object' && value !== null && 'fingerprint' in value;
}
