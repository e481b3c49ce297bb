import { StoppedError } from './errors';

/**
 * Gives the event loop a turn, in which signals, timers and other work have theirs, and ends work that was asked to
 * stop. Awaiting tensors never does the first: every long function calls this once a batch.
 *
 * @throws {StoppedError} when the signal has been aborted.
 */
export async function breathe(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (!signal?.aborted) return;
  const reason: unknown = signal.reason;
  if (reason instanceof StoppedError) throw reason;
  throw new StoppedError('its caller', { cause: reason });
}
