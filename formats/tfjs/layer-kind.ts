import * as tf from '@tensorflow/tfjs';

/** What a layer class is to the loader. */
export type LayerKind = 'layer' | 'input' | 'sequential' | 'functional';

/** What a registered layer class is; null for a name that is none. */
export function kindOf(className: string): LayerKind | null {
  if (isKindOf(className, tf.Sequential)) return 'sequential';
  if (isKindOf(className, tf.LayersModel)) return 'functional';
  if (className === 'InputLayer') return 'input';
  return isKindOf(className, tf.layers.Layer) ? 'layer' : null;
}

interface Base {
  readonly prototype: object;
}

// tfjs exports no class of these, so each is taken from an instance or a registered subclass.
const parentOf = (subclass: unknown): Base => Object.getPrototypeOf(subclass) as Base;
const bases: Readonly<Record<string, Base>> = {
  initializer: parentOf(tf.initializers.zeros().constructor),
  constraint: parentOf(tf.constraints.nonNeg().constructor),
  regularizer: parentOf(tf.regularizers.l1().constructor),
  activation: parentOf(findClass('linear')),
};

/**
 * What the entry `key` of a layer's config must be an instance of: `kernelConstraint` of a constraint;
 * null where anything may stand.
 */
export function roleOf(key: string): string | null {
  const [role] = /(initializer|constraint|regularizer|activation)$/i.exec(key) ?? [];
  return role?.toLowerCase() ?? null;
}

/**
 * Whether a registered class can play a role of `roleOf`.
 *
 * tfjs would take any class for it: a layer in a constraint's place is called on every loaded weight.
 */
export function canPlay(className: string, role: string): boolean {
  return isKindOf(className, bases[role]!);
}

/** Whether TensorFlow.js knows a class of this name, whatever it is. */
export function isRegistered(className: string): boolean {
  return findClass(className) !== null;
}

function findClass(className: string): Base | null {
  const classes = tf.serialization.SerializationMap.getMap().classNameMap;
  return Object.hasOwn(classes, className) ? classes[className]![0] : null;
}

function isKindOf(className: string, base: Base): boolean {
  const prototype = findClass(className)?.prototype;
  if (prototype === undefined) return false;
  return (
    prototype === base.prototype || Object.prototype.isPrototypeOf.call(base.prototype, prototype)
  );
}
