import { OptionError } from '../errors';
import { restoreUtil } from './setup/staged.cjs';

const defaults = {
  // TensorFlow turns oneDNN on by itself only on some processors; training is 3 times slower without.
  TF_ENABLE_ONEDNN_OPTS: '1',
  TF_CPP_MIN_LOG_LEVEL: '3',
  // Without it TensorFlow takes the whole memory of a GPU at once.
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  // Eager operations run one after another: more threads between them have nothing to do.
  TF_NUM_INTEROP_THREADS: '1',
};

/**
 * Prepares this process for the native engine: TensorFlow's environment variables, of which only those
 * that are unset are set, so that the user's own values win, and the `node:util` functions that
 * tfjs-node needs. It has to run in the main thread, before the native library is loaded.
 *
 * @param options.threads threads within one operation, an integer >= 1 (default: one per core)
 * @throws {OptionError} where `threads` is anything else
 */
export function prepareEnvironment(options: { threads?: number } = {}): void {
  const { threads } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new OptionError({ option: 'threads', allowed: 'an integer >= 1', received: threads });
  }
  for (const [name, value] of Object.entries(defaults)) process.env[name] ??= value;
  if (threads !== undefined) process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  restoreUtil();
}
