/** A network of the zoo where one in a file is asked for. */
import { existsSync } from 'node:fs';
import type { Command, Key } from '../config';
import { options } from '../config';
import { ConfigError } from './error';
import { ids } from './ids';
import { bare } from './nearest';
import type { Setting } from './settings';

/**
 * Refuses `--model resnet20`, and says what builds one. It is not taken for `--arch`, since a network that is built
 * knows nothing: whoever has a trained one in a folder of that name, somewhere else, would never notice.
 *
 * @throws {ConfigError} when a file is asked for, the name is one of the zoo, and nothing of that name is there.
 */
export function refuseNetworkName(settings: ReadonlyMap<Key, Setting>, command: Command): void {
  for (const key of ['model', 'teacher'] as const) {
    const given = settings.get(key);
    if (typeof given?.value !== 'string' || existsSync(given.value)) continue;
    const named = bare(given.value);
    const arch = ids.arch.find((name) => bare(name) === named);
    if (arch === undefined) continue;
    const { commands } = options.get('arch')!;
    const isBuilt = key === 'model' && commands.includes(command);
    const way = isBuilt ? '' : '; train writes one, in the export/ of its run';
    throw new ConfigError({
      key: given.spelled,
      problem: `must be ${options.get(key)!.format.allowed}, and there is none of that name${way}`,
      received: given.value,
      source: given.source,
      nearest: isBuilt ? `--arch ${arch}` : null,
    });
  }
}
