import * as tf from '@tensorflow/tfjs';
import { dataSetIds } from '../data';
import { handledClasses } from '../graph';
import { methodIds } from '../methods';
import { architectureIds } from '../models';

/** All that is registered by now, kind and name (`method fpgm`): the class of a layer, null of the others. */
export function listRegistered(): Map<string, unknown> {
  const classes = Object.entries(tf.serialization.SerializationMap.getMap().classNameMap);
  const named = (kind: string, names: readonly string[]): [string, null][] =>
    names.map((name) => [`${kind} ${name}`, null]);
  return new Map<string, unknown>([
    ...classes.map(([name, [Class]]): [string, unknown] => [`class ${name}`, Class]),
    ...named('handler of', handledClasses()),
    ...named('method', methodIds),
    ...named('data set', dataSetIds),
    ...named('network', architectureIds),
  ]);
}
