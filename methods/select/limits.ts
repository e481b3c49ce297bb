import { removedCount } from './counts';

/** A common rate asks for more or fewer units than the limits of the groups leave. */
export class RateLimitError extends RangeError {
  override readonly name = 'RateLimitError';

  /** @param side whether the rate lies below or above all that could be reached. */
  constructor(
    readonly side: 'below' | 'above',
    message: string,
  ) {
    super(message);
  }
}

/** How many units of a group or kernel a common ranking must remove at least and may remove at most. */
export interface Limits {
  readonly least: number;
  readonly most: number;
}

/** The limits of `units` under the options of MethodOptions. */
export function limited(
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
