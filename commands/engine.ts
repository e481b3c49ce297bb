import { describeEngine, startEngine } from '../backend/engine';
import type { Engine, EngineChoice } from '../backend/engine';
import type { Terminal } from './terminal';
import { FailedError } from './usage';

/**
 * Starts the engine that the options choose and says which one computes.
 *
 * @throws {FailedError} when the engine that was asked for is not there, with the remedy.
 */
export async function startedEngine(
  { backend, threads }: { readonly backend: EngineChoice; readonly threads: number | null },
  terminal: Terminal,
): Promise<Engine> {
  const engine = await startEngine(backend, { threads }).catch((error: unknown) => {
    throw new FailedError(error instanceof Error ? error.message : String(error), { cause: error });
  });
  terminal.progress.note(describeEngine(engine));
  return engine;
}
