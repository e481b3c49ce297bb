import * as tf from '@tensorflow/tfjs';

/** An attribute of a TensorFlow operation, as tfjs-node's binding takes it. */
interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

interface NodeBackend extends tf.KernelBackend {
  readonly binding: Record<string, number | string>;
  executeMultipleOutputs(
    operation: string,
    attributes: readonly Attribute[],
    inputs: readonly tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
}

export type AttributeValue =
  { float: number } | { bool: boolean } | { string: string } | { type: 'float32' | 'int32' };

/**
 * Runs TensorFlow operations by name on the native engine.
 *
 * Obtained from `native(operation)`, which answers null where the engine in use is not TensorFlow or
 * its library lacks the operation, so that the caller takes the composite way.
 */
export class NativeEngine {
  private readonly missing = new Set<string>();

  constructor(private readonly backend: NodeBackend) {}

  /** Outputs of one operation on float32 or int32 tensors; the caller owns them. */
  run(
    operation: string,
    attributes: Readonly<Record<string, AttributeValue>>,
    inputs: readonly tf.Tensor[],
    outputs = 1,
  ): tf.Tensor[] {
    const list = Object.entries(attributes).map(([name, value]) => this.attribute(name, value));
    return this.backend.executeMultipleOutputs(operation, list, inputs, outputs);
  }

  /** True when the library has the operation; `probe` runs it once on tiny tensors. */
  has(operation: string): boolean {
    return !this.missing.has(operation);
  }

  /** Remembers the operations whose probe fails: an older TensorFlow may lack one. */
  detect(
    probes: Readonly<Record<string, (engine: NativeEngine) => tf.Tensor | tf.Tensor[]>>,
  ): void {
    for (const [operation, probe] of Object.entries(probes)) {
      try {
        tf.tidy(() => probe(this));
      } catch {
        this.missing.add(operation);
      }
    }
  }

  private attribute(name: string, value: AttributeValue): Attribute {
    const { binding } = this.backend;
    const as = (kind: string, content: unknown): Attribute => ({
      name,
      type: binding[kind] as number,
      value: content,
    });
    if ('float' in value) return as('TF_ATTR_FLOAT', value.float);
    if ('bool' in value) return as('TF_ATTR_BOOL', value.bool);
    if ('string' in value) return as('TF_ATTR_STRING', value.string);
    return as('TF_ATTR_TYPE', binding[value.type === 'float32' ? 'TF_FLOAT' : 'TF_INT32']);
  }
}

let engine: { readonly backend: tf.KernelBackend; readonly native: NativeEngine } | undefined;

/** The native engine where it is in use and has `operation`, else null. */
export function native(operation: string): NativeEngine | null {
  if (tf.getBackend() !== 'tensorflow') return null;
  const backend = tf.backend() as NodeBackend;
  if (engine?.backend !== backend) {
    engine = { backend, native: new NativeEngine(backend) };
    engine.native.detect(probes);
  }
  return engine.native.has(operation) ? engine.native : null;
}

const float: AttributeValue = { type: 'float32' };

/** Attributes that say every floating-point tensor is float32. */
export const T = { T: float };

const probes = {
  ReluGrad: (on: NativeEngine) => on.run('ReluGrad', T, [tf.ones([1]), tf.ones([1])]),
  Relu6Grad: (on: NativeEngine) => on.run('Relu6Grad', T, [tf.ones([1]), tf.ones([1])]),
  BroadcastTo: (on: NativeEngine) =>
    on.run('BroadcastTo', { ...T, Tidx: { type: 'int32' } }, [
      tf.ones([1, 1]),
      tf.tensor1d([2, 1], 'int32'),
    ]),
  SoftmaxCrossEntropyWithLogits: (on: NativeEngine) =>
    on.run('SoftmaxCrossEntropyWithLogits', T, [tf.ones([1, 2]), tf.ones([1, 2])], 2),
  SparseSoftmaxCrossEntropyWithLogits: (on: NativeEngine) =>
    on.run(
      'SparseSoftmaxCrossEntropyWithLogits',
      { ...T, Tlabels: { type: 'int32' } },
      [tf.ones([1, 2]), tf.zeros([1], 'int32')],
      2,
    ),
  FusedBatchNormV3: (on: NativeEngine) => {
    const [x, one, zero] = [tf.ones([1, 2, 1, 1]), tf.ones([1]), tf.zeros([1])];
    const attributes: Record<string, AttributeValue> = {
      ...T,
      U: float,
      epsilon: { float: 1e-3 },
      data_format: { string: 'NHWC' },
      is_training: { bool: true },
    };
    const outputs = on.run(
      'FusedBatchNormV3',
      { ...attributes, exponential_avg_factor: { float: 0.5 } },
      [x, one, zero, zero, one],
      6,
    );
    const [, , , r1, r2, r3] = outputs;
    return on.run('FusedBatchNormGradV3', attributes, [x, x, one, r1!, r2!, r3!], 5);
  },
};
