/** What passes between a method and who asks it for scores. */
import type * as tf from '@tensorflow/tfjs';
import type { CountingRule } from './select/counts';

/** What a method has to see of the network at work before it can score. */
export type Observes = 'nothing' | 'gradients' | 'activations';

/** How what is observed of several batches becomes one tensor. */
export type Gathering = 'mean' | 'concat';

/** By kernel name what a method's `observe` made of the batches, gathered; whoever gathered it owns the tensors. */
export type Evidence = ReadonlyMap<string, tf.Tensor>;

/** Answers the current value of a weight by its name (`conv1/kernel`); the caller keeps it. */
export type KernelReader = (name: string) => tf.Tensor;

/** What a score may look at beside the kernel itself. */
export interface ScoreContext {
  /** Name of the kernel, `conv1/kernel`. */
  readonly name: string;
  /**
   * Looks up the named weight (`gamma`) of the first layer behind the kernel's that has one.
   *
   * @returns [out], which its owner keeps; null where no layer has one.
   */
  readonly behind: (weight: string) => tf.Tensor | null;
  /** What `observe` made of the batches, gathered; null for methods that observe nothing. */
  readonly evidence: tf.Tensor | null;
  /** How the choice will count: under `paper` a method with a published code scores as that does. */
  readonly counting: CountingRule;
}
