import { OptionError } from '../../errors';
import { removedCount } from './counts';

/** A common rate asks for more or fewer units than the limits of the groups leave. */
export class RateLimitError extends OptionError {
  override readonly name = 'RateLimitError';

  /**
   * @param side whether the rate lies below or above all that could be reached.
   * @param problem what follows the words `rate 0.9 `.
   */
  constructor(
    readonly side: 'below' | 'above',
    readonly rate: number,
    problem: string,
  ) {
    super({ option: 'rate', problem: `${rate} ${problem}` });
  }
}

/** How many units of a group or kernel a common ranking must remove at least and may remove at most. */
export interface Limits {
  readonly least: number;
  readonly most: number;
}

/** The limits of `units` under the options of Policy. */
export function limitsOf(
  units: number,
  {
    minKeep,
    minRate,
    maxRate,
  }: { readonly minKeep: number; readonly minRate: number; readonly maxRate: number },
): Limits {
  const most = Math.min(removedCount(units, maxRate), Math.max(0, units - minKeep));
  return { least: Math.min(removedCount(units, minRate), most), most };
}
