/** Amounts of a cost as people write them: `60%`, `0.6`, `20M`, `1.5ms`. */

/** What a target asks for: a share of what there is, in (0, 1), or a figure of its own. */
export interface Amount {
  readonly kind: 'share' | 'figure';
  readonly value: number;
}

/** The units of a figure with what each stands for; the empty one is of a bare number. */
export type Units = Readonly<Record<string, number>>;

const prefixes: Units = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** Units of costs; a bare time is in milliseconds. */
export const units = {
  count: prefixes,
  bytes: { ...prefixes, B: 1, kB: 1e3, MB: 1e6, GB: 1e9 },
  milliseconds: { '': 1, us: 1e-3, ms: 1, s: 1e3 },
} as const satisfies Record<string, Units>;

/** Reads `60%` and `0.6` as a share, `20M` and any bare number above 1 as a figure; null is neither. */
export function readAmount(given: string | number, of: Units): Amount | null {
  const form = /^\s*([+-]?[\d.]+(?:e[+-]?\d+)?)\s*([%a-z]*)\s*$/i;
  const [, digits = '', unit = ''] = form.exec(String(given)) ?? [];
  const number = readDecimal(digits);
  if (!(number > 0)) return null;
  if (unit === '%') return shareOf(number / 100);
  if (unit === '' && number <= 1) return shareOf(number);
  return Object.hasOwn(of, unit) ? { kind: 'figure', value: number * of[unit]! } : null;
}

function shareOf(value: number): Amount | null {
  return value < 1 ? { kind: 'share', value } : null;
}

/** The number that a text is from its first character to its last; NaN else. */
export function readDecimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
}
