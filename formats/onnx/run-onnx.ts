import { createRequire } from 'node:module';
import type * as tf from '@tensorflow/tfjs';

/** What we use of onnxruntime-node, which is not among our dependencies. */
interface Runtime {
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: { readonly logSeverityLevel: number }): Promise<Session>;
  };
  readonly Tensor: new (type: string, data: Float32Array, shape: readonly number[]) => object;
}

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, object>): Promise<Record<string, { readonly data: ArrayLike<number> }>>;
  release(): Promise<void>;
}

/** An ONNX file that computes; to be released. */
export interface OnnxRun {
  /** The values of each output, for one tensor per input, which is borrowed. */
  predict(inputs: readonly tf.Tensor[]): Promise<ArrayLike<number>[]>;
  release(): Promise<void>;
}

/**
 * Opens an ONNX file in onnxruntime-node.
 *
 * @returns null where that package is not installed.
 * @throws whatever the runtime says of the file.
 */
export async function openOnnx(bytes: Uint8Array): Promise<OnnxRun | null> {
  const runtime = findRuntime();
  if (!runtime) return null;
  const { InferenceSession, Tensor } = runtime;
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 }); // errors only
  return {
    async predict(inputs) {
      const feeds = inputs.map((input, index) => {
        // Whole numbers too are float32 in the file, as they are in the network that tfjs declares.
        const values = Float32Array.from(input.dataSync());
        return [session.inputNames[index]!, new Tensor('float32', values, input.shape)] as const;
      });
      const results = await session.run(Object.fromEntries(feeds));
      return session.outputNames.map((name) => results[name]!.data);
    },
    release: () => session.release(),
  };
}

function findRuntime(): Runtime | null {
  try {
    return createRequire(__filename)('onnxruntime-node') as Runtime;
  } catch {
    return null; // not installed, or not for this machine
  }
}
