/** `--pattern N:M` says what `--rate` would say. */
import type { Key } from '../config';
import { options } from '../config';
import { patternOf, patternRate } from '../methods/select/patterns';
import { ConfigError } from './error';
import type { Setting } from './settings';

/**
 * The settings with the rate 1 - N/M that an N:M pattern stands for among them; the same with any other.
 *
 * @throws {ConfigError} when another rate is set.
 */
export function withPatternRate(settings: ReadonlyMap<Key, Setting>): ReadonlyMap<Key, Setting> {
  const pattern = settings.get('pattern');
  if (!pattern) return settings;
  const { spelled, source, value: text } = pattern;
  const rate = patternRate(patternOf(text as string)); // has its format
  if (rate === null) return settings;
  const other = settings.get('rate');
  if (other && other.value !== rate && !isSavedDefault(other)) {
    throw new ConfigError({
      key: other.spelled,
      problem: `must be ${rate} with ${spelled} ${text as string}, or left out`,
      received: other.value,
      source: other.source,
    });
  }
  return new Map([...settings, ['rate', { key: 'rate', value: rate, spelled, source }]]);
}

/** Whether a file repeats the default, as the config.json of a run does. */
function isSavedDefault({ key, source, value }: Setting): boolean {
  return source.startsWith('file ') && value === options.get(key)!.default;
}
