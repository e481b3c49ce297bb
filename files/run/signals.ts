/** The signals that ask a run to stop in an orderly way; a handler may only set a flag, since state is half updated. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGUSR1'] as const satisfies readonly NodeJS.Signals[];

/**
 * Lets the signals that ask to stop pass until the process is gone: the engine takes a moment to end, and a
 * finished run must not look like a killed one.
 */
export function ignoreStopSignals(): void {
  for (const signal of STOP_SIGNALS) process.on(signal, () => undefined);
}

/** The exit code of a run that a signal stopped and `--resume` continues. */
export const EXIT_RESUMABLE = 75;

/**
 * Milliseconds in which the same signal counts as the one before: where npm runs us through a shell that replaces
 * itself by its command, a Ctrl-C comes twice, from the terminal and, half a millisecond later, passed on by npm.
 */
const ECHO_MS = 100;

/**
 * Remembers that a signal asked the run to stop; the step loop looks at `requested` and saves.
 *
 * The first SIGINT, SIGTERM or SIGUSR1 sets `requested`. A second one exits at once with code 75 and leaves the
 * last checkpoint as it is. Signals arrive only when the loop lets the event loop turn once in a while.
 */
export class StopRequest implements Disposable {
  #requested: NodeJS.Signals | null = null;
  #requestedMs = 0;
  #isListening = false;

  /** The first signal that came since `listen`; null while none did. */
  get requested(): NodeJS.Signals | null {
    return this.#requested;
  }

  /** Begins to catch the signals; the object is returned for `using stop = new StopRequest().listen()`. */
  listen(): this {
    if (this.#isListening) return this;
    for (const signal of STOP_SIGNALS) process.on(signal, this.#receive);
    this.#isListening = true;
    return this;
  }

  /** Gives the signals back their usual effect; `requested` stays. */
  [Symbol.dispose](): void {
    for (const signal of STOP_SIGNALS) process.removeListener(signal, this.#receive);
    this.#isListening = false;
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    const isEcho = signal === this.#requested && performance.now() - this.#requestedMs < ECHO_MS;
    if (isEcho) return;
    if (this.#requested !== null) process.exit(EXIT_RESUMABLE);
    this.#requested = signal;
    this.#requestedMs = performance.now();
  };
}
