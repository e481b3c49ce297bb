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
    throw new UnsupportedLayerError(path, entry.className, NO_FACTORY);
  }
  const { name, ...needed } = neededOptions(entry, options);
  const properties = Object.entries({ name, ...needed }).map(([key, value]) =>
    property(key, value, path, options),
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

function property(
  key: string,
  value: unknown,
  path: string,
  options: ExpressionOptions,
): [string, string] {
  // A batch size of any length is how `inputShape` reads.
  if (key === 'batchInputShape' && (value as tf.Shape)[0] === null) {
    return ['inputShape', literal((value as tf.Shape).slice(1))];
  }
  return [key, expression(value, path, options)];
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
  const given = Object.entries(config).filter(([, value]) => value !== null);
  return given.length === 0
    ? ''
    : objectLiteral(given.map(([key, value]) => [key, literal(value)]));
}

function isNamed(value: unknown): value is Named {
  return typeof value === 'object' && value !== null && 'className' in value && 'config' in value;
}

/** The options that have to be given: without any of them the layer's own config would be another. */
function neededOptions(entry: LayerConfig, { initializers }: ExpressionOptions): Config {
  const { className } = entry;
  const of = (config: Config): Config => (initializers ? config : withoutInitializers(config));
  let left = of(entry.config);
  // Of the config itself or of what tfjs makes of it: some layers add a word when they are read.
  const expected = [left, of(configAfter(className, left))].map(textOf);
  const isSame = (candidate: Config): boolean => {
    try {
      return expected.includes(textOf(of(configAfter(className, candidate))));
    } catch {
      return false; // the constructor asks for what was left out
    }
  };
  for (const key of Object.keys(left)) {
    if (key === 'name') continue;
    const { [key]: value, ...others } = left;
    if (isSame(others)) left = others;
    else left = { ...left, [key]: shortest(value, (short) => isSame({ ...others, [key]: short })) };
  }
  return left;
}

function withoutInitializers(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !key.endsWith('Initializer')));
}

/** A config as text without names: tfjs gives stacked cells another one at every reading. */
function textOf(config: Config): string {
  return JSON.stringify(config, (key, value: unknown) => (key === 'name' ? undefined : value));
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
  const inner: unknown[] = value.map((item: unknown) => repeated(item) ?? item);
  return [repeated(inner), inner].find((short) => short != null && isSame(short)) ?? value;
}

/** The number that a list repeats; undefined when it is no such list. */
function repeated(value: unknown): number | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'number') return undefined;
  return value.every((item) => item === value[0]) ? value[0] : undefined;
}
