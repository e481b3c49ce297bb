import * as tf from '@tensorflow/tfjs';
import { forEachLayer, weightsByName } from './rebuild';

/** What a weight's values must fulfil; the library declares it nowhere that we could import. */
interface Constraint {
  apply(weight: tf.Tensor): tf.Tensor;
  getClassName(): string;
}

/** A constraint that a network had and its export has not. */
export interface DroppedConstraint {
  /** Path of the layer. */
  readonly layer: string;
  /** The weight's own name: `kernel`. */
  readonly weight: string;
  /** Its class: `UnitNorm`. */
  readonly constraint: string;
}

/**
 * Takes out of a model the constraints that would change its weights once more when a file of it is opened.
 *
 * `tf.loadLayersModel` applies a constraint to every weight that it reads: UnitNorm and its kin would then
 * act on what is left of a kernel, though the weights were fine. Those that leave the weights as they are
 * (NonNeg, after training under it) stay. The weights do not change.
 *
 * @param model changed; the caller's own.
 */
export function dropActingConstraints(model: tf.LayersModel): void {
  forEachLayer(model, (layer) => {
    for (const weight of layer.weights) {
      const constraint = constraintOf(weight);
      if (constraint && acts(constraint, weight.read())) dropFrom(layer, constraint);
    }
  });
}

/**
 * The constraints that `left` has no more; in the order of the weights.
 *
 * @param model the network it comes from. Both are borrowed.
 */
export function droppedConstraints(
  model: tf.LayersModel,
  left: tf.LayersModel,
): DroppedConstraint[] {
  const weights = weightsByName(left);
  return [...weightsByName(model)].flatMap(([name, weight]) => {
    const constraint = constraintOf(weight);
    const other = weights.get(name);
    if (!constraint || !other || constraintOf(other)) return [];
    const at = name.lastIndexOf('/');
    const place = { layer: name.slice(0, at), weight: name.slice(at + 1) };
    return [{ ...place, constraint: constraint.getClassName() }];
  });
}

function constraintOf(weight: { readonly constraint?: Constraint | null }): Constraint | null {
  return weight.constraint ?? null; // most have none, whatever the types of tfjs say
}

/** Whether a constraint would change a weight; -0 is 0. */
function acts(constraint: Constraint, weight: tf.Tensor): boolean {
  const [before, after] = tf.tidy(() => [weight.dataSync(), constraint.apply(weight).dataSync()]);
  if (after.length !== before.length) return false; // a regularizer in its place, which no config tells
  return before.some((value, index) => {
    const next = after[index]!;
    return value !== next && !(Number.isNaN(value) && Number.isNaN(next));
  });
}

/**
 * Takes one constraint out of a layer, wherever in it: the layers within wrappers tell their configs once for
 * both directions, so what goes from one part goes from all.
 */
function dropFrom(layer: tf.layers.Layer, constraint: Constraint): void {
  const parts = partsOf(layer);
  const keys = parts.flatMap((part) =>
    Object.keys(part).filter((key) => Reflect.get(part, key) === constraint),
  );
  const gone = new Set<unknown>([constraint]);
  for (const part of parts) {
    for (const key of keys.filter((name) => Object.hasOwn(part, name))) {
      gone.add(Reflect.get(part, key));
      Reflect.set(part, key, null);
    }
  }
  for (const weight of layer.weights) {
    if (gone.has(constraintOf(weight))) Reflect.set(weight, 'constraint', null);
  }
}

/** A layer, and those that it holds: wrapped ones and cells. */
function partsOf(layer: tf.layers.Layer, found = new Set<tf.layers.Layer>()): tf.layers.Layer[] {
  if (found.has(layer)) return [];
  found.add(layer);
  for (const value of Object.values(layer) as unknown[]) {
    for (const part of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (part instanceof tf.layers.Layer) partsOf(part, found);
    }
  }
  return [...found];
}
