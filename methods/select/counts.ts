import { OptionError } from '../../errors';

/** How many units a rate removes: integers by `exact` rules, or as the published codes count. */
export type CountingRule = 'exact' | 'paper';

/** Slack for rates that floating point puts just below an integer: 10 * (1 - 0.9) is 0.9999... */
const SLACK = 1e-9;

/**
 * @param whose what of the option, `of conv1 `; default all.
 * @throws {OptionError} when the value is not a fraction in [0, 1).
 */
export function checkRate(option: string, received: number, whose = ''): void {
  if (received >= 0 && received < 1) return;
  const allowed = 'in [0, 1)';
  throw new OptionError({ option, allowed, problem: `${whose}must be ${allowed}`, received });
}

/** Units removed of `units` at `rate`: floor(units * rate), safe against floating point. */
export function removedCount(units: number, rate: number): number {
  return Math.floor(units * rate + SLACK);
}

/** Which multiple a count is brought to: the next one up or down, or the nearer one (of two equally near the upper). */
export type Rounding = 'up' | 'down' | 'nearest';

const towards = {
  up: Math.ceil,
  down: Math.floor,
  nearest: Math.round,
} as const satisfies Record<Rounding, (value: number) => number>;

/**
 * `kept` brought to a multiple of `multiple`: at most `units`, at least the first multiple from `least` on.
 */
export function roundKept(
  kept: number,
  units: number,
  {
    multiple,
    rounding,
    least,
  }: { readonly multiple: number; readonly rounding: Rounding; readonly least: number },
): number {
  const count = towards[rounding](kept / multiple) * multiple;
  return Math.min(units, Math.max(count, Math.ceil(least / multiple) * multiple));
}
