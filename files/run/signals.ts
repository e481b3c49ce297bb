import { StoppedError } from '../../errors';

/** The signals that ask a run to stop in an orderly way; SIGHUP comes when its terminal or its connection is gone. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const;

/**
 * Lets the signals that ask to stop pass until the process is gone: the engine takes a moment to end, and a
 * finished run must not look like a killed one.
 */
export function ignoreStopSignals(): void {
  for (const signal of STOP_SIGNALS) process.on(signal, () => undefined);
  // An end that is asked for keeps the handlers to the last; one that comes by itself takes them away first.
  process.once('beforeExit', () => process.exit());
}

/** The exit code of a run that a signal stopped and `--resume` continues. */
export const EXIT_RESUMABLE = 75;

/**
 * Milliseconds in which the same signal counts as the one before: where npm runs us through a shell that replaces
 * itself by its command, a Ctrl-C comes twice, from the terminal and, half a millisecond later, passed on by npm.
 */
const ECHO_MS = 100;

/** Waits for the system to ask the process to stop. */
export interface StopListener extends Disposable {
  /** Aborted by the first signal, for good; its reason is a StoppedError that names the signal. */
  readonly signal: AbortSignal;
}

/**
 * Catches the signals that ask the process to stop, until it is disposed: `using stop = listenForStop()`.
 *
 * The first SIGINT, SIGTERM, SIGHUP or SIGUSR1 aborts `signal`, and the work saves where it is safe: in a handler state is
 * half updated. A second one exits at once with code 75 and leaves the last checkpoint as it is. Signals arrive only
 * when the work lets the event loop turn once in a while (`breathe`).
 */
export function listenForStop(): StopListener {
  const controller = new AbortController();
  let first: { readonly name: NodeJS.Signals; readonly ms: number } | null = null;
  const receive = (name: NodeJS.Signals): void => {
    const ms = performance.now();
    const isEcho = name === first?.name && ms - first.ms < ECHO_MS;
    if (isEcho) return;
    if (first !== null) process.exit(EXIT_RESUMABLE);
    first = { name, ms };
    controller.abort(new StoppedError(name));
  };
  for (const name of STOP_SIGNALS) process.on(name, receive);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of STOP_SIGNALS) process.removeListener(name, receive);
    },
  };
}
