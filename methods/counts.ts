/** How many units a rate removes: integers by `exact` rules, or as the published codes count. */
export type CountingRule = 'exact' | 'paper';

/** Slack for rates that floating point puts just below an integer: 10 * (1 - 0.9) is 0.9999... */
const SLACK = 1e-9;

/** @throws {RangeError} when the value is not a fraction in [0, 1). */
export function checkRate(name: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw new RangeError(`${name} must be in [0, 1), got ${value}`);
}

/** Units removed of `units` at `rate`: floor(units * rate), safe against floating point. */
export function removedCount(units: number, rate: number): number {
  return Math.floor(units * rate + SLACK);
}

/** `kept` raised to a multiple of `multiple`, at most `units`. */
export function roundedUp(kept: number, units: number, multiple: number): number {
  return Math.min(units, Math.ceil(kept / multiple) * multiple);
}
