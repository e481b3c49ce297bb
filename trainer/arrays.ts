import * as tf from '@tensorflow/tfjs';
import type { NamedArray } from '../files/run/checkpoint';

/** Copies tensors to the host, by the same names. */
export function readArrays(tensors: ReadonlyMap<string, tf.Tensor>): Map<string, NamedArray> {
  const arrays = [...tensors].map(([name, tensor]): [string, NamedArray] => [
    name,
    {
      shape: tensor.shape,
      dtype: tensor.dtype as NamedArray['dtype'],
      values: tensor.dataSync<'float32'>().slice(),
    },
  ]);
  return new Map(arrays);
}

/** The tensor of an array; the caller owns it. */
export function tensorOf({ values, shape, dtype }: NamedArray): tf.Tensor {
  return tf.tensor(values, [...shape], dtype);
}

/** The same values under `prefix/name`. */
export function underPrefix<T>(prefix: string, named: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...named].map(([name, value]) => [`${prefix}/${name}`, value]));
}

/** What lies under `prefix/`, by the names after it. */
export function takePrefix<T>(prefix: string, named: ReadonlyMap<string, T>): Map<string, T> {
  const within = [...named].filter(([name]) => name.startsWith(`${prefix}/`));
  return new Map(within.map(([name, value]) => [name.slice(prefix.length + 1), value]));
}
