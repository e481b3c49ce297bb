import * as tf from '@tensorflow/tfjs';

/** What a layer class is to the loader. */
export type LayerKind = 'layer' | 'input' | 'sequential' | 'functional';

/** What a registered layer class is; null for a name that is none. */
export function kindOf(className: string): LayerKind | null {
  const classes = tf.serialization.SerializationMap.getMap().classNameMap;
  if (!Object.hasOwn(classes, className)) return null;
  const { prototype } = classes[className]![0];
  if (is(prototype, tf.Sequential)) return 'sequential';
  if (is(prototype, tf.LayersModel)) return 'functional';
  if (className === 'InputLayer') return 'input';
  return is(prototype, tf.layers.Layer) ? 'layer' : null;
}

function is(prototype: unknown, base: { readonly prototype: object }): boolean {
  return (
    prototype === base.prototype ||
    Object.prototype.isPrototypeOf.call(base.prototype, prototype as object)
  );
}
