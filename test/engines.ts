import { beforeAll, describe } from 'vitest';
import { ladderOf, projectPackages, startEngine } from '../backend/engine';
import type { EngineId } from '../backend/engine';
import { nativeFolder } from '../backend/setup/places.cjs';

/** Why the tests of the native engine cannot run here; null where they can. */
export const withoutNative = reasonWithoutNative();

/** The fastest engine that is here at once: native TensorFlow, else plain JavaScript. */
export const quickest: EngineId = withoutNative === null ? 'tensorflow' : 'cpu';

/**
 * Describes the behaviour `title` on each engine, which is started before its tests.
 *
 * Where native TensorFlow is not there its tests are skipped, and their name says why.
 */
export function describeOn(
  engines: readonly EngineId[],
  title: string,
  suite: (engine: EngineId) => void,
): void {
  for (const engine of engines) {
    const reason = engine === 'tensorflow' ? withoutNative : null;
    const why = reason === null ? '' : ` (skipped: ${reason})`;
    describe.skipIf(reason !== null)(`${title} on ${engine}${why}`, () => {
      beforeAll(async () => {
        await startEngine(engine);
      });
      suite(engine);
    });
  }
}

function reasonWithoutNative(): string | null {
  const reasons: string[] = [];
  for (const rung of ladderOf(projectPackages(), nativeFolder())) {
    if (rung.id !== 'tensorflow') continue;
    try {
      rung.find?.();
      return null;
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  return reasons.join('; ');
}
