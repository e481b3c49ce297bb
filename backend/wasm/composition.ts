import * as tf from '@tensorflow/tfjs';

/** What is used here of tfjs' class BackendWasm. */
export interface WasmBackend {
  /** Undefined content; reference count 1. */
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  /** Lowers the reference count, and frees the data when it reaches 0. */
  disposeData(dataId: object): boolean;
  typedArrayFromHeap(tensor: tf.TensorInfo): tf.TypedArray;
  /** Address of the first byte. */
  getMemoryOffset(dataId: object): number;
  /** Internal to tfjs, and therefore optional here. */
  readonly wasm?: { readonly asm?: { readonly memory?: { readonly buffer: ArrayBuffer } } };
}

/** What tfjs hands to a kernel of the WASM backend. */
export interface KernelCall {
  readonly inputs: tf.NamedTensorInfoMap;
  readonly attrs?: tf.NamedAttrMap;
  readonly backend: WasmBackend;
}

/** A kernel of the WASM backend with one output. */
export type WasmKernel = (call: KernelCall) => tf.TensorInfo;

/**
 * The kernel calls that make up one kernel: runs other WASM kernels, and disposes what they made.
 *
 * Kernels are called through the registry rather than as tfjs operations: nothing is recorded by a
 * gradient tape, and there are no tensors to track, only data of the backend.
 */
export class Composition {
  private readonly made: tf.TensorInfo[] = [];

  constructor(readonly backend: WasmBackend) {}

  /** Output of a kernel, disposed at the end unless it becomes the result. */
  run(kernelName: string, inputs: tf.NamedTensorInfoMap, attrs: object): tf.TensorInfo {
    const { kernelFunc } = kernelOf(kernelName);
    const output = kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend: this.backend });
    return this.own(output as tf.TensorInfo);
  }

  /** A float32 tensor of undefined content; every element is to be written. */
  empty(shape: readonly number[]): tf.TensorInfo {
    return this.own(this.backend.makeOutput([...shape], 'float32'));
  }

  /** A float32 tensor of zeros. */
  zeros(shape: readonly number[]): tf.TensorInfo {
    const tensor = this.empty(shape);
    valuesOf(this.backend, tensor).fill(0);
    return tensor;
  }

  /** Disposes everything made so far but `result`, which the caller owns. */
  finish(result?: tf.TensorInfo): void {
    let kept = result === undefined;
    for (const { dataId } of this.made) {
      // Kernels such as Identity return the data of their input with its reference count raised,
      // so that the same data may be owned twice and one ownership goes with the result.
      if (!kept && dataId === result?.dataId) kept = true;
      else this.backend.disposeData(dataId);
    }
    this.made.length = 0;
  }

  private own(tensor: tf.TensorInfo): tf.TensorInfo {
    this.made.push(tensor);
    return tensor;
  }
}

/** Result of `body`, which must be made by its composition; everything else it made is disposed. */
export function compose(
  backend: WasmBackend,
  body: (composition: Composition) => tf.TensorInfo,
): tf.TensorInfo {
  const composition = new Composition(backend);
  try {
    const result = body(composition);
    composition.finish(result);
    return result;
  } catch (error) {
    composition.finish();
    throw error;
  }
}

/** The same data seen with another shape of the same size; it is not owned a second time. */
export function view(tensor: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
  return { dataId: tensor.dataId, shape: [...shape], dtype: tensor.dtype };
}

/**
 * The values of a float32 tensor, in place.
 *
 * The view is invalid as soon as a further tensor is made: the heap may grow and move.
 */
export function valuesOf(backend: WasmBackend, tensor: tf.TensorInfo): Float32Array {
  return backend.typedArrayFromHeap(tensor) as Float32Array;
}

/**
 * The kernel that the WASM backend has under this name.
 *
 * @throws Error when there is none, which means that the WASM backend was not loaded
 */
export function kernelOf(kernelName: string): tf.KernelConfig {
  // Undefined for an unknown name, whatever the declaration says.
  const kernel = tf.getKernel(kernelName, 'wasm') as tf.KernelConfig | undefined;
  if (kernel === undefined) {
    throw new Error(
      `the WASM backend has no kernel ${kernelName}; import '@tensorflow/tfjs-backend-wasm' first`,
    );
  }
  return kernel;
}

/**
 * Checks the gradient that reaches a kernel.
 *
 * @throws RangeError when its shape is not that of the output of the forward kernel
 */
export function checkOutputShape(
  kernelName: string,
  dy: tf.TensorInfo,
  expected: readonly number[],
): void {
  if (!tf.util.arraysEqual(dy.shape, [...expected])) {
    throw new RangeError(
      `${kernelName}: dy must have the shape of the output, [${expected.join(', ')}], received [${dy.shape.join(', ')}]`,
    );
  }
}
