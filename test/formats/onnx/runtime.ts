import { createRequire } from 'node:module';
import type * as tf from '@tensorflow/tfjs';
import type * as ort from 'onnxruntime-common'; // onnxruntime-node is typed by it

type Runtime = typeof ort;

const runtime: Runtime | string = found();

/** Why onnxruntime is not there, as the end of a title; '' where it is. */
export const withoutRuntime = typeof runtime === 'string' ? ` (skipped: ${runtime})` : '';

/** The runtime, or why it is not there. */
function found(): Runtime | string {
  try {
    return createRequire(__filename)('onnxruntime-node') as Runtime;
  } catch (error) {
    return `onnxruntime-node is not there: ${String(error)}`;
  }
}

/** A tensor as a file's network answers it. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What onnxruntime computes of the file. */
export async function runOnnx(bytes: Uint8Array, inputs: readonly tf.Tensor[]): Promise<Values[]> {
  const { InferenceSession, Tensor } = runtime as Runtime;
  // Errors only: it warns of constants that fall away.
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const feeds = Object.fromEntries(
    session.inputNames.map((name, index) => {
      const { shape } = inputs[index]!;
      return [name, new Tensor('float32', inputs[index]!.dataSync<'float32'>(), shape)];
    }),
  );
  const results = await session.run(feeds);
  const values = session.outputNames.map((name) => {
    const { dims, data } = results[name]!;
    return { shape: dims, values: data as Float32Array };
  });
  await session.release();
  return values;
}
