import type { MethodId } from './registry';

/** The methods of one criterion: by filters, by single weights, or both. */
export interface Importance {
  readonly filter?: MethodId;
  readonly weight?: MethodId;
  /** The norm that goes with the name, where the method of filters takes one. */
  readonly norm?: 'l1' | 'l2';
}

/** The criteria by the names that `--importance` takes: another spelling of the methods. */
export const importances = {
  l1: { filter: 'norm-filter', weight: 'norm-weight', norm: 'l1' },
  l2: { filter: 'norm-filter', weight: 'norm-weight', norm: 'l2' },
  'geometric-median': { filter: 'fpgm' },
  random: { filter: 'random-filter', weight: 'random-weight' },
  'bn-scale': { filter: 'slimming' },
  taylor: { filter: 'taylor-filter', weight: 'taylor-weight' },
  entropy: { filter: 'entropy-filter', weight: 'entropy-weight' },
  apoz: { filter: 'apoz' },
  lamp: { weight: 'lamp' },
} as const satisfies Record<string, Importance>;

/** A name that `--importance` takes. */
export type ImportanceId = keyof typeof importances;
