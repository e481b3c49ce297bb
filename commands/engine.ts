import { describeEngine, startEngine } from '../backend/engine';
import type { Engine, EngineChoice } from '../backend/engine';
import { SecateurError } from '../errors';
import type { Terminal } from './terminal';

/** The engine that was asked for does not start; the message has the remedy. */
class EngineStartError extends SecateurError {
  override readonly name = 'EngineStartError';
}

/**
 * Starts the engine that the options choose and says which one computes.
 *
 * @throws {EngineStartError} when the engine that was asked for is not there, with the remedy.
 */
export async function startNamedEngine(
  { backend, threads }: { readonly backend: EngineChoice; readonly threads: number | null },
  terminal: Terminal,
): Promise<Engine> {
  const engine = await startEngine(backend, { threads }).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    throw new EngineStartError(message, { cause: error });
  });
  terminal.progress.note(describeEngine(engine));
  return engine;
}
