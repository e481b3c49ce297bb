import { OptionError } from '../errors';
import type { ConfigOf } from '../config';
import { checkRate } from '../methods/select/counts';
import { isJsonObject, readInputText } from '../files';
import type { JsonValue } from '../files';

/** The form of a rates.json: `{ "format": ..., "rates": { "conv1": 0.3 } }`. */
export const RATES_FORMAT = 'secateur-rates/1';

/**
 * The rules of a `--layer-rate-file`, then those of `--layer-rate`, of which the later count. Names are judged
 * later, on the network.
 *
 * @throws {OptionError} naming the file, when it is no rates.json.
 */
export async function layerRatesOf({
  layerRateFile,
  layerRate,
}: Pick<ConfigOf<'prune'>, 'layerRateFile' | 'layerRate'>): Promise<readonly string[]> {
  return layerRateFile === null ? layerRate : [...(await rulesOf(layerRateFile)), ...layerRate];
}

async function rulesOf(file: string): Promise<string[]> {
  try {
    const content = JSON.parse(await readInputText(file)) as JsonValue;
    const rates = isJsonObject(content) && content.format === RATES_FORMAT ? content.rates : null;
    if (!isJsonObject(rates ?? undefined)) {
      throw new TypeError(`it must hold {"format": "${RATES_FORMAT}", "rates": {PATTERN: X}}`);
    }
    return Object.entries(rates as object).map(([pattern, rate]) => {
      checkRate(`the rate of ${pattern}`, typeof rate === 'number' ? rate : NaN);
      return `${pattern}=${String(rate)}`;
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `${file}: ${reason}`;
    throw new OptionError({ option: 'layerRateFile', problem }, { cause: error });
  }
}
