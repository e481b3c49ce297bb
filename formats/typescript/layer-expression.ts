import * as tf from '@tensorflow/tfjs';
import type { LayerConfig } from '../../layers';
import { UnsupportedLayerError } from '../unsupported-layer-error';
import { literal, objectLiteral } from './literal';

type Config = Readonly<Record<string, unknown>>;

/** A thing as a config names it: a layer within a wrapper, an initializer, a regularizer... */
interface Named {
  readonly className: string;
  readonly config: Config;
}

/** Where tfjs has the functions that make the things a config can name, besides layers. */
const makers = {
  initializers: tf.initializers,
  regularizers: tf.regularizers,
  constraints: tf.constraints,
};

/** How a layer is written. */
export interface ExpressionOptions {
  /** Whether initializers are written where they are not the default. */
  readonly initializers: boolean;
}

/**
 * The expression that makes a layer: `tf.layers.conv2d({ name: 'conv1', filters: 16, ... })`, with the
 * options whose absence would make another layer, in their shortest form.
 *
 * @param path the layer's path, for errors.
 * @throws {UnsupportedLayerError} when tfjs has no function that makes such a layer.
 */
export function layerExpression(
  entry: LayerConfig,
  path: string,
  options: ExpressionOptions,
): string {
  const factory = factoryOf(tf.layers, entry.className);
  if (factory === undefined) {
    throw new UnsupportedLayerError('typescript', path, entry.className, NO_FACTORY);
  }
  const { name, ...needed } = pickNeeded(entry, options);
  const properties = Object.entries({ name, ...needed }).map(([key, value]) =>
    property({ key, value, entry }, path, options),
  );
  return `tf.layers.${factory}(${objectLiteral(properties)})`;
}

const NO_FACTORY =
  'is of a class that @tensorflow/tfjs alone does not make; write the stock network (harden or stock) ' +
  'or export the LayersModel';

/** The tfjs function that makes a class: `conv2d` for `Conv2D`. */
function factoryOf(namespace: object, className: string): string | undefined {
  return Object.keys(namespace).find(
    (name) => /^[a-z]/.test(name) && name.toLowerCase() === className.toLowerCase(),
  );
}

/** An option of a layer, as its config has it. */
interface Option {
  readonly key: string;
  readonly value: unknown;
  readonly entry: LayerConfig;
}

function property(option: Option, path: string, options: ExpressionOptions): [string, string] {
  const { key, value, entry } = option;
  // A batch size of any length is how `inputShape` reads.
  if (key === 'batchInputShape' && (value as tf.Shape)[0] === null) {
    return ['inputShape', literal((value as tf.Shape).slice(1))];
  }
  if (isWider(option)) return [key, `${literal(value)} as never`];
  const isForeign = isActivation(key) && typeof value === 'string' && !activations.has(value);
  if (isForeign || value === null) {
    const reason = `has ${key} ${String(value)}, which @tensorflow/tfjs alone does not take`;
    throw new UnsupportedLayerError('typescript', path, entry.className, reason);
  }
  return [key, expression(value, path, options)];
}

/** The names of activations that the types of tfjs take. */
const activations = new Set(
  'elu hardSigmoid linear relu relu6 selu sigmoid softmax softplus softsign tanh swish mish gelu gelu_new'.split(' '),
); // prettier-ignore

const isActivation = (key: string): boolean => /^(?:recurrentA|a)ctivation$/.test(key);

/** Whether tfjs computes with a value that its own types do not take. */
function isWider({ key, value, entry: { className } }: Option): boolean {
  if (isActivation(key)) return value === 'logSoftmax';
  if (className === 'Rescaling') return Array.isArray(value); // numbers per channel
  if (className === 'Bidirectional') return key === 'mergeMode' && value === null; // both outputs
  if (key !== 'noiseShape') return false;
  return !Array.isArray(value) || (value as unknown[]).includes(null); // as long as the input
}

function expression(value: unknown, path: string, options: ExpressionOptions): string {
  if (Array.isArray(value)) {
    return `[${value.map((item) => expression(item, path, options)).join(', ')}]`;
  }
  if (!isNamed(value)) return literal(value);
  for (const [namespace, functions] of Object.entries(makers)) {
    const maker = factoryOf(functions, value.className);
    if (maker !== undefined) return `tf.${namespace}.${maker}(${argumentsOf(value.config)})`;
  }
  return layerExpression(value, path, options);
}

function argumentsOf(config: Config): string {
  const given = Object.entries(config).filter(([, value]) => value != null);
  if (given.length === 0) return '';
  return objectLiteral(given.map(([key, value]) => [key, argument(key, value)]));
}

/** A constraint's axis may be a list, though the types of tfjs have a number: Keras writes one for kernels. */
function argument(key: string, value: unknown): string {
  if (key !== 'axis' || !Array.isArray(value)) return literal(value);
  return value.length === 1 ? literal(value[0]) : `${literal(value)} as never`;
}

function isNamed(value: unknown): value is Named {
  return typeof value === 'object' && value !== null && 'className' in value && 'config' in value;
}

/** The options that have to be given: without any of them the layer's own config would be another. */
function pickNeeded(entry: LayerConfig, { initializers }: ExpressionOptions): Config {
  const { className } = entry;
  const of = (config: Config): Config => (initializers ? config : withoutInitializers(config));
  let left = withoutEffect(className, of(entry.config));
  // Of the config itself or of what tfjs makes of it: some layers add a word when they are read.
  const expected = [left, of(configAfter(className, left))].map(textOf);
  const isSame = (candidate: Config): boolean => {
    try {
      return expected.includes(textOf(of(configAfter(className, candidate))));
    } catch {
      return false; // the constructor asks for what was left out
    }
  };
  // In one go where it can be: most of what a config says is that there is nothing.
  const given = Object.fromEntries(Object.entries(left).filter(([, value]) => value != null));
  if (isSame(given)) left = given;
  for (const key of Object.keys(left)) {
    if (key === 'name' || isAsked(className, key)) continue;
    const { [key]: value, ...others } = left;
    if (isSame(others)) left = others;
    else left = { ...left, [key]: shortest(value, (short) => isSame({ ...others, [key]: short })) };
  }
  return left;
}

/** The options without those that the layer takes and never uses. */
function withoutEffect(className: string, config: Config): Config {
  if (className !== 'SpatialDropout1D') return config;
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== 'noiseShape'));
}

/** Whether the types of tfjs ask for an option that its constructor does not. */
function isAsked(className: string, key: string): boolean {
  return className === 'Activation' && key === 'activation';
}

function withoutInitializers(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !key.endsWith('Initializer')));
}

/**
 * A config as text without what makes no other layer: names, since tfjs gives stacked cells another one at
 * every reading; null, which is as good as nothing; a list around a single axis, as Keras writes it.
 */
function textOf(config: Config): string {
  return JSON.stringify(config, (key, value: unknown): unknown => {
    if (key === 'name' || value === null) return undefined;
    return key === 'axis' && Array.isArray(value) && value.length === 1 ? value[0] : value;
  });
}

/** What a layer that is made from this config says of itself. */
function configAfter(className: string, config: Config): Config {
  const [cls] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
  const copy = structuredClone(config) as tf.serialization.ConfigDict;
  return cls.fromConfig(cls, copy).getConfig();
}

/** A number in place of a list that repeats it, where the layer takes it for the same. */
function shortest(value: unknown, isSame: (short: unknown) => boolean): unknown {
  if (!Array.isArray(value)) return value;
  const inner: unknown[] = value.map((item: unknown) => findRepeated(item) ?? item);
  return [findRepeated(inner), inner].find((short) => short != null && isSame(short)) ?? value;
}

/** The number that a list repeats; undefined when it is no such list. */
function findRepeated(value: unknown): number | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'number') return undefined;
  return value.every((item) => item === value[0]) ? value[0] : undefined;
}
